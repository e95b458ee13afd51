//! What does this JSON say, with nothing repaired and nothing lost? (RFC 8259; RFC 7519 §4 on duplicate names.)
//!
//! Made for tokens: duplicate member names are refused, nesting is bounded, and a number keeps its exact text.

mod reader;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
mod writer;

use std::collections::HashSet;
use std::fmt;

use super::error::JsonError;
pub use writer::compact_text;

/// Up to this many members, comparing each name with each other one is faster than hashing them.
const FEW_MEMBERS: usize = 16;

/// A JSON value (RFC 8259 §3). Two values are equal when their texts are, but for white space and escapes; so the
/// numbers `1` and `1.0` differ. `Debug` shows the shape and never the content, which may be a claim or a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in the digits it was written in.
    Number(Number),
    /// A string, with its escapes resolved.
    String(Box<str>),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// Reads a whole JSON text.
    ///
    /// # Errors
    /// [`JsonError`] for anything that RFC 8259 does not allow, for duplicate member names (compared after
    /// unescaping), for nesting deeper than 32, and for lone surrogates.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        reader::read(text)
    }

    /// The value in JSON text without white space; numbers as they were written.
    #[must_use]
    pub fn to_compact(&self) -> String {
        writer::compact(self)
    }

    /// The member of this name, if the value is an object that has it.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Json> {
        self.as_object()?.get(name)
    }

    /// The object, if it is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => None,
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bool(_) => f.write_str("Bool"),
            Self::Number(number) => number.fmt(f),
            Self::String(text) => write!(f, "String({} bytes)", text.len()),
            Self::Array(elements) => write!(f, "Array({} elements)", elements.len()),
            Self::Object(object) => object.fmt(f),
        }
    }
}

/// A JSON number in the exact digits of its text (RFC 8259 §6).
#[derive(Clone, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// The number as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest double; `None` where only infinity would be near (`1e400`).
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The value, if it is written as an integer (no fraction, no exponent) and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The value, if it is written as an integer without a sign and fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({} bytes)", self.0.len())
    }
}

/// A JSON object: members in the order of the text, each name once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Object(Box<[(Box<str>, Json)]>);

impl Object {
    /// An object of these members; `None` if two have the same name.
    #[must_use]
    pub fn from_members(members: Vec<(Box<str>, Json)>) -> Option<Self> {
        names_differ(&members).then(|| Self(members.into_boxed_slice()))
    }

    /// The value of the member of this name; the case must be exact (RFC 7515 §4).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The members in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many members there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} members)", self.len())
    }
}

fn names_differ(members: &[(Box<str>, Json)]) -> bool {
    if members.len() > FEW_MEMBERS {
        // The standard hasher has a random key, so a sender cannot choose names that collide.
        let mut seen = HashSet::with_capacity(members.len());
        return members.iter().all(|(name, _)| seen.insert(&**name));
    }
    let mut rest = members;
    while let Some(((name, _), others)) = rest.split_first() {
        if others.iter().any(|(other, _)| other == name) {
            return false;
        }
        rest = others;
    }
    true
}
