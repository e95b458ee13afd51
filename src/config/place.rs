//! Where in the file does something stand, and what is wrong with it?

use std::fmt;
use std::ops::Deref;
use std::path::Path;

/// A place in the configuration file. The file's own name is known to whoever loads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The way through the keys, like `locations[2].access.realm`; empty for the file as a whole.
    pub path: String,
    /// Counted from 1; 0 when the problem is the file itself (it cannot be read).
    pub line: u32,
    /// In characters, counted from 1; 0 together with the line.
    pub column: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

/// One thing that is wrong (or, as a warning, doubtful) in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What it is, in words. Never holds a secret.
    pub text: String,
}

impl Place {
    /// The place just after `text`, in the file as a whole.
    pub(super) fn after(text: &str) -> Self {
        let last = text.rsplit('\n').next().unwrap_or_default();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            path: String::new(),
            line: count(text.matches('\n').count().saturating_add(1)),
            column: count(last.chars().count().saturating_add(1)),
        }
    }
}

impl<T> Located<T> {
    /// Puts a value at its place.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: Place, text: impl Into<String>) -> Self {
        Self { place, text: text.into() }
    }

    /// The problem as a person reads it: `FILE:12:7: locations[2].access.realm: no realm "dfiy"`.
    pub fn in_file(&self, file: &Path) -> impl fmt::Display {
        let file = file.display();
        if self.place.line == 0 { format!("{file}: {self}") } else { format!("{file}:{self}") }
    }
}

/// `1 problem`, `2 problems`.
pub fn counted(problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    format!("{} problem{plural}", problems.len())
}

/// Without the file name: `12:7: locations[2].access.realm: no realm "dfiy"`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { path, line, column } = &self.place;
        if *line > 0 {
            write!(f, "{line}:{column}: ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// The path of `key` below `path`. A key that is no plain word is quoted, so that no file can draw on a terminal.
pub(super) fn path_of_key(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{}]", quoted(key)),
    }
}

/// The path of item `index` of the list at `path`.
pub(super) fn path_of_item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// A text of the file for use in a problem: in quotes, control characters escaped, not endless.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{:?}", start + "…")
}

/// A key for use in a problem. `{secret:hunter2}`, with the space forgotten, is a key that holds a value: what follows
/// the colon is not shown.
pub(super) fn quoted_key(key: &str) -> String {
    match key.split_once(':') {
        Some((name, _)) => quoted(&format!("{name}:…")),
        None => quoted(key),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn problem(path: &str, line: u32) -> Problem {
        Problem::new(Place { path: path.to_owned(), line, column: line.min(7) }, "no realm \"dfiy\"")
    }

    #[test]
    fn a_problem_reads_as_file_line_column_path_and_words() {
        let file = Path::new("gate.yaml");
        assert_eq!(
            problem("locations[2].access.realm", 12).in_file(file).to_string(),
            "gate.yaml:12:7: locations[2].access.realm: no realm \"dfiy\""
        );
        assert_eq!(problem("", 12).in_file(file).to_string(), "gate.yaml:12:7: no realm \"dfiy\"");
        assert_eq!(problem("", 0).in_file(file).to_string(), "gate.yaml: no realm \"dfiy\"");
    }

    #[test]
    fn the_place_after_a_text_is_counted_in_lines_and_characters() {
        let place = Place::after("a: 1\né: ");
        assert_eq!((place.line, place.column), (2, 4));
    }

    #[test]
    fn paths_quote_what_is_no_plain_word() {
        assert_eq!(path_of_key("", "realms"), "realms");
        assert_eq!(path_of_key("realms", "a.b\u{1b}"), "realms[\"a.b\\u{1b}\"]");
        assert_eq!(path_of_item("locations", 2), "locations[2]");
    }

    #[test]
    fn a_value_glued_to_its_key_is_not_shown() {
        assert_eq!(quoted_key("secret:hunter2"), "\"secret:…\"");
        assert_eq!(quoted_key("realn"), "\"realn\"");
    }
}
