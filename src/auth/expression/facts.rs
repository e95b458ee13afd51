//! What is there when an expression reads? A field is a look-up; no interpreter is needed.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

use super::fields::{Field, Step};
use crate::auth::client_certificate::ClientCertificate;
use crate::auth::credential::TokenNames;
use crate::auth::forward_auth::ServiceAnswer;
use crate::auth::identity::Identity;
use crate::auth::request::{Request, Single};
use crate::jose::{Json, compact_text};

/// What an expression is evaluated against.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    /// The request.
    pub request: &'f Request<'f>,
    /// Who was admitted last, if anybody was.
    pub identity: Option<&'f Identity>,
    /// What the service that admitted last has answered.
    pub service: Option<&'f ServiceAnswer>,
    /// What became of the request, in the access log only.
    pub outcome: Option<&'f Outcome<'f>>,
}

/// What became of a request, for the access log.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'f> {
    /// Status sent; 0 if the client was gone.
    pub status: u16,
    /// Octets of body sent.
    pub bytes: u64,
    /// `none`, `granted` or `denied`.
    pub auth_status: &'static str,
    /// A reason code.
    pub auth_reason: Option<&'static str>,
    /// The server that answered or was last tried.
    pub upstream_address: Option<&'f str>,
    /// Its status.
    pub upstream_status: Option<u16>,
    /// How long it took to answer.
    pub upstream_time: Option<Duration>,
    /// What must not be written.
    pub secrets: &'f TokenNames,
}

/// A value that was read.
#[derive(Debug)]
pub enum Reading<'f> {
    /// Text.
    Text(Cow<'f, str>),
    /// A number of ours.
    Integer(i64),
    /// A point in time.
    Time(SystemTime),
    /// A value of the token.
    Json(&'f Json),
    /// Nothing there.
    Absent,
    /// Repeated with different values.
    Ambiguous,
}

/// Written in the log where a token would stand.
pub const MASK: &str = "***";

impl<'f> Facts<'f> {
    /// Of a request of which nothing else is known.
    pub fn of(request: &'f Request<'f>) -> Self {
        Self { request, identity: None, service: None, outcome: None }
    }

    /// Reads one field.
    pub fn read(&self, field: &Field) -> Reading<'f> {
        let request = self.request;
        match field {
            Field::Method => text(request.head.method.as_str()),
            Field::Scheme => text(request.scheme.as_str()),
            Field::Host => text(request.host),
            Field::Path => text(request.path),
            Field::Query => self.query(),
            Field::Uri => self.uri(),
            Field::Time => Reading::Time(request.now),
            Field::Header(name) => self.header(name),
            Field::Cookie(name) => self.cookie(name),
            Field::Argument(name) => self.argument(name),
            Field::ClientIp => request.client.map_or(Reading::Absent, |ip| owned(ip.to_canonical().to_string())),
            Field::Certificate(steps) => follow(request.certificate.map(ClientCertificate::json), steps),
            Field::Claims(steps) => follow(self.identity.map(Identity::claims), steps),
            Field::Jose(steps) => follow(self.identity.map(Identity::header), steps),
            Field::JoseOuter(steps) => follow(self.identity.and_then(Identity::outer_header), steps),
            Field::Payload => self.identity.map_or(Reading::Absent, |identity| owned(compact_text(identity.payload()))),
            Field::Realm => self.identity.map_or(Reading::Absent, |identity| text(identity.realm())),
            Field::AuthSubject => self.identity.and_then(Identity::subject).map_or(Reading::Absent, text),
            Field::ServiceHeader(name) => self.service.map_or(Reading::Absent, |answer| joined(&answer.headers, name)),
            Field::ResponseStatus
            | Field::ResponseBytes
            | Field::AuthStatus
            | Field::AuthReason
            | Field::UpstreamAddress
            | Field::UpstreamStatus
            | Field::UpstreamTime => self.outcome.map_or(Reading::Absent, |outcome| outcome.read(field)),
        }
    }

    fn secrets(&self) -> Option<&'f TokenNames> {
        self.outcome.map(|outcome| outcome.secrets)
    }

    fn query(&self) -> Reading<'f> {
        self.shown_query().map_or(text(""), Reading::Text)
    }

    fn uri(&self) -> Reading<'f> {
        match self.shown_query() {
            Some(query) => owned(format!("{}?{query}", self.request.path)),
            None => text(self.request.path),
        }
    }

    /// The query; in a log, without the tokens in it.
    fn shown_query(&self) -> Option<Cow<'f, str>> {
        let query = self.request.query?;
        Some(self.secrets().map_or(Cow::Borrowed(query), |secrets| secrets.mask_query(query)))
    }

    /// A header; one that is repeated is joined by commas (RFC 9110 §5.3).
    pub fn header(&self, name: &HeaderName) -> Reading<'f> {
        let Some(first) = self.request.head.headers.get(name) else {
            return Reading::Absent;
        };
        if let Some(secrets) = self.secrets() {
            if secrets.hides_header(name) {
                return text(MASK);
            }
            if name == http::header::REFERER {
                return Reading::Text(secrets.mask_uri(&String::from_utf8_lossy(first.as_bytes())).into_owned().into());
            }
        }
        joined(&self.request.head.headers, name)
    }

    /// A cookie.
    pub fn cookie(&self, name: &str) -> Reading<'f> {
        if self.secrets().is_some() {
            return text(MASK);
        }
        match Single::of(self.request.cookies(name)) {
            Single::Absent => Reading::Absent,
            Single::Once(value) => Reading::Text(String::from_utf8_lossy(value)),
            Single::Ambiguous => Reading::Ambiguous,
        }
    }

    /// All cookies that stand once; a log is shown none of their values.
    pub fn cookies(&self) -> impl Iterator<Item = (String, String)> {
        let masked = self.secrets().is_some();
        let cookies = self.request.all_cookies().into_iter();
        cookies.filter_map(move |(name, value)| match value {
            Single::Once(_) if masked => Some((name, MASK.to_owned())),
            Single::Once(value) => Some((name, value)),
            Single::Absent | Single::Ambiguous => None,
        })
    }

    /// All arguments that stand once; a log is not shown the tokens.
    pub fn arguments(&self) -> impl Iterator<Item = (String, String)> {
        let secrets = self.secrets();
        let arguments = self.request.all_arguments().into_iter();
        arguments.filter_map(move |(name, value)| match value {
            Single::Once(_) if secrets.is_some_and(|secrets| secrets.hides_argument(&name)) => {
                Some((name, MASK.to_owned()))
            }
            Single::Once(value) => Some((name, value)),
            Single::Absent | Single::Ambiguous => None,
        })
    }

    /// A query argument.
    pub fn argument(&self, name: &str) -> Reading<'f> {
        if self.secrets().is_some_and(|secrets| secrets.hides_argument(name)) {
            return text(MASK);
        }
        match Single::of(self.request.arguments(name)) {
            Single::Absent => Reading::Absent,
            Single::Once(value) => owned(value),
            Single::Ambiguous => Reading::Ambiguous,
        }
    }
}

