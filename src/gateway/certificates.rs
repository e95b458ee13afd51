//! What stands in the files of certificates, and in the certificates that clients show?

use std::fmt;
use std::path::PathBuf;

use openssl::asn1::Asn1Time;
use pingora_core::tls::error::ErrorStack;
use pingora_core::tls::hash::MessageDigest;
use pingora_core::tls::pkey::{PKey, Private};
use pingora_core::tls::x509::{GeneralNameRef, X509, X509NameRef, X509Ref};

use crate::auth::client_certificate::ClientCertificate;
use crate::config::schema::ServerCertificate;
use crate::config::{Located, Problem};

/// A certificate with its chain, its key, and what its authority says of it.
pub struct KeyPair {
    /// The certificate itself.
    pub leaf: X509,
    /// Those above it.
    pub chain: Vec<X509>,
    /// Its private key.
    pub key: PKey<Private>,
    /// A response of its authority (RFC 6960), in DER.
    pub ocsp: Option<Vec<u8>>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

impl KeyPair {
    /// Reads the files of a certificate.
    pub fn read(written: &ServerCertificate) -> Result<Self, Problem> {
        let wrong = |file: &Located<PathBuf>, what: &str| Problem::new(file.place.clone(), what.to_owned());
        let (certificate, key) = (&written.pair.certificate, &written.pair.key);
        let mut chain = X509::stack_from_pem(&octets_of(certificate)?).unwrap_or_default().into_iter();
        let leaf = chain.next().ok_or_else(|| wrong(certificate, "this file holds no certificate in PEM"))?;
        let private = PKey::private_key_from_pem(&octets_of(key)?);
        let private = private.map_err(|_| wrong(key, "this file holds no private key in PEM"))?;
        if !leaf.public_key().is_ok_and(|public| public.public_eq(&private)) {
            return Err(wrong(key, "this key does not belong to the certificate"));
        }
        let ocsp = written.ocsp.as_ref().map(|file| match octets_of(file)? {
            response if openssl::ocsp::OcspResponse::from_der(&response).is_ok() => Ok(response),
            _ => Err(wrong(file, "this file holds no OCSP response in DER")),
        });
        Ok(Self { leaf, chain: chain.collect(), key: private, ocsp: ocsp.transpose()? })
    }

    /// The DNS names that the certificate is for, in lower case.
    pub fn names(&self) -> Vec<String> {
        let Some(alternatives) = self.leaf.subject_alt_names() else {
            return Vec::new();
        };
        alternatives.iter().filter_map(|name| name.dnsname().map(str::to_ascii_lowercase)).collect()
    }

    /// When the certificate ends, in seconds since 1970.
    pub fn expires_at(&self) -> Option<i64> {
        let since_1970 = Asn1Time::from_unix(0).ok()?.diff(self.leaf.not_after()).ok()?;
        Some(i64::from(since_1970.days) * 86_400 + i64::from(since_1970.secs))
    }
}

/// The certificates of a file.
pub fn authorities(file: &Located<PathBuf>) -> Result<Vec<X509>, Problem> {
    match X509::stack_from_pem(&octets_of(file)?) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        Ok(_) | Err(_) => Err(Problem::new(file.place.clone(), "this file holds no certificate in PEM")),
    }
}

fn octets_of(file: &Located<PathBuf>) -> Result<Vec<u8>, Problem> {
    let cannot = |error| Problem::new(file.place.clone(), format!("cannot read {}: {error}", file.display()));
    std::fs::read(&file.value).map_err(cannot)
}

/// What a client's certificate says.
pub fn facts_of(certificate: &X509Ref) -> Option<ClientCertificate> {
    let serial = certificate.serial_number().to_bn().ok()?.to_hex_str().ok()?.to_lowercase();
    let names = certificate.subject_alt_names();
    let names: Vec<String> = names.iter().flatten().filter_map(alternative).collect();
    let (subject, issuer) = (name_of(certificate.subject_name()), name_of(certificate.issuer_name()));
    ClientCertificate::new(&subject, &issuer, &serial, &fingerprint(certificate).ok()?, &names)
}

fn fingerprint(certificate: &X509Ref) -> Result<String, ErrorStack> {
    let digest = certificate.digest(MessageDigest::sha256())?;
    Ok(digest.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// As RFC 4514 writes names: the most particular first.
fn name_of(name: &X509NameRef) -> String {
    let entries: Vec<_> = name.entries().collect();
    let parts = entries.iter().rev().map(|entry| {
        let kind = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        format!("{kind}={}", escaped(&value))
    });
    parts.collect::<Vec<_>>().join(",")
}

/// RFC 4514 §2.4: no value can look like another attribute.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len());
    for (place, character) in value.chars().enumerate() {
        let at_an_end = (character == ' ' && (place == 0 || place == last)) || (character == '#' && place == 0);
        if at_an_end || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// `DNS:…`, `URI:…`, `email:…`, `IP:…` (RFC 5280 §4.2.1.6).
fn alternative(name: &GeneralNameRef) -> Option<String> {
    let ip = || match name.ipaddress()? {
        octets if octets.len() == 4 => Some(std::net::IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
        octets => Some(std::net::IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
    };
    let dns = name.dnsname().map(|name| format!("DNS:{name}"));
    let uri = || name.uri().map(|uri| format!("URI:{uri}"));
    let email = || name.email().map(|email| format!("email:{email}"));
    dns.or_else(uri).or_else(email).or_else(|| ip().map(|ip| format!("IP:{ip}")))
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_value_of_a_name_can_look_like_another_attribute() {
        assert_eq!(escaped("alice"), "alice");
        assert_eq!(escaped("alice,O=Admins"), "alice\\,O\\=Admins");
        assert_eq!(escaped(" #x "), "\\ #x\\ ");
        assert_eq!(escaped("#1"), "\\#1");
    }
}
