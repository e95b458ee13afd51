//! Does this token prove who is calling? From a credential to an identity, in the order of the reason codes.

use std::sync::Arc;

use http::header::{ORIGIN, UPGRADE};
use http::{HeaderName, HeaderValue, Method};

use super::claim_rules::{ClaimRules, Claims};
use super::credential::{self, TokenSource};
use super::expression::Expression;
use super::expression::facts::Facts;
use super::expression::template::Template;
use super::expression::text::TextProblem;
use super::identity::{Identity, Use, VerifiedToken};
use super::proof::Proof;
use super::question::Halt;
use super::reason::Reason;
use super::refused_cache::RefusedCache;
use super::request::Request;
use super::revocations::Revocations;
use super::single_use::{Once, UsedTokens};
use super::trace::{Step, Trace};
use super::verification::{Measure, is_well_formed};
use super::verified_cache::VerifiedCache;
use crate::jose::Json;

/// Everything that a realm asks of a token.
#[derive(Debug)]
pub struct Realm {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The realm text of its challenges.
    pub challenge: Template,
    /// Where it looks for a token.
    pub sources: Vec<TokenSource>,
    /// What it asks for before it believes a token.
    pub proof: Proof,
    /// Its rules for claims.
    pub claims: ClaimRules,
    /// Expressions that must hold.
    pub require: Vec<Requirement>,
    /// Tokens that were called back.
    pub revoked: Option<Arc<Revocations>>,
    /// Tokens that were used, where each admits once.
    pub used: Option<Arc<UsedTokens>>,
    /// Pages of these origins may change things with a cookie; `None`: it is not looked at.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether refusals are enforced.
    pub enforcement: Enforcement,
    /// What the upstream is told of the caller.
    pub identity_headers: Vec<IdentityHeader>,
    /// Tokens that were verified before.
    pub verified: Arc<VerifiedCache>,
    /// Tokens whose signature was not good.
    pub refused: Arc<RefusedCache>,
    /// Told of hits and misses.
    pub observer: Arc<dyn CacheObserver>,
}

/// Whether refusals are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// They are.
    Enforce,
    /// They are told, and the request is admitted.
    Shadow,
}

/// Counts look-ups in the cache of verified signatures.
pub trait CacheObserver: Send + Sync + std::fmt::Debug {
    /// A look-up was made.
    fn looked_up(&self, realm: &str, lookup: Lookup);
}

/// What came of looking in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The signature was verified before.
    Hit,
    /// It had to be verified now.
    Miss,
}

/// An expression of `require`, and the status of requests for which it is false.
#[derive(Debug)]
pub struct Requirement {
    /// The expression.
    pub check: Expression,
    /// 401 or 403.
    pub status: u16,
}

/// A header that tells the upstream of the caller.
#[derive(Debug)]
pub struct IdentityHeader {
    /// Its name, which no client can send.
    pub name: HeaderName,
    /// Its value.
    pub value: Template,
}

/// Why a realm did not admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The status, which `require` may set.
    pub status: u16,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, status: reason.status() }
    }
}

impl Realm {
    /// Admits the caller of a request, or says why not. `Ok(None)`: there is no token.
    pub fn admit<T: Trace>(&self, request: &Request<'_>, trace: &mut T) -> Result<Option<Identity>, Halt<Refusal>> {
        trace.note(Step::Realm(&self.name));
        let Some(credential) = credential::find(&self.sources, request).map_err(Refusal::from)? else {
            trace.note(Step::NoToken);
            return Ok(None);
        };
        trace.note(Step::TokenFound(credential.source));
        self.judge_origin(credential.source, request).map_err(Refusal::from)?;
        let token = self.authenticate(&credential.token, request, trace).map_err(|halt| halt.map(Refusal::from))?;
        let called_back = match &self.revoked {
            Some(lists) if lists.revoke(&token) => Err(Reason::TokenRevoked),
            Some(_) | None => Ok(()),
        };
        let claims = self.claims.verified(&token.header, &token.claims, request.now, called_back, trace);
        claims.map_err(Refusal::from)?;
        let once = self.once(&token.claims).map_err(Refusal::from)?;
        let identity = Identity::new(Arc::clone(&self.name), token).once(once).with_leeway(self.claims.leeway);
        let facts = Facts { request, identity: Some(&identity), service: None, outcome: None };
        self.requirements(&facts, trace)?;
        let headers = render(&self.identity_headers, &facts, trace).map_err(Refusal::from)?;
        Ok(Some(identity.with_headers(headers)))
    }

