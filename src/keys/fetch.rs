//! What does a URL answer, if it answers in time and in measure?

use std::fmt;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Error};

/// Octets of a body; a larger one is not read further.
pub(super) const MOST_OCTETS: u64 = 1024 * 1024;
/// Octets of the head of an answer.
const MOST_HEADER_OCTETS: usize = 64 * 1024;

/// Fetches documents: by GET, without redirects, proxies or cookies.
#[derive(Debug)]
pub(super) struct Fetcher(Agent);

/// A document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// Its octets, 1 MiB at most.
    pub body: Vec<u8>,
    /// `max-age` of `Cache-Control` (RFC 9111 §5.2.2.1).
    pub max_age: Option<Duration>,
}

/// Why there is no document, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// The server says that there is none: 404 or 410.
    Absent(String),
    /// Anything else.
    Failed(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Absent(words) | Self::Failed(words)) = self;
        f.write_str(words)
    }
}

impl Fetcher {
    /// A fetcher that waits this long for a whole answer, and trusts the authorities of `ca` (PEM) or the system's.
    pub fn new(ca: Option<&[u8]>, timeout: Duration) -> Result<Self, String> {
        let roots = match ca {
            None => RootCerts::PlatformVerifier,
            Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .max_response_header_size(MOST_HEADER_OCTETS)
            .max_idle_connections(0)
            .build();
        Ok(Self(config.into()))
    }

    /// The document at a URL.
    pub fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let shown = without_query(url);
        let failed = |words: String| FetchError::Failed(format!("GET {shown}: {words}"));
        let mut answer = self.0.get(url).call().map_err(|error| failed(words_of(&error)))?;
        judge(&answer, shown)?;
        let max_age = max_age(&answer);
        let body = answer.body_mut().with_config().limit(MOST_OCTETS).read_to_vec();
        let body = body.map_err(|error| failed(words_of(&error)))?;
        Ok(Fetched { body, max_age })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| format!("not PEM: {error}"))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(certificates) }
}

/// Only a 200 in a form that we read is a document.
fn judge(answer: &Response<Body>, url: &str) -> Result<(), FetchError> {
    let status = answer.status();
    let text = |name| answer.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let failed = |words: String| Err(FetchError::Failed(format!("GET {url}: {words}")));
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(FetchError::Absent(format!("GET {url}: {}", status.as_u16())));
        }
        _ if status.is_redirection() => {
            let target = text(header::LOCATION).unwrap_or_default();
            let target: String = without_query(&target).escape_default().take(200).collect();
            return failed(format!("{} to {target}: redirects are not followed", status.as_u16()));
        }
        _ => return failed(format!("answered {}", status.as_u16())),
    }
    if let Some(coding) = text(header::CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return failed(format!("the answer is encoded ({coding:.20?}), which was not asked for"));
    }
    Ok(())
}

fn max_age(answer: &Response<Body>) -> Option<Duration> {
    let fields = answer.headers().get_all(header::CACHE_CONTROL).iter();
    let directives = fields.filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(','));
    directives.filter_map(|directive| directive.trim().split_once('=')).find_map(|(name, seconds)| {
        let seconds = name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse().ok())??;
        Some(Duration::from_secs(seconds))
    })
}

/// What may be shown of a URL: a query may hold a secret.
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn words_of(error: &Error) -> String {
    if let Error::BodyExceedsLimit(_) = error {
        return "the answer is larger than 1 MiB".to_owned();
    }
    error.to_string()
}
