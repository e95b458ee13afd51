//! How are handshakes with clients done, and when with other certificates?

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use pingora_core::tls::error::ErrorStack;
use pingora_core::tls::hash::{MessageDigest, hash};
use pingora_core::tls::ssl::{
    AlpnError, NameType, SniError, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslOptions,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use pingora_core::tls::x509::X509;
use pingora_core::tls::x509::store::X509StoreBuilder;

use super::certificates::{KeyPair, authorities};
use crate::config::schema::{CertificateRequirement, CipherPreference, Listener, Tls, TlsVersion};
use crate::config::{Located, Problem};
use crate::watched::{Stamp, stamp};

/// What one session of TLS 1.2 takes in memory, about: nginx reckons with 4,000 in 1 MiB.
const OCTETS_OF_A_SESSION: u64 = 256;

/// Whether HTTP/2 is offered in the handshake (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2, then HTTP/1.1.
    Http2,
}

/// What is needed to accept handshakes, read from its files.
pub struct Material {
    tls: Tls,
    offer: Offer,
    pairs: Vec<KeyPair>,
    authorities: Vec<X509>,
    stamps: Vec<Option<Stamp>>,
}

impl Material {
    /// Reads the files of a listener; `None` if it speaks no TLS. Says everything that is wrong with them.
    pub fn of(listener: &Listener) -> Option<Result<Self, Vec<Problem>>> {
        let offer = if listener.http2 == Some(false) { Offer::Http1 } else { Offer::Http2 };
        listener.tls.as_ref().map(|tls| Self::read(tls, offer))
    }

    fn read(tls: &Tls, offer: Offer) -> Result<Self, Vec<Problem>> {
        let stamps = stamps(tls);
        let mut problems = Vec::new();
        let mut pairs = Vec::new();
        for certificate in &tls.certificates {
            match KeyPair::read(certificate) {
                Ok(pair) => pairs.push(pair),
                Err(problem) => problems.push(problem),
            }
        }
        let of_clients = tls.clients.as_ref().map(|clients| authorities(&clients.ca)).transpose();
        let of_clients = of_clients.map_err(|problem| problems.push(problem)).ok().flatten();
        if !problems.is_empty() {
            return Err(problems);
        }
        let material = Self { tls: tls.clone(), offer, pairs, authorities: of_clients.unwrap_or_default(), stamps };
        material.acceptor().map(|_| material)
    }

    /// What accepts handshakes. Sessions of another acceptor are not taken up again with it.
    fn acceptor(&self) -> Result<SslAcceptor, Vec<Problem>> {
        self.check_ciphers()?;
        let place = self.tls.certificates.first().map(|first| first.pair.certificate.place.clone());
        self.build()
            .map_err(|error| vec![Problem::new(place.unwrap_or_default(), format!("TLS cannot be set up: {error}"))])
    }

    /// Both lists, each for itself, so that a problem has its place.
    fn check_ciphers(&self) -> Result<(), Vec<Problem>> {
        let bad = |list: &Located<String>| {
            let words = format!("OpenSSL knows no cipher in {:?}", list.value);
            vec![Problem::new(list.place.clone(), words)]
        };
        let builder = || SslAcceptor::mozilla_intermediate_v5(SslMethod::tls());
        match &self.tls.ciphers {
            Some(list) if builder().and_then(|mut tls| tls.set_cipher_list(list)).is_err() => return Err(bad(list)),
            Some(_) | None => {}
        }
        match &self.tls.ciphersuites {
            Some(list) if builder().and_then(|mut tls| tls.set_ciphersuites(list)).is_err() => Err(bad(list)),
            Some(_) | None => Ok(()),
        }
    }

