//! What has been found wrong so far?

use super::place::{Place, Problem};

/// Collects problems, so that all of them are told in one run.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What forbids to use the file.
    pub problems: Vec<Problem>,
    /// What is doubtful.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// Notes what forbids to use the file.
    pub fn problem(&mut self, place: Place, text: impl Into<String>) {
        self.problems.push(Problem::new(place, text));
    }

    /// Notes what is allowed and doubtful.
    pub fn warning(&mut self, place: Place, text: impl Into<String>) {
        self.warnings.push(Problem::new(place, text));
    }

    /// Puts everything in file order. Stable: two findings at one place stay in the order in which they were made.
    pub fn sort(&mut self) {
        self.problems.sort_by_key(in_file_order);
        self.warnings.sort_by_key(in_file_order);
    }
}

fn in_file_order(problem: &Problem) -> (u32, u32) {
    (problem.place.line, problem.place.column)
}
