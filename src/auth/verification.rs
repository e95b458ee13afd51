//! Does a token prove what it says, with the keys of this request? In the order of the reason codes.

use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::claim_rules::{ClaimRules, Claims};
use super::identity::VerifiedToken;
use super::proof::{Encryption, Proof, Signature};
use super::question::Halt;
use super::realm_keys::RequestKeys;
use super::reason::Reason;
use super::refused_cache::RefusedCache;
use super::request::Request;
use super::trace::{NoTrace, Step, Trace, Verdict};
use crate::jose::{EncryptedToken, Json, SignedToken, TokenError};
use crate::keys::{Generation, KeyView, NoKey};

/// What a realm asks for, with the keys for one request.
#[derive(Debug)]
pub enum BoundProof<'k> {
    /// A signature.
    Signed(Bound<'k, Signature>),
    /// That it can be decrypted.
    Encrypted(Bound<'k, Encryption>),
    /// Both.
    Nested(Bound<'k, Encryption>, Bound<'k, Signature>),
}

/// Rules with the keys for one request.
#[derive(Debug)]
pub struct Bound<'k, R> {
    /// What is asked for.
    pub rules: &'k R,
    /// The keys.
    pub keys: RequestKeys<'k>,
}

/// Whether a token is in the form that a proof asks for; cheap, for those who would have to look for keys.
pub fn is_well_formed(proof: &Proof, text: &str, largest: usize) -> Result<(), Reason> {
    match proof {
        Proof::Signed(_) => SignedToken::parse(text, largest).map(drop),
        Proof::Encrypted(_) | Proof::Nested(..) => EncryptedToken::parse(text, largest).map(drop),
    }
    .map_err(reason_of)
}

/// What a token is judged by besides its keys.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'m> {
    /// Larger tokens are refused, in octets.
    pub largest: usize,
    /// Rules for the claims, which are read before the signature is looked at.
    pub claims: &'m ClaimRules,
    /// Tokens that need not be looked at again.
    pub refused: Option<&'m RefusedCache>,
    /// What the token came with.
    pub request: &'m Request<'m>,
}

/// The loads of keys that proved a token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ProvenBy {
    signature: Option<Generation>,
    encryption: Option<Generation>,
}

impl ProvenBy {
    /// Whether the token was encrypted.
    pub fn was_decrypted(self) -> bool {
        self.encryption.is_some()
    }

    /// By a key that decrypts.
    #[cfg(test)]
    pub fn decrypted_by(generation: Generation) -> Self {
        Self { encryption: Some(generation), ..Self::default() }
    }
}

impl BoundProof<'_> {
    /// Whether the keys that proved a token before are still those for this request.
    pub fn is_current(&self, proven: ProvenBy) -> bool {
        match (self, proven.signature, proven.encryption) {
            (Self::Signed(signature), Some(by), None) => signature.keys.ring.is_current(by),
            (Self::Encrypted(encryption), None, Some(by)) => encryption.keys.ring.is_current(by),
            (Self::Nested(encryption, signature), Some(inner), Some(outer)) => {
                signature.keys.ring.is_current(inner) && encryption.keys.ring.is_current(outer)
            }
            (Self::Signed(_) | Self::Encrypted(_) | Self::Nested(..), _, _) => false,
        }
    }

    /// The content of a token that proves itself, in the order of the reason codes.
    pub fn verify<T: Trace>(
        &self,
        token: &str,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<(ProvenBy, VerifiedToken), Halt<Reason>> {
        match self {
            Self::Signed(signature) => {
                let (generation, token) = signature.verify(token, measure, trace)?;
                Ok((ProvenBy { signature: Some(generation), encryption: None }, token))
            }
            Self::Encrypted(encryption) => {
                let opened = encryption.open(token, Content::Claims, measure, trace)?;
                let claims = Claims::parse(opened.text.as_bytes())?;
                replicated_claims_agree(&opened.header, claims.json())?;
                let token = VerifiedToken {
                    algorithm: opened.algorithm,
                    header: opened.header,
                    outer_header: None,
                    key_ids: opened.proof.key_id.into_iter().collect(),
                    payload: opened.text.as_str().into(),
                    claims,
                    for_expressions: OnceLock::new(),
                };
                Ok((ProvenBy { signature: None, encryption: Some(opened.proof.generation) }, token))
            }
            Self::Nested(encryption, signature) => {
                let opened = encryption.open(token, Content::Token, measure, trace)?;
                // What was compressed may be larger than a token from outside; it is within the limits of decryption.
                // What was encrypted is remembered nowhere but in a token that is good.
                let inner = Measure { largest: opened.text.len(), refused: None, ..*measure };
                let (generation, mut token) = signature.verify(&opened.text, &inner, trace)?;
                replicated_claims_agree(&opened.header, token.claims.json())?;
                token.key_ids.extend(opened.proof.key_id);
                let payload = opened.text.as_str().into();
                let token = VerifiedToken { outer_header: Some(opened.header), payload, ..token };
                Ok((ProvenBy { signature: Some(generation), encryption: Some(opened.proof.generation) }, token))
            }
        }
    }
}