    /// The first certificate is for clients that name no host, or one that no certificate is for.
    fn build(&self) -> Result<SslAcceptor, ErrorStack> {
        let mut by_name: HashMap<String, SslContext> = HashMap::new();
        for pair in &self.pairs {
            let context = self.one(pair)?.build().into_context();
            for name in pair.names() {
                by_name.entry(name).or_insert_with(|| context.clone());
            }
        }
        let Some(first) = self.pairs.first() else {
            return Err(ErrorStack::get());
        };
        let mut builder = self.one(first)?;
        builder.set_servername_callback(move |ssl, _| {
            let asked = ssl.servername(NameType::HOST_NAME).map(str::to_ascii_lowercase);
            let Some(context) = asked.as_deref().and_then(|host| certificate_for(&by_name, host)) else {
                return Ok(());
            };
            ssl.set_ssl_context(context).map_err(|_| SniError::ALERT_FATAL)
        });
        Ok(builder.build())
    }

    fn one(&self, pair: &KeyPair) -> Result<SslAcceptorBuilder, ErrorStack> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        builder.set_certificate(&pair.leaf)?;
        for link in &pair.chain {
            builder.add_extra_chain_cert(link.clone())?;
        }
        builder.set_private_key(&pair.key)?;
        builder.check_private_key()?;
        self.choose_ciphers(&mut builder)?;
        self.keep_sessions(&mut builder)?;
        self.ask_clients(&mut builder)?;
        if let Some(response) = pair.ocsp.clone() {
            builder.set_status_callback(move |ssl| ssl.set_ocsp_status(&response).map(|()| true))?;
        }
        let protocols: &'static [u8] = match self.offer {
            Offer::Http2 => b"\x02h2\x08http/1.1",
            Offer::Http1 => b"\x08http/1.1",
        };
        builder
            .set_alpn_select_callback(move |_, offered| select_next_proto(protocols, offered).ok_or(AlpnError::NOACK));
        Ok(builder)
    }

    fn choose_ciphers(&self, builder: &mut SslAcceptorBuilder) -> Result<(), ErrorStack> {
        builder.set_min_proto_version(Some(version(self.tls.oldest)))?;
        builder.set_max_proto_version(Some(version(self.tls.newest)))?;
        if let Some(list) = &self.tls.ciphers {
            builder.set_cipher_list(list)?;
        }
        if let Some(list) = &self.tls.ciphersuites {
            builder.set_ciphersuites(list)?;
        }
        match self.tls.preference {
            CipherPreference::Server => builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE),
            CipherPreference::Client => {
                builder.clear_options(SslOptions::CIPHER_SERVER_PREFERENCE);
                builder.options()
            }
        };
        Ok(())
    }

    fn keep_sessions(&self, builder: &mut SslAcceptorBuilder) -> Result<(), ErrorStack> {
        if self.tls.session_cache == 0 {
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            builder.set_options(SslOptions::NO_TICKET);
            return builder.set_num_tickets(0);
        }
        let sessions = self.tls.session_cache.div_ceil(OCTETS_OF_A_SESSION);
        builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
        builder.set_session_cache_size(i32::try_from(sessions).unwrap_or(i32::MAX));
        Ok(())
    }

    /// Certificates of clients. A session that was begun with one is taken up again here only.
    fn ask_clients(&self, builder: &mut SslAcceptorBuilder) -> Result<(), ErrorStack> {
        let Some(clients) = &self.tls.clients else { return Ok(()) };
        let mut store = X509StoreBuilder::new()?;
        let mut all = Vec::new();
        for authority in &self.authorities {
            store.add_cert(authority.clone())?;
            builder.add_client_ca(authority)?;
            all.extend(authority.to_der()?);
        }
        builder.set_verify_cert_store(store.build())?;
        builder.set_session_id_context(&hash(MessageDigest::sha256(), &all)?)?;
        builder.set_verify(match clients.required {
            CertificateRequirement::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
            CertificateRequirement::Optional => SslVerifyMode::PEER,
        });
        Ok(())
    }
}

fn version(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    }
}

