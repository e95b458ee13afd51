//! May the request pass? The two answers, and what each carries.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::challenge::Challenge;
use super::identity::Identity;
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
    location_headers: Vec<(HeaderName, HeaderValue)>,
}

impl Grant {
    /// For callers who need not say who they are.
    pub(super) fn anonymous() -> Self {
        Self::default()
    }

    pub(super) fn of(identity: Identity) -> Self {
        Self { identities: vec![identity], location_headers: Vec::new() }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.identities.extend(other.identities);
        self
    }

    pub(super) fn with_headers(self, location_headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { location_headers, ..self }
    }

    /// Who was admitted; of several, the last.
    pub fn identity(&self) -> Option<&Identity> {
        self.identities.last()
    }

    /// Every identity header that the upstream is to be sent.
    pub fn identity_headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.identities.iter().flat_map(Identity::headers).chain(&self.location_headers)
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
        Self { reason, status: reason.status(), challenges: Vec::new(), credential: CredentialShown::No, realm: None }
    }
}
