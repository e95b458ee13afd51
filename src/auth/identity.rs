//! Who is the caller, proven?

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue};

use super::claim_rules::Claims;
use super::expression::Prepared;
use super::realm::Enforcement;
use super::revocations::Revocations;
use super::single_use::{Once, UsedTokens};
use crate::jose::{Json, Object};

/// The content of a token that a key of the realm has proven, or a name that a password has. Only
/// [`super::verification`] and [`super::basic`] make one.
pub struct VerifiedToken {
    pub(super) algorithm: &'static str,
    pub(super) header: Json,
    pub(super) outer_header: Option<Json>,
    /// The ids of the keys that proved it, whether it names them or not.
    pub(super) key_ids: Vec<Box<str>>,
    pub(super) payload: Box<str>,
    pub(super) claims: Claims,
    /// The claims as expressions see them, made when the first one asks.
    pub(super) for_expressions: OnceLock<Prepared>,
}

impl VerifiedToken {
    /// What is known of a user whose password is right: a name, in `sub`.
    pub(super) fn of_user(name: &str) -> Self {
        let claims = Claims::of_subject(name);
        Self {
            algorithm: "",
            header: Json::Object(Object::default()),
            outer_header: None,
            key_ids: Vec::new(),
            payload: claims.json().to_compact().into(),
            claims,
            for_expressions: OnceLock::new(),
        }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A caller whom a realm has admitted: the proof that a token was found, verified and met every rule.
#[derive(Debug, Clone)]
pub struct Identity {
    realm: Arc<str>,
    token: Arc<VerifiedToken>,
    headers: Vec<(HeaderName, HeaderValue)>,
    leeway: Duration,
    /// What the token is used up by, if it admits once.
    once: Option<Use>,
}

/// The use that is made of a token which admits once.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub used: Arc<UsedTokens>,
    pub once: Once,
    pub enforcement: Enforcement,
}

impl Use {
    /// A realm in shadow notes the use, and refuses nobody.
    pub fn take(&self, now: SystemTime) -> bool {
        self.used.use_up(&self.once, now) || self.enforcement == Enforcement::Shadow
    }

    /// For a request that was refused after all. What a realm in shadow notes may be another request's use, and stays.
    pub fn give_back(&self) {
        if self.enforcement != Enforcement::Shadow {
            self.used.give_back(&self.once);
        }
    }

    /// Whether both are of one token in one realm.
    pub fn is_of_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.used, &other.used) && self.once.id == other.once.id
    }
}

impl Identity {
    pub(super) fn new(realm: Arc<str>, token: Arc<VerifiedToken>) -> Self {
        Self { realm, token, headers: Vec::new(), leeway: Duration::ZERO, once: None }
    }

    /// How much longer its token is good than it says.
    pub(super) fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    pub(super) fn once(self, once: Option<Use>) -> Self {
        Self { once, ..self }
    }

    /// The use that is to be made of its token, if it admits once.
    pub(super) fn pending(&self) -> Option<&Use> {
        self.once.as_ref()
    }

    pub(super) fn with_headers(self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { headers, ..self }
    }

    /// The realm that admitted.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The verified claims; always an object.
    pub fn claims(&self) -> &Json {
        self.token.claims.json()
    }

    /// The token's protected header, of a nested one that of the signed token within; always an object.
    pub fn header(&self) -> &Json {
        &self.token.header
    }

    /// The protected header of the encryption around a nested token.
    pub fn outer_header(&self) -> Option<&Json> {
        self.token.outer_header.as_ref()
    }

    /// The text of the claims; of a nested token, the signed token within.
    pub fn payload(&self) -> &str {
        &self.token.payload
    }

    /// The algorithm of the signature; of a token that is encrypted only, that of its key management.
    pub fn algorithm(&self) -> &'static str {
        self.token.algorithm
    }

    /// When its token expires, the leeway of the realm included.
    pub fn ends_at(&self) -> Option<SystemTime> {
        let expires = self.token.claims.expires_at()?;
        let end = Duration::try_from_secs_f64(expires).ok()?.checked_add(self.leeway)?;
        SystemTime::UNIX_EPOCH.checked_add(end)
    }

    /// Whether its token was called back.
    pub fn is_revoked_by(&self, lists: &Revocations) -> bool {
        lists.revoke(&self.token)
    }

    /// The `sub` claim, if it is text.
    pub fn subject(&self) -> Option<&str> {
        self.claims().member("sub").and_then(Json::as_str)
    }

    /// The `jti` claim, if it is text.
    pub fn token_id(&self) -> Option<&str> {
        self.claims().member("jti").and_then(Json::as_str)
    }

    /// The token's `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.header().member("kid").and_then(Json::as_str)
    }

    /// The identity headers of the realm for this request.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// The claims as expressions see them; converted once for a token.
    pub(super) fn prepared_claims(&self, convert: impl FnOnce(&Json) -> Prepared) -> &Prepared {
        self.token.for_expressions.get_or_init(|| convert(self.token.claims.json()))
    }
}
