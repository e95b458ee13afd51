//! Does the gateway keep its word over the wire? The real binary, real connections, real applications.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod access;
mod answers;
mod attacks;
mod auth_jwt;
mod basic;
mod browser;
mod cli;
mod cors;
mod encrypted;
mod explain;
mod firewall;
mod flask;
mod foreign_tokens;
mod forward_auth;
mod forwarding;
mod harness;
mod headers;
mod http2;
mod limits;
mod observability;
mod openid;
mod pingora_traps;
mod proxy_protocol;
mod rate_limits;
mod refusals;
mod reload;
mod remote_keys;
mod smuggling;
mod stages;
mod targets;
mod tenants;
mod tls;
mod trusted_proxies;
mod wrong_hands;
