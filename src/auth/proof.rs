//! How does a token prove what it says: by a signature, by being encrypted for us, or by both?

use std::sync::OnceLock;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::claim_rules::{ClaimRules, Claims};
use super::identity::VerifiedToken;
use super::reason::Reason;
use super::trace::{NoTrace, Step, Trace, Verdict};
use crate::jose::{
    AlgorithmSet, ContentEncryptionSet, DecryptionLimits, EncryptedToken, Json, KeyManagementSet, SignedToken,
    TokenError,
};
use crate::keys::{Generation, KeyRing, KeyView, NoKey};

/// What a realm asks for before it believes a token.
#[derive(Debug)]
pub enum Proof {
    /// A signature (RFC 7515).
    Signed(Signature),
    /// That it can be decrypted (RFC 7516). With a public key anyone can make such a token.
    Encrypted(Encryption),
    /// Both: signed, then encrypted (RFC 7519 §5.2).
    Nested(Encryption, Signature),
}

/// Which signatures are believed.
#[derive(Debug)]
pub struct Signature {
    /// By these keys.
    pub keys: KeyRing,
    /// Of these algorithms; `None`: all that the keys allow.
    pub algorithms: Option<AlgorithmSet>,
}

/// Which encryption is accepted.
#[derive(Debug)]
pub struct Encryption {
    /// For these keys.
    pub keys: KeyRing,
    /// With these algorithms for the content's key,
    pub key_management: KeyManagementSet,
    /// these for the content,
    pub content_encryption: ContentEncryptionSet,
    /// and this for what was compressed before.
    pub compression: Compression,
    /// How much a token may cost.
    pub limits: DecryptionLimits,
}

/// What becomes of a token with `zip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// It is refused.
    Refuse,
    /// It is inflated, within limits.
    Accept,
}

/// What a token is judged by besides its keys.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'m> {
    /// Larger tokens are refused, in octets.
    pub largest: usize,
    /// Rules for the claims, which are read before the signature is looked at.
    pub claims: &'m ClaimRules,
    /// When.
    pub now: SystemTime,
}

/// The loads of keys that proved a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenBy {
    signature: Option<Generation>,
    encryption: Option<Generation>,
}

impl Proof {
    /// The keys of signatures and the keys of encryption.
    pub fn key_rings(&self) -> (Option<&KeyRing>, Option<&KeyRing>) {
        match self {
            Self::Signed(signature) => (Some(&signature.keys), None),
            Self::Encrypted(encryption) => (None, Some(&encryption.keys)),
            Self::Nested(encryption, signature) => (Some(&signature.keys), Some(&encryption.keys)),
        }
    }

