//! What can an expression read, and what is there when it reads?
//!
//! Every chain such as `claims.info["e-mail"]` is resolved to a [`Field`] at load; reading one at run time is a look-up,
//! no interpreter.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::HeaderName;

use crate::auth::credential::TokenNames;
use crate::auth::identity::Identity;
use crate::auth::request::{Request, Single};
use crate::jose::Json;

/// What an expression is evaluated against.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    /// The request.
    pub request: &'f Request<'f>,
    /// Who was admitted last, if anybody was.
    pub identity: Option<&'f Identity>,
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

/// Which variables there are where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    identity: Presence,
    outcome: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Possible,
    Impossible,
}

impl Scope {
    /// Nobody can have been admitted yet: `request` and `client` only.
    pub const REQUEST: Self = Self {
        identity: Presence::Impossible,
        outcome: Presence::Impossible,
    };
    /// A realm may have admitted: `claims`, `jose`, `payload` and `realm` too.
    pub const IDENTITY: Self = Self {
        identity: Presence::Possible,
        outcome: Presence::Impossible,
    };
    /// The access log: `response`, `auth` and `upstream` too.
    pub const LOG: Self = Self {
        identity: Presence::Possible,
        outcome: Presence::Possible,
    };
}

/// One step from a claim to what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An element of an array.
    Element(i64),
}

/// Something that can be read without the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `request.method`
    Method,
    /// `request.scheme`
    Scheme,
    /// `request.host`
    Host,
    /// `request.path`
    Path,
    /// `request.query`
    Query,
    /// `request.uri`
    Uri,
    /// `request.time`
    Time,
    /// `request.headers["…"]`
    Header(HeaderName),
    /// `request.cookies["…"]`
    Cookie(String),
    /// `request.args["…"]`
    Argument(String),
    /// `client.ip`
    ClientIp,
    /// `claims…`
    Claims(Vec<Step>),
    /// `jose…`
    Jose(Vec<Step>),
    /// `payload`
    Payload,
    /// `realm`
    Realm,
    /// `response.status`
    ResponseStatus,
    /// `response.bytes`
    ResponseBytes,
    /// `auth.status`
    AuthStatus,
    /// `auth.reason`
    AuthReason,
    /// `auth.subject`
    AuthSubject,
    /// `upstream.address`
    UpstreamAddress,
    /// `upstream.status`
    UpstreamStatus,
    /// `upstream.time`
    UpstreamTime,
}

/// What a chain of selections turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Chain {
    /// One field.
    Field(Field),
    /// A whole variable or map, for the interpreter.
    Whole,
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

/// Resolves `root` and the steps after it, or says in words what is wrong with them.
pub fn resolve(root: &str, steps: &[Step], scope: Scope) -> Result<Chain, String> {
    allowed(root, scope)?;
    let names: Vec<&str> = steps.iter().map_while(member_name).collect();
    match (root, names.as_slice()) {
        ("claims", _) => return Ok(Chain::Field(Field::Claims(steps.to_vec()))),
        ("jose", _) => return Ok(Chain::Field(Field::Jose(steps.to_vec()))),
        (_, names) if names.len() < steps.len() => return Err(format!("\"{root}\" has no elements by number")),
        _ => {}
    }
    let field = match (root, names.as_slice()) {
        ("payload", []) => Field::Payload,
        ("realm", []) => Field::Realm,
        ("request", ["headers", name]) => Field::Header(header_name(name)?),
        ("request", ["cookies", name]) => Field::Cookie((*name).to_owned()),
        ("request", ["args", name]) => Field::Argument((*name).to_owned()),
        ("request", [] | ["headers" | "cookies" | "args"]) | ("client" | "response" | "auth" | "upstream", []) => {
            return Ok(Chain::Whole);
        }
        (root, [member]) => leaf(root, member)?,
        (root, [member, ..]) => {
            leaf(root, member)?;
            return Err(format!("\"{root}.{member}\" has no members"));
        }
        (root, []) => return Err(format!("there is no variable \"{root}\"")),
    };
    Ok(Chain::Field(field))
}

fn member_name(step: &Step) -> Option<&str> {
    match step {
        Step::Member(name) => Some(name),
        Step::Element(_) => None,
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Err(format!(
            "header names are in lower case here: \"{}\"",
            name.to_ascii_lowercase()
        ));
    }
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("\"{name}\" is not a header name"))
}

