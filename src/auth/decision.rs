//! May the request pass? The two answers, and what each carries.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue};

use super::challenge::Challenge;
use super::forward_auth::ServiceAnswer;
use super::identity::{Identity, Use};
use super::question::Question;
use super::reason::Reason;

/// The answer to one request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It may pass, with this in hand.
    Allow(Grant),
    /// It may not.
    Deny(Denial),
    /// It depends on what is to be found out first.
    Ask(Question),
}

/// The permission to reach what a location protects. Only a decision makes one.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    identities: Vec<Identity>,
    service: Option<Arc<ServiceAnswer>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    response_headers: Vec<(HeaderName, HeaderValue)>,
    shadowed: Option<Shadowed>,
}

/// A refusal that was not enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// The realm that would have refused.
    pub realm: Arc<str>,
    /// Why.
    pub reason: Reason,
}

impl Grant {
    /// For callers whom a realm in shadow would have refused.
    pub(super) fn in_shadow(realm: Arc<str>, reason: Reason) -> Self {
        Self { shadowed: Some(Shadowed { realm, reason }), ..Self::default() }
    }

    /// Uses up every token that admits once, and once if it met a realm twice; of one that another request was faster to
    /// use, the realm, and then nothing is used up.
    pub(super) fn use_up(&self, now: SystemTime) -> Result<(), &str> {
        let mut taken: Vec<&Use> = Vec::new();
        for identity in &self.identities {
            let Some(pending) = identity.pending().filter(|pending| !taken.iter().any(|one| one.is_of_same(pending)))
            else {
                continue;
            };
            if !pending.take(now) {
                taken.into_iter().for_each(Use::give_back);
                return Err(identity.realm());
            }
            taken.push(pending);
        }
        Ok(())
    }

    /// The first refusal that was not enforced.
    pub fn shadowed(&self) -> Option<&Shadowed> {
        self.shadowed.as_ref()
    }

    /// For callers who need not say who they are.
    pub(super) fn anonymous() -> Self {
        Self::default()
    }

    pub(super) fn of(identity: Identity) -> Self {
        Self { identities: vec![identity], ..Self::default() }
    }

    /// For callers whom a service admitted: what the upstream is told of them, and what they are told.
    pub(super) fn of_service(
        answer: Arc<ServiceAnswer>,
        headers: Vec<(HeaderName, HeaderValue)>,
        response_headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        Self { service: Some(answer), headers, response_headers, ..Self::default() }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.identities.extend(other.identities);
        self.headers.extend(other.headers);
        self.response_headers.extend(other.response_headers);
        self.service = other.service.or(self.service);
        self.shadowed = self.shadowed.or(other.shadowed);
        self
    }

    pub(super) fn with_headers(mut self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Who was admitted; of several, the last.
    pub fn identity(&self) -> Option<&Identity> {
        self.identities.last()
    }

    /// Everybody who was admitted.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The answer of the service that admitted; of several, the last.
    pub fn service(&self) -> Option<&ServiceAnswer> {
        self.service.as_deref()
    }

    /// Every identity header that the upstream is to be sent.
    pub fn identity_headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.identities.iter().flat_map(Identity::headers).chain(&self.headers)
    }

    /// What services have to tell the client, such as a renewed session.
    pub fn response_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.response_headers
    }
}

/// A refusal: what is logged, and what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The reason that is logged.
    pub reason: Reason,
    /// The status that is answered.
    pub status: u16,
    /// What the client has to show; with 401 and 403 only.
    pub challenges: Vec<Challenge>,
    /// Whether the client showed a credential.
    pub credential: CredentialShown,
    /// The realm that refused, if one did.
    pub realm: Option<Arc<str>>,
    /// What a service wants the client to be told.
    pub said: Option<Box<Said>>,
}

/// What a service that refuses wants the client to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The status and the place that a browser is sent to when it loads a page.
    pub redirect: Option<(u16, HeaderValue)>,
    /// Cookies.
    pub cookies: Vec<HeaderValue>,
    /// All of its answer, in the place of ours.
    pub whole: Option<Arc<ServiceAnswer>>,
}

/// Whether the client showed a credential to whoever refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialShown {
    /// It did, and it was not good enough.
    Yes,
    /// It did not, or was not asked.
    No,
}

impl Denial {
    /// A refusal that asks for nothing.
    pub fn of(reason: Reason) -> Self {
        Self {
            reason,
            status: reason.status(),
            challenges: Vec::new(),
            credential: CredentialShown::No,
            realm: None,
            said: None,
        }
    }
}
