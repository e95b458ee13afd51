//! What must be found out before a decision can be made? The decision itself waits for nothing: who asked for it finds
//! the answer, and asks for the decision again.

use std::sync::Arc;

use crate::keys::{KeySource, PerRequestSource};

/// Something to find out.
#[derive(Debug, Clone)]
pub enum Question {
    /// Which keys do these endpoints publish now? The token names one that nobody knows.
    Keys(Vec<Arc<KeySource>>),
    /// Which keys belong to what the request names?
    NamedKeys {
        /// Where they are looked for.
        source: Arc<PerRequestSource>,
        /// The name.
        name: String,
    },
}

impl PartialEq for Question {
    /// The same question has the same answer, which is not asked for twice.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keys(own), Self::Keys(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(own, other)| Arc::ptr_eq(own, other))
            }
            (Self::NamedKeys { source, name }, Self::NamedKeys { source: other, name: other_name }) => {
                Arc::ptr_eq(source, other) && name == other_name
            }
            (Self::Keys(_) | Self::NamedKeys { .. }, _) => false,
        }
    }
}

/// Why a request is not admitted, or not yet.
#[derive(Debug)]
pub enum Halt<R> {
    /// It is refused.
    Refuse(R),
    /// It depends.
    Ask(Question),
}

impl<R> Halt<R> {
    /// The same halt, with a refusal in other words.
    pub fn map<S>(self, refusal: impl FnOnce(R) -> S) -> Halt<S> {
        match self {
            Self::Refuse(refused) => Halt::Refuse(refusal(refused)),
            Self::Ask(question) => Halt::Ask(question),
        }
    }
}

impl<R> From<R> for Halt<R> {
    fn from(refusal: R) -> Self {
        Self::Refuse(refusal)
    }
}