/// Goes into a value, step by step.
fn follow<'f>(value: Option<&'f Json>, steps: &[Step]) -> Reading<'f> {
    let Some(mut here) = value else {
        return Reading::Absent;
    };
    for step in steps {
        let next = match (step, here) {
            (Step::Member(name), Json::Object(object)) => object.get(name),
            (Step::Element(index), Json::Array(elements)) => {
                usize::try_from(*index).ok().and_then(|index| elements.get(index))
            }
            (Step::Member(_) | Step::Element(_), _) => None,
        };
        match next {
            Some(value) => here = value,
            None => return Reading::Absent,
        }
    }
    Reading::Json(here)
}

impl<'f> Outcome<'f> {
    fn read(&self, field: &Field) -> Reading<'f> {
        let integer = |number: u64| Reading::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        match field {
            Field::ResponseStatus => integer(self.status.into()),
            Field::ResponseBytes => integer(self.bytes),
            Field::AuthStatus => text(self.auth_status),
            Field::AuthReason => self.auth_reason.map_or(Reading::Absent, text),
            Field::UpstreamAddress => self.upstream_address.map_or(Reading::Absent, text),
            Field::UpstreamStatus => self.upstream_status.map_or(Reading::Absent, |status| integer(status.into())),
            Field::UpstreamTime => {
                self.upstream_time.map_or(Reading::Absent, |time| owned(format!("{:.3}", time.as_secs_f64())))
            }
            Field::Method
            | Field::Scheme
            | Field::Host
            | Field::Path
            | Field::Query
            | Field::Uri
            | Field::Time
            | Field::Header(_)
            | Field::Cookie(_)
            | Field::Argument(_)
            | Field::ClientIp
            | Field::Certificate(_)
            | Field::Claims(_)
            | Field::Jose(_)
            | Field::JoseOuter(_)
            | Field::Payload
            | Field::Realm
            | Field::ServiceHeader(_)
            | Field::AuthSubject => Reading::Absent,
        }
    }
}

/// All values of a header, joined by commas (RFC 9110 §5.3).
fn joined<'f>(headers: &'f HeaderMap, name: &HeaderName) -> Reading<'f> {
    let mut values = headers.get_all(name).into_iter();
    let Some(first) = values.next() else {
        return Reading::Absent;
    };
    let mut joined = String::from_utf8_lossy(first.as_bytes());
    for value in values {
        let joined = joined.to_mut();
        joined.push_str(", ");
        joined.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    Reading::Text(joined)
}

fn text(text: &str) -> Reading<'_> {
    Reading::Text(Cow::Borrowed(text))
}

fn owned<'f>(text: String) -> Reading<'f> {
    Reading::Text(Cow::Owned(text))
}