/// The certificate of this name, or one for every name beside it (RFC 9525 §6.3: one label only).
fn certificate_for<'c>(by_name: &'c HashMap<String, SslContext>, host: &str) -> Option<&'c SslContext> {
    let wildcard = || host.split_once('.').and_then(|(_, domain)| by_name.get(&format!("*.{domain}")));
    by_name.get(host).or_else(wildcard)
}

/// What tells whether one of the files is another than before.
fn stamps(tls: &Tls) -> Vec<Option<Stamp>> {
    let pairs = tls.certificates.iter();
    let files =
        pairs.flat_map(|written| [Some(&written.pair.certificate), Some(&written.pair.key), written.ocsp.as_ref()]);
    let ca = tls.clients.iter().map(|clients| &clients.ca);
    let files: Vec<&Located<PathBuf>> = files.flatten().chain(ca).collect();
    files.iter().map(|file| stamp(file)).collect()
}

/// Accepts handshakes on one listener, with what its files held when they were last good.
pub struct TlsDoor {
    acceptor: ArcSwap<SslAcceptor>,
    state: Mutex<State>,
}

struct State {
    material: Material,
    /// The files that were looked at last, good or bad.
    seen: Vec<Option<Stamp>>,
    /// When the acceptor was made.
    made: Instant,
}

/// What a look at the files has brought.
pub enum Renewal {
    /// Nothing is new.
    None,
    /// What the files hold now is shown to clients.
    Renewed,
    /// It cannot be used; what they held before is.
    Failed(Vec<Problem>),
}

impl TlsDoor {
    /// Begins to accept with this.
    pub fn new(material: Material, now: Instant) -> Result<Self, Vec<Problem>> {
        let acceptor = ArcSwap::from_pointee(material.acceptor()?);
        let seen = material.stamps.clone();
        Ok(Self { acceptor, state: Mutex::new(State { material, seen, made: now }) })
    }

    /// What accepts handshakes that begin now.
    pub fn acceptor(&self) -> Arc<SslAcceptor> {
        self.acceptor.load_full()
    }

    /// Goes on with this, for handshakes that begin after it.
    pub fn replace(&self, material: Material, now: Instant) -> Result<(), Vec<Problem>> {
        let acceptor = material.acceptor()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = material.stamps.clone();
        *state = State { material, seen, made: now };
        self.acceptor.store(Arc::new(acceptor));
        Ok(())
    }

    /// Looks whether a file has changed. Besides, a session may be taken up again for `session_timeout` and no longer: the
    /// keys that its ticket is sealed with, and the memory that it is kept in, end with the acceptor.
    pub fn renew(&self, now: Instant) -> Renewal {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&state.material.tls);
        if stamps != state.seen {
            state.seen.clone_from(&stamps);
            return match Material::read(&state.material.tls, state.material.offer) {
                Ok(material) => self.make(&mut state, material, now),
                Err(problems) => Renewal::Failed(problems),
            };
        }
        if now.duration_since(state.made) >= state.material.tls.session_timeout
            && let Ok(acceptor) = state.material.acceptor()
        {
            state.made = now;
            self.acceptor.store(Arc::new(acceptor));
        }
        Renewal::None
    }

    fn make(&self, state: &mut State, material: Material, now: Instant) -> Renewal {
        match material.acceptor() {
            Ok(acceptor) => {
                state.material = material;
                state.made = now;
                self.acceptor.store(Arc::new(acceptor));
                Renewal::Renewed
            }
            Err(problems) => Renewal::Failed(problems),
        }
    }

    /// The certificates that clients are shown, by file: when they end, in seconds since 1970.
    pub fn expiries(&self) -> Vec<(String, i64)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = state.material.tls.certificates.iter().zip(&state.material.pairs);
        let ends = pairs
            .filter_map(|(written, pair)| Some((written.pair.certificate.display().to_string(), pair.expires_at()?)));
        ends.collect()
    }
}
