//! Which certificates do clients see, and what do they show?

use std::time::Duration;

use super::super::place::{Located, quoted};
use super::super::schema::{
    Certificate, CertificateRequirement, CipherPreference, ClientCertificates, ServerCertificate, Tls, TlsVersion,
};
use super::list::some;
use super::scalar::{boolean, duration_from, file, located_text, parsed, size};
use super::{Decoder, Section, Value};

/// A client's `session_cache` where none is written.
const USUAL_SESSION_CACHE: u64 = 10 * 1024 * 1024;
/// Sessions that are taken up again much later protect nobody's past.
const USUAL_SESSION_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// `tls` of a listener.
pub(super) fn tls(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Tls> {
    let mut section = Section::open(value, decoder)?;
    let certificates = section.required("certificates", decoder, |value, decoder| {
        some("no client could connect", value, decoder, certificate)
    });
    let versions = section
        .optional("protocols", decoder, |value, decoder| some("no client could connect", value, decoder, version));
    let versions = versions.filter(|versions| !versions.is_empty());
    let versions = versions.unwrap_or_else(|| vec![TlsVersion::Tls12, TlsVersion::Tls13]);
    let ciphers = section.optional("ciphers", decoder, located_text);
    let ciphersuites = section.optional("ciphersuites", decoder, located_text);
    let preference = match section.optional("prefer_server_ciphers", decoder, boolean) {
        Some(true) => CipherPreference::Server,
        Some(false) | None => CipherPreference::Client,
    };
    let session_cache = section.optional("session_cache", decoder, size);
    let session_timeout = section.optional("session_timeout", decoder, duration_from(Duration::from_secs(1)));
    let clients = section.optional("client_certificate", decoder, client_certificates);
    let oldest = versions.iter().copied().min().unwrap_or(TlsVersion::Tls12);
    let newest = versions.iter().copied().max().unwrap_or(TlsVersion::Tls13);
    refuse_unused(&ciphers, newest == TlsVersion::Tls12 || oldest == TlsVersion::Tls12, "TLSv1.2", decoder);
    refuse_unused(&ciphersuites, newest == TlsVersion::Tls13, "TLSv1.3", decoder);
    section.close(decoder);
    Some(Tls {
        certificates: certificates.unwrap_or_default(),
        oldest,
        newest,
        ciphers,
        ciphersuites,
        preference,
        session_cache: session_cache.unwrap_or(USUAL_SESSION_CACHE),
        session_timeout: session_timeout.unwrap_or(USUAL_SESSION_TIMEOUT),
        clients,
    })
}

/// Ciphers of a version that is not spoken are a slip.
fn refuse_unused(ciphers: &Option<Located<String>>, is_spoken: bool, version: &str, decoder: &mut Decoder<'_>) {
    if let Some(ciphers) = ciphers.as_ref().filter(|_| !is_spoken) {
        decoder
            .problem(ciphers.place.clone(), format!("these are ciphers of {version}, which is not in \"protocols\""));
    }
}

fn version(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<TlsVersion> {
    parsed("TLSv1.2 or TLSv1.3", value, decoder, |text| match text {
        "TLSv1.2" => Ok(TlsVersion::Tls12),
        "TLSv1.3" => Ok(TlsVersion::Tls13),
        "SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.0" | "TLSv1.1" => {
            Err(format!("{text} is not spoken: it is broken (RFC 8996); TLSv1.2 and TLSv1.3 are"))
        }
        _ => Err(format!("expected TLSv1.2 or TLSv1.3, found {}", quoted(text))),
    })
}

fn certificate(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<ServerCertificate> {
    let mut section = Section::open(value, decoder)?;
    let certificate = section.required("certificate", decoder, file);
    let key = section.required("key", decoder, file);
    let ocsp = section.optional("ocsp", decoder, file);
    section.close(decoder);
    Some(ServerCertificate { pair: Certificate { certificate: certificate?, key: key? }, ocsp })
}

fn client_certificates(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<ClientCertificates> {
    let mut section = Section::open(value, decoder)?;
    let ca = section.required("ca", decoder, file);
    let required = match section.optional("required", decoder, boolean) {
        Some(false) => CertificateRequirement::Optional,
        Some(true) | None => CertificateRequirement::Required,
    };
    section.close(decoder);
    Some(ClientCertificates { ca: ca?, required })
}
