//! What is told of a request that has ended? A count, and a line of the access log.

use pingora_proxy::Session;

use super::connection::{Connection, scheme_of};
use super::context::RequestContext;
use super::failure::is_final;
use super::log_line::{self, Exchange};
use super::proxy::Proxy;

impl Proxy {
    /// Counts a request that has ended, and writes its line.
    pub fn log_request(&self, session: &Session, context: &RequestContext) {
        let written = session.response_written().filter(|head| is_final(head));
        let status = written.map_or(0, |response| response.status.as_u16());
        let duration = context.started.elapsed();
        let location = context.progress.location().map_or("", |location| &*location.name);
        self.metrics.answered(location, status, duration);
        if !self.log.is_on() {
            return;
        }
        let tls = session.digest().and_then(|digest| digest.ssl_digest.clone());
        let exchange = Exchange {
            scheme: context.scheme.unwrap_or_else(|| scheme_of(session)),
            certificate: Connection::of(session).and_then(|connection| connection.certificate.as_ref()),
            tls: tls.as_ref().map(|tls| tls.version.as_ref()),
            status,
            bytes_in: session.body_bytes_read() as u64,
            bytes_out: session.body_bytes_sent() as u64,
            duration,
            head: session.req_header(),
        };
        self.log.write(log_line::line(context, &exchange));
    }
}
