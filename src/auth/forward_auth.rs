//! What does another service say of this request? It is asked by the gateway; here its answer is judged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::challenge::Challenge;
use super::decision::{CredentialShown, Denial, Grant, Said};
use super::expression::facts::Facts;
use super::question::{Answer, Halt, Question};
use super::realm::{self, IdentityHeader};
use super::reason::Reason;
use super::request::Request;
use super::service_cache::ServiceCache;
use super::trace::{Step, Trace};

/// A service that is asked who may enter.
#[derive(Debug)]
pub struct VerifierService {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// How it is asked.
    pub call: ServiceCall,
    /// Admissions that are remembered, if they are to be.
    pub remembered: Option<ServiceCache>,
    /// What the upstream is told of whom it admits.
    pub identity_headers: Vec<IdentityHeader>,
    /// Of its answer, what the client gets when it admits.
    pub response_headers: Vec<HeaderName>,
    /// Shown with a 401 that has no challenge of its own.
    pub challenge: HeaderValue,
    /// What a client gets that it does not admit.
    pub on_denied: OnDenied,
}

/// How a service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCall {
    /// The place of its server among the upstreams of the snapshot.
    pub upstream: usize,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// `Host`.
    pub host: String,
    /// Headers of the client that it is shown.
    pub send_headers: Vec<HeaderName>,
    /// How long it may take, all in all.
    pub timeout: Duration,
}

/// What becomes of a refusal of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDenied {
    /// Its status, challenges and cookies are kept; the rest is ours.
    Status,
    /// The client gets all of it.
    PassOn,
}

/// An answer of a service, whole.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it may go on to a client.
    pub body: Bytes,
}

/// What came of asking.
#[derive(Debug, Clone)]
pub enum ServiceOutcome {
    /// It answered.
    Answered(Arc<ServiceAnswer>),
    /// It did not, or not in time, or not whole.
    Unavailable,
}

impl ServiceAnswer {
    /// Whether it admits or denies: anything else is no answer to the question.
    pub fn decides(&self) -> bool {
        match self.status {
            200..=299 | 401 | 403 => true,
            300..=399 => self.headers.contains_key(LOCATION),
            _ => false,
        }
    }
}

impl VerifierService {
    /// Lets in whom the service admits.
    pub fn enter<T: Trace>(self: &Arc<Self>, request: &Request<'_>, trace: &mut T) -> Result<Grant, Halt<Denial>> {
        let question = Question::Service(Arc::clone(self));
        match question.answer_in(request.answered) {
            None => Err(Halt::Ask(question)),
            Some(Answer::Service(ServiceOutcome::Answered(answer))) => Ok(self.judge(answer, request, trace)?),
            Some(
                Answer::Service(ServiceOutcome::Unavailable) | Answer::Look | Answer::Password(_) | Answer::Stage(_),
            ) => Err(Denial::of(Reason::ForwardAuthUnavailable).into()),
        }
    }

    fn judge<T: Trace>(
        &self,
        answer: &Arc<ServiceAnswer>,
        request: &Request<'_>,
        trace: &mut T,
    ) -> Result<Grant, Denial> {
        trace.note(Step::ServiceAnswered { service: &self.name, status: answer.status });
        match answer.status {
            200..=299 => self.admit(answer, request, trace),
            401 | 403 => Err(self.denied(answer)),
            300..=399 => match answer.headers.get(LOCATION) {
                Some(to) => Err(self.sent_elsewhere(to, answer)),
                None => Err(Denial::of(Reason::ForwardAuthUnavailable)),
            },
            _ => Err(Denial::of(Reason::ForwardAuthUnavailable)),
        }
    }

    fn admit<T: Trace>(
        &self,
        answer: &Arc<ServiceAnswer>,
        request: &Request<'_>,
        trace: &mut T,
    ) -> Result<Grant, Denial> {
        let facts = Facts { service: Some(answer), ..Facts::of(request) };
        let identity = realm::render(&self.identity_headers, &facts, trace).map_err(|reason| {
            let challenges = vec![Challenge::Verbatim(self.challenge.clone())];
            Denial { credential: CredentialShown::Yes, challenges, ..Denial::of(reason) }
        })?;
        let copied = self
            .response_headers
            .iter()
            .flat_map(|name| answer.headers.get_all(name).iter().map(move |value| (name.clone(), value.clone())));
        Ok(Grant::of_service(Arc::clone(answer), identity, copied.collect()))
    }

    fn denied(&self, answer: &Arc<ServiceAnswer>) -> Denial {
        let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter().cloned().map(Challenge::Verbatim);
        let mut challenges: Vec<_> = challenges.collect();
        if challenges.is_empty() && answer.status == 401 {
            challenges.push(Challenge::Verbatim(self.challenge.clone()));
        }
        let said = match self.on_denied {
            OnDenied::Status => Said { cookies: cookies_of(answer), ..Said::default() },
            OnDenied::PassOn => Said { whole: Some(Arc::clone(answer)), ..Said::default() },
        };
        Denial {
            status: answer.status,
            challenges,
            said: Some(Box::new(said)),
            ..Denial::of(Reason::ForwardAuthDenied)
        }
    }

    /// A browser that loads a page goes where the service says; everybody else is told 401.
    fn sent_elsewhere(&self, to: &HeaderValue, answer: &Arc<ServiceAnswer>) -> Denial {
        let challenges = vec![Challenge::Verbatim(self.challenge.clone())];
        let said = Said { redirect: Some((answer.status, to.clone())), cookies: cookies_of(answer), whole: None };
        Denial { challenges, said: Some(Box::new(said)), ..Denial::of(Reason::ForwardAuthDenied) }
    }
}

fn cookies_of(answer: &ServiceAnswer) -> Vec<HeaderValue> {
    answer.headers.get_all(SET_COOKIE).iter().cloned().collect()
}
