//! Which certificate does a client see, and what is spoken after the handshake?

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use pingora_core::tls::pkey::{PKey, Private};
use pingora_core::tls::ssl::{
    AlpnError, NameType, SniError, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, select_next_proto,
};
use pingora_core::tls::x509::X509;

use crate::config::schema::{Certificate, Listener, Tls};
use crate::config::{Place, Problem};

/// Whether HTTP/2 is offered in the handshake (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2, then HTTP/1.1.
    Http2,
}

/// A certificate with its chain and its key.
struct KeyPair {
    leaf: X509,
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

/// What accepts handshakes for a listener; `None` if it speaks no TLS.
pub fn acceptor_of(listener: &Listener) -> Option<Result<SslAcceptor, Vec<Problem>>> {
    let offer = if listener.http2 == Some(false) { Offer::Http1 } else { Offer::Http2 };
    listener.tls.as_ref().map(|tls| acceptor(tls, offer))
}

/// Makes what accepts handshakes, or says everything that is wrong with its certificates. The first
/// certificate is for clients that name no host, or one that no certificate is for.
fn acceptor(tls: &Tls, offer: Offer) -> Result<SslAcceptor, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut pairs = Vec::new();
    for certificate in &tls.certificates {
        match key_pair(certificate) {
            Ok(pair) => pairs.push(pair),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let place = tls.certificates.first().map_or_else(Place::default, |first| first.certificate.place.clone());
    build(&pairs, offer).map_err(|error| vec![Problem::new(place, format!("TLS cannot be set up: {error}"))])
}

fn build(pairs: &[KeyPair], offer: Offer) -> Result<SslAcceptor, pingora_core::tls::error::ErrorStack> {
    let mut by_name: HashMap<String, SslContext> = HashMap::new();
    for pair in pairs {
        let context = one(pair, offer)?.build().into_context();
        for name in names(&pair.leaf) {
            by_name.entry(name).or_insert_with(|| context.clone());
        }
    }
    let Some(first) = pairs.first() else {
        return Err(pingora_core::tls::error::ErrorStack::get());
    };
    let mut builder = one(first, offer)?;
    let by_name = Arc::new(by_name);
    builder.set_servername_callback(move |ssl, _| {
        let asked = ssl.servername(NameType::HOST_NAME).map(str::to_ascii_lowercase);
        let Some(context) = asked.as_deref().and_then(|host| certificate_for(&by_name, host)) else {
            return Ok(());
        };
        ssl.set_ssl_context(context).map_err(|_| SniError::ALERT_FATAL)
    });
    Ok(builder.build())
}

/// The certificate of this name, or one for every name beside it (RFC 9525 §6.3: one label only).
fn certificate_for<'c>(by_name: &'c HashMap<String, SslContext>, host: &str) -> Option<&'c SslContext> {
    let wildcard = || host.split_once('.').and_then(|(_, domain)| by_name.get(&format!("*.{domain}")));
    by_name.get(host).or_else(wildcard)
}

fn one(pair: &KeyPair, offer: Offer) -> Result<SslAcceptorBuilder, pingora_core::tls::error::ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_certificate(&pair.leaf)?;
    for link in &pair.chain {
        builder.add_extra_chain_cert(link.clone())?;
    }
    builder.set_private_key(&pair.key)?;
    builder.check_private_key()?;
    let protocols: &'static [u8] = match offer {
        Offer::Http2 => b"\x02h2\x08http/1.1",
        Offer::Http1 => b"\x08http/1.1",
    };
    builder.set_alpn_select_callback(move |_, offered| select_next_proto(protocols, offered).ok_or(AlpnError::NOACK));
    Ok(builder)
}

fn key_pair(certificate: &Certificate) -> Result<KeyPair, Problem> {
    let read = |path: &Path, place: &Place| {
        std::fs::read(path)
            .map_err(|error| Problem::new(place.clone(), format!("cannot read {}: {error}", path.display())))
    };
    let wrong = |place: &Place, what: &str| Problem::new(place.clone(), what.to_owned());
    let certificate_place = &certificate.certificate.place;
    let key_place = &certificate.key.place;
    let text = read(&certificate.certificate, certificate_place)?;
    let mut chain = X509::stack_from_pem(&text).unwrap_or_default().into_iter();
    let leaf = chain.next().ok_or_else(|| wrong(certificate_place, "this file holds no certificate in PEM"))?;
    let key = read(&certificate.key, key_place)?;
    let key =
        PKey::private_key_from_pem(&key).map_err(|_| wrong(key_place, "this file holds no private key in PEM"))?;
    let belongs = leaf.public_key().is_ok_and(|public| public.public_eq(&key));
    if !belongs {
        return Err(wrong(key_place, "this key does not belong to the certificate"));
    }
    Ok(KeyPair { leaf, chain: chain.collect(), key })
}

/// The DNS names and addresses that a certificate is for, in lower case.
fn names(certificate: &X509) -> Vec<String> {
    let Some(alternatives) = certificate.subject_alt_names() else {
        return Vec::new();
    };
    alternatives.iter().filter_map(|name| name.dnsname().map(str::to_ascii_lowercase)).collect()
}
