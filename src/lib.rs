//! Portcullis
#![allow(missing_docs)]
pub mod auth;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod jose;
pub mod keys;
pub mod path;
pub mod route;
pub mod snapshot;
