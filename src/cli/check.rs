//! `portcullis check`: is this configuration good?

use std::path::Path;

use super::Exit;
use crate::config::counted;
use crate::gateway::live;
use crate::gateway::metrics::Metrics;

/// Loads everything that `run` would, and prints every problem and warning.
pub fn check(file: &Path) -> Exit {
    let metrics = match Metrics::new() {
        Ok(metrics) => metrics,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Failure;
        }
    };
    let loaded = live::load(file, None, &metrics);
    for warning in &loaded.warnings {
        eprintln!("warning: {}", warning.in_file(file));
    }
    for problem in &loaded.problems {
        eprintln!("{}", problem.in_file(file));
    }
    if loaded.problems.is_empty() {
        println!("{}: good", file.display());
        Exit::Success
    } else {
        eprintln!("{}: {}", file.display(), counted(&loaded.problems));
        Exit::BadConfiguration
    }
}
