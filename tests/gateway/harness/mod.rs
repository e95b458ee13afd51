//! What do the tests stand on? A real gateway, upstreams and clients that show every octet, keys and certificates.

pub mod application;
pub mod certificates;
pub mod client;
pub mod curl;
pub mod gateway;
pub mod issuer;
pub mod key_server;
pub mod log;
pub mod message;
pub mod nginx;
pub mod request;
pub mod tools;
pub mod upstream;
pub mod wait;
pub mod websocket;

pub use client::{Client, Response};
pub use gateway::Gateway;
pub use issuer::Issuer;
pub use key_server::KeyServer;
pub use nginx::Nginx;
pub use request::Request;
pub use upstream::{Behaviour, Upstream};
