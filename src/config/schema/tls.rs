//! What may an operator write about TLS towards clients?

use std::path::PathBuf;
use std::time::Duration;

use super::super::place::Located;

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Chosen by the name the client asks for (SNI, RFC 6066 §3); the first is the default.
    pub certificates: Vec<ServerCertificate>,
    /// The oldest version that is spoken.
    pub oldest: TlsVersion,
    /// The newest version that is spoken.
    pub newest: TlsVersion,
    /// Cipher string of OpenSSL, for TLS 1.2; `None`: modern, forward-secret.
    pub ciphers: Option<Located<String>>,
    /// Suites of TLS 1.3; `None`: those of OpenSSL.
    pub ciphersuites: Option<Located<String>>,
    /// Whose order of ciphers counts.
    pub preference: CipherPreference,
    /// Memory for sessions of TLS 1.2 that clients take up again, in octets. 0: no session is taken up again.
    pub session_cache: u64,
    /// How long a session may be taken up again.
    pub session_timeout: Duration,
    /// What clients show of themselves; `None`: nothing is asked for.
    pub clients: Option<ClientCertificates>,
}

/// A certificate that clients are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The certificate and its key.
    pub pair: Certificate,
    /// A response of its authority that is sent along (OCSP stapling, RFC 6066 §8), in DER.
    pub ocsp: Option<Located<PathBuf>>,
}

/// A certificate chain and its private key, by file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// PEM: the leaf first, then its chain.
    pub certificate: Located<PathBuf>,
    /// PEM: the private key of the leaf.
    pub key: Located<PathBuf>,
}

/// A version of TLS. Older ones are not spoken (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// `prefer_server_ciphers`: whose order of ciphers counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherPreference {
    /// Ours.
    Server,
    /// The client's.
    Client,
}

/// `client_certificate`: certificates of clients (mutual TLS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// PEM of the authorities that vouch for clients.
    pub ca: Located<PathBuf>,
    /// Whether a client without one may connect.
    pub required: CertificateRequirement,
}

/// `required`: whether a client without a certificate may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRequirement {
    /// Nobody connects without.
    Required,
    /// Who shows one shows a good one.
    Optional,
}