/// The key that proved a token: when it was loaded, and its id.
struct ByKey {
    generation: Generation,
    key_id: Option<Box<str>>,
}

impl ByKey {
    fn new(generation: Generation, key_id: Option<&str>) -> Self {
        Self { generation, key_id: key_id.map(Into::into) }
    }
}

impl Bound<'_, Signature> {
    fn verify<T: Trace>(
        &self,
        text: &str,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<(Generation, VerifiedToken), Halt<Reason>> {
        let token = SignedToken::parse(text, measure.largest).map_err(reason_of)?;
        trace.note(Step::Header(token.header()));
        let keys = self.keys.ring.view();
        if self.rules.algorithms.is_some_and(|own| !own.contains(token.algorithm())) {
            return Err(Reason::AlgorithmRefused.into());
        }
        let fits_no_key = self.keys.are_complete() && !keys.algorithms().contains(token.algorithm());
        if fits_no_key && !self.keys.ring.lacks_keys() {
            return Err(self.keys.without_key(Reason::AlgorithmRefused, measure.request));
        }
        let claims = Claims::parse(token.payload())?;
        let early = measure.claims.before_signature(&claims, measure.request.now, &mut NoTrace);
        // A token that is not for this realm waits for nobody's keys.
        if !T::LISTENS || fits_no_key {
            early?;
        }
        if fits_no_key {
            return Err(self.keys.without_key(Reason::AlgorithmRefused, measure.request));
        }
        let signed = self.signed_anew(text, &token, &keys, measure, trace);
        if T::LISTENS && early.is_err() | signed.is_err() {
            // Who listens hears of every claim, also of a token that is not good enough to be looked at further.
            let _ = measure.claims.before_signature(&claims, measure.request.now, trace);
        }
        early?;
        let proof = signed?;
        let (algorithm, header, payload) = token.into_parts();
        let payload = String::from_utf8(payload).map_err(|_| Reason::ClaimsMalformed)?.into_boxed_str();
        let algorithm = algorithm.name();
        let token = VerifiedToken {
            algorithm,
            header,
            outer_header: None,
            key_ids: proof.key_id.into_iter().collect(),
            payload,
            claims,
            for_expressions: OnceLock::new(),
        };
        Ok((proof.generation, token))
    }

    /// Tries the keys that fit, if that was not done before. Who names a key that nobody knows is news where there is an
    /// endpoint: it may publish the key by now.
    fn signed_anew<T: Trace>(
        &self,
        text: &str,
        token: &SignedToken<'_>,
        keys: &KeyView,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<ByKey, Halt<Reason>> {
        let Some(refused) = measure.refused.filter(|_| !T::LISTENS) else {
            return self.signed_by(token, keys, measure, trace);
        };
        if refused.contains(text, keys) {
            return Err(Halt::Refuse(Reason::SignatureInvalid));
        }
        let signed = self.signed_by(token, keys, measure, trace);
        let is_refused = matches!(signed, Err(Halt::Refuse(Reason::SignatureInvalid)));
        let is_final = || self.keys.ring.is_closed() || token.key_id().is_none_or(|id| keys.knows(id));
        if is_refused && is_final() {
            refused.insert(text, keys);
        }
        signed
    }

    /// Tries the keys that fit.
    fn signed_by<T: Trace>(
        &self,
        token: &SignedToken<'_>,
        keys: &KeyView,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<ByKey, Halt<Reason>> {
        let refused = |reason| self.refused(reason, token.key_id(), keys, measure);
        let candidates = keys.select(token.key_id(), token.algorithm()).map_err(|none| refused(none.into()))?;
        for (generation, key) in candidates {
            let verdict = Verdict::from(token.verify(key).is_ok());
            trace.note(Step::KeyTried { key, verdict });
            if verdict == Verdict::Pass {
                return Ok(ByKey::new(generation, key.kid()));
            }
        }
        Err(refused(Reason::SignatureInvalid))
    }
}

impl<R> Bound<'_, R> {
    /// A token that names a key which nobody knows may name one that an endpoint publishes by now, whatever the keys
    /// without a name have to say of it.
    fn refused(&self, reason: Reason, key_id: Option<&str>, keys: &KeyView, measure: &Measure<'_>) -> Halt<Reason> {
        if reason == Reason::KeyUnknown || key_id.is_some_and(|id| !keys.knows(id)) {
            self.keys.without_key(reason, measure.request)
        } else {
            Halt::Refuse(reason)
        }
    }
}

impl From<NoKey> for Reason {
    fn from(none: NoKey) -> Self {
        match none {
            NoKey::Unknown => Self::KeyUnknown,
            NoKey::AlgorithmRefused => Self::AlgorithmRefused,
        }
    }
}

/// What is inside of an encrypted token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Claims,
    Token,
}