    /// Whether both proofs would find the same tokens good, given the same keys.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Signed(one), Self::Signed(other)) => one.is_same(other),
            (Self::Encrypted(one), Self::Encrypted(other)) => one.is_same(other),
            (Self::Nested(outer, inner), Self::Nested(other_outer, other_inner)) => {
                outer.is_same(other_outer) && inner.is_same(other_inner)
            }
            (Self::Signed(_) | Self::Encrypted(_) | Self::Nested(..), _) => false,
        }
    }

    /// Whether the keys that proved a token are still in use.
    pub fn is_current(&self, proven: ProvenBy) -> bool {
        let current = |keys: Option<&KeyRing>, generation: Option<Generation>| match (keys, generation) {
            (Some(keys), Some(generation)) => keys.is_current(generation),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let (signature, encryption) = self.key_rings();
        current(signature, proven.signature) && current(encryption, proven.encryption)
    }

    /// The content of a token that proves itself, in the order of the reason codes.
    pub fn verify<T: Trace>(
        &self,
        token: &str,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<(ProvenBy, VerifiedToken), Reason> {
        match self {
            Self::Signed(signature) => {
                let (generation, token) = signature.verify(token, measure, trace)?;
                Ok((ProvenBy { signature: Some(generation), encryption: None }, token))
            }
            Self::Encrypted(encryption) => {
                let opened = encryption.open(token, Content::Claims, measure.largest, trace)?;
                let claims = Claims::parse(opened.text.as_bytes())?;
                replicated_claims_agree(&opened.header, claims.json())?;
                let token = VerifiedToken {
                    algorithm: opened.algorithm,
                    header: opened.header,
                    outer_header: None,
                    payload: opened.text.as_str().into(),
                    claims,
                    for_expressions: OnceLock::new(),
                };
                Ok((ProvenBy { signature: None, encryption: Some(opened.generation) }, token))
            }
            Self::Nested(encryption, signature) => {
                let opened = encryption.open(token, Content::Token, measure.largest, trace)?;
                // What was compressed may be larger than a token from outside; it is within the limits of decryption.
                let inner = Measure { largest: opened.text.len(), ..*measure };
                let (generation, token) = signature.verify(&opened.text, &inner, trace)?;
                replicated_claims_agree(&opened.header, token.claims.json())?;
                let payload = opened.text.as_str().into();
                let token = VerifiedToken { outer_header: Some(opened.header), payload, ..token };
                Ok((ProvenBy { signature: Some(generation), encryption: Some(opened.generation) }, token))
            }
        }
    }
}

impl Signature {
    fn is_same(&self, other: &Self) -> bool {
        self.keys.is_same(&other.keys) && self.algorithms == other.algorithms
    }

    fn verify<T: Trace>(
        &self,
        text: &str,
        measure: &Measure<'_>,
        trace: &mut T,
    ) -> Result<(Generation, VerifiedToken), Reason> {
        let token = SignedToken::parse(text, measure.largest).map_err(reason_of)?;
        trace.note(Step::Header(token.header()));
        let keys = self.keys.view();
        let allowed = self.algorithms.map_or_else(|| keys.algorithms(), |own| own.intersect(keys.algorithms()));
        if !allowed.contains(token.algorithm()) {
            return Err(Reason::AlgorithmRefused);
        }
        let claims = Claims::parse(token.payload())?;
        let early = measure.claims.before_signature(&claims, measure.now, &mut NoTrace);
        if !T::LISTENS {
            early?;
        }
        let signed = signed_by(&token, &keys, trace);
        if T::LISTENS && early.is_err() | signed.is_err() {
            // Who listens hears of every claim, also of a token that is not good enough to be looked at further.
            let _ = measure.claims.before_signature(&claims, measure.now, trace);
        }
        let generation = early.and(signed)?;
        let (algorithm, header, payload) = token.into_parts();
        let payload = String::from_utf8(payload).map_err(|_| Reason::ClaimsMalformed)?.into_boxed_str();
        let algorithm = algorithm.name();
        let for_expressions = OnceLock::new();
        Ok((generation, VerifiedToken { algorithm, header, outer_header: None, payload, claims, for_expressions }))
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
    generation: Generation,
    algorithm: &'static str,
    header: Json,
    text: Zeroizing<String>,
}

impl Encryption {
    fn is_same(&self, other: &Self) -> bool {
        self.keys.is_same(&other.keys)
            && self.key_management == other.key_management
            && self.content_encryption == other.content_encryption
            && self.compression == other.compression
            && self.limits == other.limits
    }

    fn open<T: Trace>(&self, text: &str, inside: Content, largest: usize, trace: &mut T) -> Result<Opened, Reason> {
        let token = EncryptedToken::parse(text, largest).map_err(reason_of)?;
        trace.note(Step::Header(token.header()));
        judge_content_type(&token, inside)?;
        let keys = self.keys.view();
        if !self.allows(&token, keys.key_management()) {
            return Err(Reason::AlgorithmRefused);
        }
        let (generation, mut octets) = self.decrypt(&token, &keys, trace)?;
        let text = String::from_utf8(std::mem::take(&mut *octets));
        let text = text.map_err(|_| match inside {
            Content::Claims => Reason::ClaimsMalformed,
            Content::Token => Reason::TokenMalformed,
        })?;
        let algorithm = token.key_management().name();
        Ok(Opened { generation, algorithm, header: token.into_header(), text: Zeroizing::new(text) })
    }

    fn allows(&self, token: &EncryptedToken<'_>, by_keys: KeyManagementSet) -> bool {
        let compression = token.compression().is_none() || self.compression == Compression::Accept;
        self.key_management.intersect(by_keys).contains(token.key_management())
            && self.content_encryption.contains(token.content_encryption())
            && compression
    }

    /// Tries the keys that fit. Whatever goes wrong, there is one reason for it.
    fn decrypt<T: Trace>(
        &self,
        token: &EncryptedToken<'_>,
        keys: &KeyView,
        trace: &mut T,
    ) -> Result<(Generation, Zeroizing<Vec<u8>>), Reason> {
        let candidates = keys.select_decryption(token.key_id(), token.key_management()).map_err(reason_without_key)?;
        for (generation, key) in candidates {
            let opened = token.decrypt(key, &self.limits);
            trace.note(Step::DecryptionKeyTried { key, verdict: Verdict::from(opened.is_ok()) });
            if let Ok(octets) = opened {
                return Ok((generation, octets));
            }
        }
        Err(Reason::DecryptionFailed)
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

/// Tries the keys that fit, and names the generation of the one that verifies.
fn signed_by<T: Trace>(token: &SignedToken<'_>, keys: &KeyView, trace: &mut T) -> Result<Generation, Reason> {
    for (generation, key) in keys.select(token.key_id(), token.algorithm()).map_err(reason_without_key)? {
        let verdict = Verdict::from(token.verify(key).is_ok());
        trace.note(Step::KeyTried { key, verdict });
        if verdict == Verdict::Pass {
            return Ok(generation);
        }
    }
    Err(Reason::SignatureInvalid)
}

fn reason_without_key(none: NoKey) -> Reason {
    match none {
        NoKey::Unknown => Reason::KeyUnknown,
        NoKey::AlgorithmRefused => Reason::AlgorithmRefused,
    }
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
