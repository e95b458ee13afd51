//! What does a program of somebody else say of this request? Stages that are registered through the library.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::challenge::Challenge;
use super::decision::{CredentialShown, Denial, Grant};
use super::identity::Identity;
use super::question::{Answer, Halt, Question};
use super::reason::Reason;
use super::request::{Request, Scheme};
use super::trace::{Step, Trace};

/// Judges requests, as a condition of `access`: `{ stage: NAME }`.
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// Judges one request. It is asked once for a request and the identity that it has; a panic is no admission.
    async fn authorize(&self, request: &StageRequest) -> StageVerdict;
}

/// What a stage knows of a request. Identity headers that the client sent are gone already.
#[derive(Clone)]
pub struct StageRequest {
    /// The method.
    pub method: Method,
    /// The path in normal form, which is what is sent on.
    pub path: String,
    /// The query as it came.
    pub query: Option<String>,
    /// Lower case, without port.
    pub host: String,
    /// How the client spoke.
    pub scheme: Scheme,
    /// The client's address; `None` if it is not known.
    pub client: Option<IpAddr>,
    /// The headers.
    pub headers: HeaderMap,
    /// Who was admitted by the conditions to the left, if anybody was.
    pub identity: Option<Identity>,
}

/// What a stage says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageVerdict {
    /// The request may pass this condition.
    Admit,
    /// It may not: 403.
    Forbid,
    /// It may not, unless the client shows something: 401 with this challenge.
    Challenge(HeaderValue),
    /// Nobody can say now: 503.
    Unavailable,
}

/// A stage that a configuration uses.
pub struct Stage {
    /// Its name.
    pub name: Arc<str>,
    /// The program.
    pub authorizer: Arc<dyn Authorizer>,
}

/// The stages that a program has registered, by name.
#[derive(Clone, Default)]
pub struct Stages(HashMap<String, Arc<dyn Authorizer>>);

impl Stages {
    /// Registers one; a name that is taken gets the new one.
    pub fn insert(&mut self, name: String, authorizer: Arc<dyn Authorizer>) {
        self.0.insert(name, authorizer);
    }

    /// The stage of a name.
    pub fn get(&self, name: &str) -> Option<Stage> {
        let authorizer = Arc::clone(self.0.get(name)?);
        Some(Stage { name: name.into(), authorizer })
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Stage {
    /// Lets pass what the program lets pass.
    pub fn enter<T: Trace>(
        self: &Arc<Self>,
        request: &Request<'_>,
        identity: Option<&Identity>,
        trace: &mut T,
    ) -> Result<Grant, Halt<Denial>> {
        let question = Question::Stage { stage: Arc::clone(self), identity: identity.cloned().map(Box::new) };
        let verdict = match question.answer_in(request.answered) {
            None => return Err(Halt::Ask(question)),
            Some(Answer::Stage(verdict)) => verdict,
            Some(Answer::Look | Answer::Password(_) | Answer::Service(_)) => &StageVerdict::Unavailable,
        };
        trace.note(Step::StageJudged { stage: &self.name, verdict });
        let denial = |status| Denial { status, credential: CredentialShown::Yes, ..Denial::of(Reason::StageDenied) };
        match verdict {
            StageVerdict::Admit => Ok(Grant::anonymous()),
            StageVerdict::Forbid => Err(denial(403).into()),
            StageVerdict::Challenge(challenge) => {
                let challenges = vec![Challenge::Verbatim(challenge.clone())];
                Err(Denial { challenges, ..denial(401) }.into())
            }
            StageVerdict::Unavailable => Err(denial(503).into()),
        }
    }
}

/// Headers and queries hold credentials: names of the former, nothing of the latter.
impl fmt::Debug for StageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("StageRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("host", &self.host)
            .field("client", &self.client)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
