//! What does a client's certificate say, to whoever decides?

use serde_json::json;

use crate::jose::Json;

/// The certificate that a client has shown (RFC 5280), vouched for by the authority of its listener.
#[derive(Debug, Clone)]
pub struct ClientCertificate(Json);

impl ClientCertificate {
    /// `subject` and `issuer` as RFC 4514 writes them, `serial` and the SHA-256 `fingerprint` in hexadecimal digits, and the
    /// alternative names with their kind before them: `DNS:…`, `URI:…`, `email:…`, `IP:…`.
    pub fn new(subject: &str, issuer: &str, serial: &str, fingerprint: &str, san: &[String]) -> Option<Self> {
        let members = json!({
            "subject": subject,
            "issuer": issuer,
            "serial": serial,
            "fingerprint": fingerprint,
            "san": san,
        });
        Json::parse(members.to_string().as_bytes()).ok().map(Self)
    }

    /// As expressions see it.
    pub fn json(&self) -> &Json {
        &self.0
    }
}
