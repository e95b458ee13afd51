//! What must be found out before a decision can be made? The decision itself waits for nothing: who asked for it finds
//! the answer, and asks for the decision again.

use std::sync::Arc;

use super::forward_auth::{ServiceOutcome, VerifierService};
use super::identity::Identity;
use super::passwords::{Attempt, PasswordVerdict};
use super::stage::{Stage, StageVerdict};
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
    /// Is this the user's password?
    Password(Attempt),
    /// What does this service say of the request?
    Service(Arc<VerifierService>),
    /// What does this program say of it?
    Stage {
        /// The program.
        stage: Arc<Stage>,
        /// Who was admitted before.
        identity: Option<Box<Identity>>,
    },
}

/// What was found out.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is where the decision looks for it.
    Look,
    /// Whether the password is right.
    Password(PasswordVerdict),
    /// What the service said.
    Service(ServiceOutcome),
    /// What the program said.
    Stage(StageVerdict),
}

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What was asked.
    pub question: Question,
    /// What was found out.
    pub answer: Answer,
}

impl Question {
    /// The answer among those that were given already. The same question is not asked twice.
    pub fn answer_in<'a>(&self, answered: &'a [Answered]) -> Option<&'a Answer> {
        answered.iter().find(|given| given.question.is_same(self)).map(|given| &given.answer)
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keys(own), Self::Keys(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(own, other)| Arc::ptr_eq(own, other))
            }
            (Self::NamedKeys { source, name }, Self::NamedKeys { source: other, name: other_name }) => {
                Arc::ptr_eq(source, other) && name == other_name
            }
            (Self::Password(own), Self::Password(other)) => own.is_same(other),
            (Self::Service(own), Self::Service(other)) => Arc::ptr_eq(own, other),
            (Self::Stage { stage, identity }, Self::Stage { stage: other, identity: other_identity }) => {
                Arc::ptr_eq(stage, other) && is_same_caller(identity.as_deref(), other_identity.as_deref())
            }
            (Self::Keys(_) | Self::NamedKeys { .. } | Self::Password(_) | Self::Service(_) | Self::Stage { .. }, _) => {
                false
            }
        }
    }
}

/// Within one request: whether two were admitted by one realm for one token.
fn is_same_caller(one: Option<&Identity>, other: Option<&Identity>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.realm() == other.realm() && one.payload() == other.payload(),
        (Some(_), None) | (None, Some(_)) => false,
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
