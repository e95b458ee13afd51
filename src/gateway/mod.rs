//! THE EDGE: sockets, TLS, HTTP and everything that Pingora does for us. The only folder that names it.

mod accept;
mod access_log;
mod admin;
mod answer;
mod certificates;
mod client_stream;
mod connection;
mod context;
mod cors;
mod drain;
pub mod explain;
mod failure;
mod frames;
mod headers;
pub mod inquiry;
mod judge;
mod key_fetch;
mod lifetime;
pub mod live;
mod log_line;
pub mod metrics;
mod outbound;
mod page_load;
mod peer;
mod pool;
mod proxy;
mod proxy_header;
mod reload;
mod server;
mod service_call;
mod target;
mod tls;
mod tunnel;
mod watched_stream;
mod websocket;

pub use server::{StartError, run};
