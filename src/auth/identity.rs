//! Who is the caller, proven?

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderName, HeaderValue};

use super::claim_rules::Claims;
use super::expression::Prepared;
use crate::jose::{Json, JwsAlgorithm};

/// The content of a token whose signature a key of the realm has verified. Only [`super::realm`] makes one.
pub struct VerifiedToken {
    algorithm: JwsAlgorithm,
    header: Json,
    payload: Box<str>,
    claims: Claims,
    /// The claims as expressions see them, made when the first one asks.
    for_expressions: OnceLock<Prepared>,
}

impl VerifiedToken {
    pub(super) fn new(algorithm: JwsAlgorithm, header: Json, payload: Box<str>, claims: Claims) -> Self {
        Self { algorithm, header, payload, claims, for_expressions: OnceLock::new() }
    }

    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn header(&self) -> &Json {
        &self.header
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
}

impl Identity {
    pub(super) fn new(realm: Arc<str>, token: Arc<VerifiedToken>) -> Self {
        Self { realm, token, headers: Vec::new() }
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

    /// The token's protected header; always an object.
    pub fn header(&self) -> &Json {
        &self.token.header
    }

    /// The text of the claims.
    pub fn payload(&self) -> &str {
        &self.token.payload
    }

    /// The algorithm of the signature.
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.token.algorithm
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
