//! A proxy of Pingora with nothing in it: what a request costs before anybody asks who sent it.
//!
//! `bare ADDRESS UPSTREAM [CERTIFICATE KEY]`. With a certificate it speaks TLS, and HTTP/2 where the client does. Nothing is
//! tuned but the allocator, which is that of Portcullis.

use std::error::Error;
use std::net::SocketAddr;

use async_trait::async_trait;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, upstream, tls) = match arguments.as_slice() {
        [address, upstream] => (address, upstream, None),
        [address, upstream, certificate, key] => (address, upstream, Some((certificate, key))),
        _ => return Err("usage: bare ADDRESS UPSTREAM [CERTIFICATE KEY]".into()),
    };
    let conf = ServerConf { threads: 1, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(upstream.parse()?));
    match tls {
        None => service.add_tcp(address),
        Some((certificate, key)) => {
            let mut settings = TlsSettings::intermediate(certificate, key)?;
            settings.enable_h2();
            service.add_tls_with_settings(address, None, settings);
        }
    }
    server.add_service(service);
    server.run_forever()
}