    /// A browser sends a cookie with whatever any page makes it send; what changes things must come from a page of ours.
    fn judge_origin(&self, source: &TokenSource, request: &Request<'_>) -> Result<(), Reason> {
        let (Some(allowed), TokenSource::Cookie(_)) = (&self.allowed_origins, source) else { return Ok(()) };
        let safe = matches!(request.head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if safe && !request.head.headers.contains_key(UPGRADE) {
            return Ok(());
        }
        let mut origins = request.head.headers.get_all(ORIGIN).iter();
        let from = match (origins.next(), origins.next()) {
            (Some(origin), None) => origin.as_bytes(),
            (None, _) | (Some(_), Some(_)) => return Err(Reason::OriginRefused),
        };
        let ours = allowed.iter().any(|origin| origin.as_bytes() == from);
        if ours { Ok(()) } else { Err(Reason::OriginRefused) }
    }

    /// What a token is used up by, where each admits once.
    fn once(&self, claims: &Claims) -> Result<Option<Use>, Reason> {
        let Some(used) = &self.used else { return Ok(None) };
        let id = claims.json().member("jti").and_then(Json::as_str).ok_or(Reason::ClaimMissing)?;
        let expires = claims.expires_at().ok_or(Reason::ClaimMissing)?;
        let once = Once { id: id.to_owned(), until: expires + self.claims.leeway.as_secs_f64() };
        let pending = Use { used: Arc::clone(used), once, enforcement: self.enforcement };
        if pending.used.contain(&pending.once) { Err(Reason::TokenUsed) } else { Ok(Some(pending)) }
    }

    /// The verified content of a token: from the cache, or by verifying it now.
    fn authenticate<T: Trace>(
        &self,
        token: &str,
        request: &Request<'_>,
        trace: &mut T,
    ) -> Result<Arc<VerifiedToken>, Halt<Reason>> {
        // Another listener may have let in a larger one, which is remembered.
        if token.len() > request.largest_token {
            return Err(Halt::Refuse(Reason::TokenTooLarge));
        }
        let proof = match self.proof.bind(request) {
            Ok(proof) => proof,
            Err(question) => {
                is_well_formed(&self.proof, token, request.largest_token)?;
                return Err(Halt::Ask(question));
            }
        };
        // Who listens wants to see the signature verified.
        if !T::LISTENS
            && let Some(known) = self.verified.find(token, |proven| proof.is_current(proven))
        {
            self.observer.looked_up(&self.name, Lookup::Hit);
            return Ok(known);
        }
        let measure =
            Measure { largest: request.largest_token, claims: &self.claims, refused: Some(&self.refused), request };
        let (proven, verified) = proof.verify(token, &measure, trace)?;
        let verified = Arc::new(verified);
        self.verified.insert(token, proven, &verified);
        self.observer.looked_up(&self.name, Lookup::Miss);
        Ok(verified)
    }

    fn requirements<T: Trace>(&self, facts: &Facts<'_>, trace: &mut T) -> Result<(), Refusal> {
        for requirement in &self.require {
            let holds = requirement.check.holds(facts);
            trace.note(Step::Expression { source: requirement.check.source(), verdict: holds.into() });
            if !holds {
                return Err(Refusal { reason: Reason::RequirementFailed, status: requirement.status });
            }
        }
        Ok(())
    }
}

/// Makes identity headers. One without a value is not sent; one with a value that must not be sent refuses the request.
pub fn render<T: Trace>(
    headers: &[IdentityHeader],
    facts: &Facts<'_>,
    trace: &mut T,
) -> Result<Vec<(HeaderName, HeaderValue)>, Reason> {
    let mut rendered = Vec::with_capacity(headers.len());
    for header in headers {
        match header.value.render(facts) {
            Ok(Some(text)) => {
                let value = header_value(&text)?;
                trace.note(Step::IdentityHeader(&header.name, &value));
                rendered.push((header.name.clone(), value));
            }
            Ok(None) | Err(TextProblem::Failed) => trace.note(Step::IdentityHeaderAbsent(&header.name)),
            Err(TextProblem::Unusable(_)) => return Err(Reason::ClaimUnusable),
        }
    }
    Ok(rendered)
}

/// Refuses control characters, and white space at the ends, which HTTP would drop: `" admin"` would arrive as `admin`.
fn header_value(text: &str) -> Result<HeaderValue, Reason> {
    if text.contains(char::is_control) || text.starts_with(' ') || text.ends_with(' ') {
        return Err(Reason::ClaimUnusable);
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Reason::ClaimUnusable)
}
