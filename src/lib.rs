//! Portcullis
#![allow(missing_docs)]
pub mod auth;
pub mod config;
pub mod jose;
pub mod keys;
pub mod path;
pub mod route;
pub mod snapshot;
