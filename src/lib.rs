//! Portcullis: a gateway that verifies who is calling, and hands the application a request it can trust.
//!
//! The map, in the order in which a request and a configuration pass through it:
//!
//! - [`config`]: what the operator wrote, with the place of every value; every problem of a file in one run.
//! - [`snapshot`]: what that means. `snapshot::compile` is the one translator; everything it calls has never seen a file.
//! - [`gateway`]: the edge, the only module that names Pingora. `gateway/proxy.rs` is the way of one request.
//! - [`route`] and [`path`]: which location is meant; they know nothing of who may enter.
//! - [`auth`]: may it pass? From the head of a request to a decision, without sockets and without a clock of its own.
//! - [`keys`]: where keys come from, and when they are read again.
//! - [`jose`]: the standards. Bytes in, types out; imports nothing of the above.
//! - [`watched`]: files that are read again when they change.
//! - [`Gateway`]: a gateway with stages of your own.
//! - [`cli`]: one file for each command.
//!
//! To read the code, begin with `config/schema.rs`, then `snapshot/compile/mod.rs`, `gateway/proxy.rs`,
//! `gateway/judge.rs`, `auth/access.rs`, `auth/realm.rs`, `jose/compact.rs`.
//!
//! **Only these change after start**: the [`gateway::live::Live`] edition (a snapshot with the pools of its upstreams), the
//! keys of a source whose file changed, the addresses of servers that have names, counters, and the caches of verified
//! signatures.

pub mod auth;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod jose;
pub mod keys;
pub mod path;
mod program;
pub mod route;
pub mod snapshot;
pub mod watched;

pub use program::{Builder, Gateway};
