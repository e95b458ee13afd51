//! May this request pass? From the head of a request to a [`Decision`]; no sockets, no proxy, no clock of its own.
//!
//! A location's [`Gate`] holds a tree of conditions. A [`Realm`](realm::Realm) in it finds a token, verifies
//! it, applies its rules and gives an [`Identity`](identity::Identity), which nothing else can make.

pub mod access;
pub mod basic;
pub mod challenge;
pub mod claim_rules;
pub mod client_certificate;
pub mod credential;
pub mod decision;
mod doorkeeper;
pub mod expression;
pub mod forward_auth;
pub mod identity;
pub mod password_hash;
pub mod passwords;
pub mod proof;
pub mod question;
pub mod realm;
pub mod realm_keys;
pub mod reason;
pub mod refused_cache;
pub mod request;
pub mod revocations;
pub mod service_cache;
pub mod single_use;
pub mod stage;
pub mod trace;
pub mod verification;
pub mod verified_cache;

pub use access::{Access, Gate, NoToken};
pub use decision::{CredentialShown, Decision, Denial, Grant};
pub use question::Question;
pub use reason::Reason;
pub use request::{Request, Scheme};