fn allowed(root: &str, scope: Scope) -> Result<(), String> {
    let presence = match root {
        "request" | "client" => Presence::Possible,
        "claims" | "jose" | "payload" | "realm" => scope.identity,
        "response" | "auth" | "upstream" => scope.outcome,
        "jose_outer" => return Err("\"jose_outer\" is not built yet".to_owned()),
        _ => return Err(format!("there is no variable \"{root}\"")),
    };
    match (presence, root) {
        (Presence::Possible, _) => Ok(()),
        (Presence::Impossible, "response" | "upstream") => Err(format!("\"{root}\" is known in the access log only")),
        (Presence::Impossible, "auth") => Err(
            "\"auth\" is known in the access log only (auth.headers, of a forward_auth service, is not built yet)"
                .to_owned(),
        ),
        (Presence::Impossible, _) => Err(format!(
            "\"{root}\" is not known here: no realm can have admitted before"
        )),
    }
}

fn leaf(root: &str, member: &str) -> Result<Field, String> {
    Ok(match (root, member) {
        ("request", "method") => Field::Method,
        ("request", "scheme") => Field::Scheme,
        ("request", "host") => Field::Host,
        ("request", "path") => Field::Path,
        ("request", "query") => Field::Query,
        ("request", "uri") => Field::Uri,
        ("request", "time") => Field::Time,
        ("client", "ip") => Field::ClientIp,
        ("client", "certificate") => return Err("\"client.certificate\" is not built yet".to_owned()),
        ("auth", "headers") => return Err("\"auth.headers\" is not built yet".to_owned()),
        ("response", "status") => Field::ResponseStatus,
        ("response", "bytes") => Field::ResponseBytes,
        ("auth", "status") => Field::AuthStatus,
        ("auth", "reason") => Field::AuthReason,
        ("auth", "subject") => Field::AuthSubject,
        ("upstream", "address") => Field::UpstreamAddress,
        ("upstream", "status") => Field::UpstreamStatus,
        ("upstream", "time") => Field::UpstreamTime,
        _ => return Err(format!("\"{root}\" has no member \"{member}\"")),
    })
}

/// Written in the log where a token would stand.
pub const MASK: &str = "***";

impl<'f> Facts<'f> {
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
            Field::ClientIp => request
                .client
                .map_or(Reading::Absent, |ip| owned(ip.to_canonical().to_string())),
            Field::Claims(steps) => self.json(Identity::claims, steps),
            Field::Jose(steps) => self.json(Identity::header, steps),
            Field::Payload => self
                .identity
                .map_or(Reading::Absent, |identity| text(identity.payload())),
            Field::Realm => self.identity.map_or(Reading::Absent, |identity| text(identity.realm())),
            Field::AuthSubject => self.identity.and_then(Identity::subject).map_or(Reading::Absent, text),
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
        Some(
            self.secrets()
                .map_or(Cow::Borrowed(query), |secrets| secrets.mask_query(query)),
        )
    }

    /// A header; one that is repeated is joined by commas (RFC 9110 §5.3).
    pub fn header(&self, name: &HeaderName) -> Reading<'f> {
        let mut values = self.request.head.headers.get_all(name).into_iter();
        let Some(first) = values.next() else {
            return Reading::Absent;
        };
        if let Some(secrets) = self.secrets() {
            if secrets.hides_header(name) {
                return text(MASK);
            }
            if name == http::header::REFERER {
                return Reading::Text(
                    secrets
                        .mask_uri(&String::from_utf8_lossy(first.as_bytes()))
                        .into_owned()
                        .into(),
                );
            }
        }
        let mut joined = String::from_utf8_lossy(first.as_bytes());
        for value in values {
            let joined = joined.to_mut();
            joined.push_str(", ");
            joined.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        Reading::Text(joined)
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

    fn json(&self, part: impl Fn(&'f Identity) -> &'f Json, steps: &[Step]) -> Reading<'f> {
        let Some(identity) = self.identity else {
            return Reading::Absent;
        };
        let mut here = part(identity);
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
            Field::UpstreamStatus => self
                .upstream_status
                .map_or(Reading::Absent, |status| integer(status.into())),
            Field::UpstreamTime => self
                .upstream_time
                .map_or(Reading::Absent, |time| owned(format!("{:.3}", time.as_secs_f64()))),
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
            | Field::Claims(_)
            | Field::Jose(_)
            | Field::Payload
            | Field::Realm
            | Field::AuthSubject => Reading::Absent,
        }
    }
}

fn text(text: &str) -> Reading<'_> {
    Reading::Text(Cow::Borrowed(text))
}

fn owned<'f>(text: String) -> Reading<'f> {
    Reading::Text(Cow::Owned(text))
}
