//! What do the gateway's own answers say, and which headers does every answer carry?

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::HeaderEdit;
use crate::auth::expression::template::Template;

/// A body that is the same every time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its media type.
    pub media_type: String,
    /// Its octets.
    pub octets: Bytes,
}

/// What the configuration says of a status.
#[derive(Debug, Default)]
pub struct CustomAnswer {
    /// Where a browser that loads a page is sent instead.
    pub browser: Option<Template>,
    /// What everybody else gets; `None`: what they would get anyway.
    pub body: Option<Fixed>,
}

/// Answers of the configuration, by status: a location's own, then those of the file.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// The nearest first.
    levels: Vec<Arc<HashMap<u16, CustomAnswer>>>,
}

impl Answers {
    /// The answers of the file alone.
    pub fn of_file(answers: HashMap<u16, CustomAnswer>) -> Self {
        Self { levels: vec![Arc::new(answers)] }
    }

    /// The same, with those of a location before them.
    pub fn with_location(&self, answers: HashMap<u16, CustomAnswer>) -> Self {
        let mut levels = self.levels.clone();
        if !answers.is_empty() {
            levels.insert(0, Arc::new(answers));
        }
        Self { levels }
    }

    /// The nearest answer for a status, if the configuration says anything.
    pub fn get(&self, status: u16) -> Option<&CustomAnswer> {
        self.levels.iter().find_map(|level| level.get(&status))
    }
}

/// Headers set or removed in every response: those of the file, then those of the location.
#[derive(Debug, Clone, Default)]
pub struct ResponseHeaders {
    levels: Vec<Arc<Vec<HeaderEdit>>>,
}

impl ResponseHeaders {
    /// Those of the file alone.
    pub fn of_file(edits: Vec<HeaderEdit>) -> Self {
        Self { levels: if edits.is_empty() { Vec::new() } else { vec![Arc::new(edits)] } }
    }

    /// The same, and after them those of a location.
    pub fn with_location(&self, edits: Vec<HeaderEdit>) -> Self {
        let mut levels = self.levels.clone();
        if !edits.is_empty() {
            levels.push(Arc::new(edits));
        }
        Self { levels }
    }

    /// All edits, in the order in which they are made.
    pub fn edits(&self) -> impl Iterator<Item = &HeaderEdit> {
        self.levels.iter().flat_map(|level| level.iter())
    }
}
