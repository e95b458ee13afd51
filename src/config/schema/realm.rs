//! What may an operator write about the rules that a token has to meet?

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use super::super::place::Located;
use super::HeaderTemplate;

/// Rules that a token has to meet.
#[derive(Debug)]
pub struct Realm {
    /// What locations call it.
    pub name: Located<String>,
    /// Template of the realm text in `WWW-Authenticate`; `None`: the realm's name.
    pub challenge: Option<Located<String>>,
    /// Where a token is looked for.
    pub token: Vec<TokenSource>,
    /// What a token is.
    pub kind: TokenKind,
    /// Names of key sets. Empty only with `type: encrypted` and `decryption_keys`.
    pub keys: Vec<Located<String>>,
    /// How an encrypted or nested token is decrypted.
    pub encryption: Encryption,
    /// `alg` names as written; `None`: all that the keys allow.
    pub algorithms: Option<Vec<Located<String>>>,
    /// `None`: not configured, not checked. Never empty.
    pub issuer: Option<Vec<String>>,
    /// `None`: not configured, not checked. Never empty.
    pub audience: Option<Vec<String>>,
    /// Tolerance for `exp`, `nbf` and `max_age`.
    pub leeway: Duration,
    /// Oldest `iat` admitted; `None`: `iat` is not looked at.
    pub max_age: Option<Duration>,
    /// Claims that have to be there.
    pub required_claims: Vec<String>,
    /// Header `typ` values admitted; `None`: any. Never empty.
    pub token_types: Option<Vec<String>>,
    /// Expressions that have to be true.
    pub require: Vec<Requirement>,
    /// Sent to the upstream.
    pub identity_headers: Vec<HeaderTemplate>,
    /// What of the token goes on to the upstream.
    pub forward_token: ForwardToken,
    /// Where a request of an unsafe method with a cookie token must come from; `None`: it is not looked at.
    pub allowed_origins: Option<Vec<String>>,
    /// A file of tokens that were called back.
    pub revoked: Option<Located<PathBuf>>,
    /// How often a token admits.
    pub uses: Uses,
    /// Whether refusals are enforced.
    pub enforcement: Enforcement,
    /// How many verified signatures are remembered.
    pub cache_entries: usize,
}

impl Realm {
    /// A realm with the defaults of the contract, without keys.
    pub fn new(name: Located<String>) -> Self {
        Self {
            name,
            challenge: None,
            token: vec![TokenSource::Bearer],
            kind: TokenKind::Signed,
            keys: Vec::new(),
            encryption: Encryption::default(),
            algorithms: None,
            issuer: None,
            audience: None,
            leeway: Duration::ZERO,
            max_age: None,
            required_claims: Vec::new(),
            token_types: None,
            require: Vec::new(),
            identity_headers: Vec::new(),
            forward_token: ForwardToken::Header,
            allowed_origins: None,
            revoked: None,
            uses: Uses::Many,
            enforcement: Enforcement::Enforce,
            cache_entries: 65_536,
        }
    }
}

/// `single_use`: how often a token admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// As often as it comes.
    Many,
    /// Once.
    One,
}

/// `shadow`: whether refusals are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// They are.
    Enforce,
    /// They are counted and logged, and the request is admitted.
    Shadow,
}

/// `type`: what a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// RFC 7515.
    Signed,
    /// RFC 7516.
    Encrypted,
    /// Signed, then encrypted (RFC 7519 §5.2).
    Nested,
}

/// What an encrypted or nested token may be encrypted with.
#[derive(Debug, Default)]
pub struct Encryption {
    /// Names of key sets; `None`: those of `keys`.
    pub keys: Option<Vec<Located<String>>>,
    /// `alg` names as written; `None`: all but RSA1_5 and PBES2.
    pub key_management: Option<Vec<Located<String>>>,
    /// `enc` names as written; `None`: all.
    pub content_encryption: Option<Vec<Located<String>>>,
    /// Whether `zip: DEF` is accepted.
    pub compression: Compression,
    /// The most iterations that a PBES2 token may ask for (`p2c`); `None`: 10,000.
    pub pbes2_max_count: Option<u32>,
}

/// `compression`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// A compressed token is refused.
    #[default]
    Refuse,
    /// It is inflated, to 64 KiB at most.
    Accept,
}

/// Where a token is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer,
    /// A cookie of this name.
    Cookie(String),
    /// An argument of the query of this name (RFC 6750 §2.3).
    Query(String),
    /// Another header.
    Header {
        /// The header's name.
        name: HeaderName,
        /// The word before the token; `None`: the value is the token.
        scheme: Option<String>,
    },
}

/// An expression that has to be true.
#[derive(Debug)]
pub struct Requirement {
    /// CEL text.
    pub check: Located<String>,
    /// The answer when it is not.
    pub status: RequirementStatus,
}

/// The answer when a requirement is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequirementStatus {
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
}

/// What of the token goes on to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardToken {
    /// Headers and cookies stay, a query argument goes.
    Header,
    /// Everything stays.
    All,
    /// Every source of the realm goes.
    None,
}