/// A token that was decrypted.
struct Opened {
    proof: ByKey,
    algorithm: &'static str,
    header: Json,
    text: Zeroizing<String>,
}

impl Bound<'_, Encryption> {
    fn open<T: Trace>(
        &self,
        text: &str,
        inside: Content,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<Opened, Halt<Reason>> {
        let token = EncryptedToken::parse(text, measure.largest).map_err(reason_of)?;
        trace.note(Step::Header(token.header()));
        judge_content_type(&token, inside)?;
        let keys = self.keys.ring.view();
        if !self.rules.allows(&token) {
            return Err(Reason::AlgorithmRefused.into());
        }
        if self.keys.are_complete() && !keys.key_management().contains(token.key_management()) {
            return Err(self.keys.without_key(Reason::AlgorithmRefused, measure.request));
        }
        let (proof, mut octets) = self.decrypt(&token, &keys, measure, trace)?;
        let text = String::from_utf8(std::mem::take(&mut *octets));
        let text = text.map_err(|_| match inside {
            Content::Claims => Reason::ClaimsMalformed,
            Content::Token => Reason::TokenMalformed,
        })?;
        let algorithm = token.key_management().name();
        Ok(Opened { proof, algorithm, header: token.into_header(), text: Zeroizing::new(text) })
    }

    /// Tries the keys that fit. Whatever goes wrong, there is one reason for it.
    fn decrypt<T: Trace>(
        &self,
        token: &EncryptedToken<'_>,
        keys: &KeyView,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<(ByKey, Zeroizing<Vec<u8>>), Halt<Reason>> {
        let refused = |reason| self.refused(reason, token.key_id(), keys, measure);
        let candidates =
            keys.select_decryption(token.key_id(), token.key_management()).map_err(|none| refused(none.into()))?;
        for (generation, key) in candidates {
            let opened = token.decrypt(key, &self.rules.limits);
            trace.note(Step::DecryptionKeyTried { key, verdict: Verdict::from(opened.is_ok()) });
            if let Ok(octets) = opened {
                return Ok((ByKey::new(generation, key.kid()), octets));
            }
        }
        Err(refused(Reason::DecryptionFailed))
    }
}

/// `cty` says `JWT` around a token and nothing of the kind around claims (RFC 7519 §5.2, RFC 7516 §4.1.12).
fn judge_content_type(token: &EncryptedToken<'_>, inside: Content) -> Result<(), Reason> {
    let is_token = token.content_type().is_some_and(|written| {
        let (prefix, kind) = written.split_at_checked("application/".len()).unwrap_or(("", written));
        written.eq_ignore_ascii_case("JWT")
            || (prefix.eq_ignore_ascii_case("application/") && kind.eq_ignore_ascii_case("JWT"))
    });
    if is_token == (inside == Content::Token) { Ok(()) } else { Err(Reason::TokenKind) }
}

/// Claims that stand in the header of an encrypted token too, say the same (RFC 7519 §5.3).
fn replicated_claims_agree(header: &Json, claims: &Json) -> Result<(), Reason> {
    let agrees = |name: &&str| header.member(name).is_none_or(|copy| claims.member(name) == Some(copy));
    if ["iss", "sub", "aud"].iter().all(agrees) { Ok(()) } else { Err(Reason::ClaimsMalformed) }
}

fn reason_of(error: TokenError) -> Reason {
    match error {
        TokenError::TooLarge => Reason::TokenTooLarge,
        TokenError::Malformed(_) => Reason::TokenMalformed,
        TokenError::Kind => Reason::TokenKind,
        TokenError::AlgorithmRefused => Reason::AlgorithmRefused,
        TokenError::CriticalHeader => Reason::CriticalHeader,
    }
}
