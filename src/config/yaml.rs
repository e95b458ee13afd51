//! What is the structure of the text, and where does each part of it stand?
//!
//! The parser's events become a tree of nodes that know their line and column. What YAML allows and this language does
//! not (tags, merge keys, several documents, keys that are not text, endless aliases) is refused here.

use saphyr_parser::Parser;
use zeroize::Zeroizing;

use super::place::Place;
use super::report::Report;

mod builder;

use builder::Builder;

/// A part of the file.
#[derive(Clone)]
pub(super) struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

/// What a part of the file is.
#[derive(Clone)]
pub(super) enum Kind {
    /// May be a secret; wiped when dropped, and without `Debug`.
    Scalar {
        text: Zeroizing<String>,
        style: Style,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
    /// Had a problem that has been reported.
    Broken,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// In quotes, or as a block.
    Quoted,
    /// Plain, and filled from the environment: never null, since a value must not change the structure.
    Filled,
}

/// A key of a mapping.
#[derive(Clone)]
pub(super) struct Key {
    /// As written, without its quotes; never filled from the environment.
    pub text: String,
    /// Where it begins, counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

impl Node {
    /// Whether nothing was written, or one of YAML's words for nothing.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, style: Style::Plain } => is_null_word(text),
            Kind::Scalar { style: Style::Quoted | Style::Filled, .. }
            | Kind::Sequence(_)
            | Kind::Mapping(_)
            | Kind::Broken => false,
        }
    }

    /// How many nodes it is made of, and how many levels.
    fn extent(&self) -> (usize, usize) {
        let grow = |(nodes, levels): (usize, usize), child: &Node| {
            let (more, below) = child.extent();
            (nodes.saturating_add(more), levels.max(below.saturating_add(1)))
        };
        match &self.kind {
            Kind::Scalar { .. } | Kind::Broken => (1, 1),
            Kind::Sequence(items) => items.iter().fold((1, 1), grow),
            Kind::Mapping(entries) => entries.iter().map(|(_, node)| node).fold((1, 1), grow),
        }
    }
}

/// YAML 1.2.2 §10.3.2.
pub(super) fn is_null_word(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The tree of the one document in `text`; `None` after a problem that leaves no tree.
pub(super) fn read(text: &str, report: &mut Report) -> Option<Node> {
    refuse_control_characters(text, report)?;
    let mut builder = Builder::new(report);
    let mut parser = Parser::new_from_str(text);
    // Stops at the first error: the parser has no way to find its feet again.
    while let Some(next) = parser.next_event() {
        let outcome = match next {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => builder.syntax_error(&error),
        };
        outcome.ok()?;
    }
    let root = builder.finish().filter(|root| !root.is_null());
    if root.is_none() {
        report.problem(Place::after(""), "the file is empty");
    }
    root
}

/// YAML 1.2.2 §5.1 does not allow them, and the parser takes a NUL for the end: what follows would be lost in silence.
fn refuse_control_characters(text: &str, report: &mut Report) -> Option<()> {
    let Some((before, found)) = text.char_indices().find_map(|(start, found)| {
        let refused = found.is_control() && !matches!(found, '\t' | '\n' | '\r' | '\u{85}');
        text.get(..start).zip(refused.then_some(found))
    }) else {
        return Some(());
    };
    let words = format!("a control character (U+{:04X}) is not text", u32::from(found));
    report.problem(Place::after(before), words);
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
