//! What may an expression name? Every chain such as `claims.info["e-mail"]` is resolved to a [`Field`] at load.

use http::HeaderName;

/// Which variables there are where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    identity: Presence,
    service: Presence,
    outcome: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Possible,
    Impossible,
}

impl Presence {
    fn or(self, other: Self) -> Self {
        if self == Self::Possible { self } else { other }
    }
}

impl Scope {
    /// Nobody can have been admitted yet: `request` and `client` only.
    pub const REQUEST: Self =
        Self { identity: Presence::Impossible, service: Presence::Impossible, outcome: Presence::Impossible };
    /// A realm may have admitted: `claims`, `jose`, `jose_outer`, `payload` and `realm` too.
    pub const IDENTITY: Self = Self { identity: Presence::Possible, ..Self::REQUEST };
    /// A service may have admitted: `auth.headers` too.
    pub const SERVICE: Self = Self { service: Presence::Possible, ..Self::REQUEST };
    /// The access log: `response`, `auth` and `upstream` too.
    pub const LOG: Self =
        Self { identity: Presence::Possible, service: Presence::Impossible, outcome: Presence::Possible };

    /// Where whatever is known in either is known.
    pub fn or(self, other: Self) -> Self {
        Self {
            identity: self.identity.or(other.identity),
            service: self.service.or(other.service),
            outcome: self.outcome.or(other.outcome),
        }
    }
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
    /// `client.certificate…`
    Certificate(Vec<Step>),
    /// `claims…`
    Claims(Vec<Step>),
    /// `jose…`
    Jose(Vec<Step>),
    /// `jose_outer…`
    JoseOuter(Vec<Step>),
    /// `payload`
    Payload,
    /// `realm`
    Realm,
    /// `auth.headers["…"]`
    ServiceHeader(HeaderName),
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

/// Resolves `root` and the steps after it, or says in words what is wrong with them.
pub fn resolve(root: &str, steps: &[Step], scope: Scope) -> Result<Chain, String> {
    allowed(root, scope)?;
    let names: Vec<&str> = steps.iter().map_while(member_name).collect();
    match (root, names.as_slice()) {
        ("claims", _) => return Ok(Chain::Field(Field::Claims(steps.to_vec()))),
        ("jose", _) => return Ok(Chain::Field(Field::Jose(steps.to_vec()))),
        ("client", ["certificate", ..]) => return certificate(steps),
        ("jose_outer", _) => return Ok(Chain::Field(Field::JoseOuter(steps.to_vec()))),
        (_, names) if names.len() < steps.len() => return Err(format!("\"{root}\" has no elements by number")),
        _ => {}
    }
    let field = match (root, names.as_slice()) {
        ("payload", []) => Field::Payload,
        ("realm", []) => Field::Realm,
        ("request", ["headers", name]) => Field::Header(header_name(name)?),
        ("request", ["cookies", name]) => Field::Cookie((*name).to_owned()),
        ("auth", ["headers", name]) => service_header(name, scope)?,
        ("request", ["args", name]) => Field::Argument((*name).to_owned()),
        ("request", [] | ["headers" | "cookies" | "args"])
        | ("auth", ["headers"])
        | ("client" | "response" | "auth" | "upstream", []) => {
            return Ok(Chain::Whole);
        }
        ("auth", [_]) if scope.outcome == Presence::Impossible => {
            return Err("only \"auth.headers\" is known here; the rest of \"auth\" in the access log".to_owned());
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

/// What is known of a client's certificate.
pub const CERTIFICATE_MEMBERS: [&str; 5] = ["subject", "issuer", "serial", "fingerprint", "san"];

/// `client.certificate` and what is in it.
fn certificate(steps: &[Step]) -> Result<Chain, String> {
    let inside = steps.get(1..).unwrap_or_default();
    match inside.first() {
        Some(Step::Member(name)) if !CERTIFICATE_MEMBERS.contains(&name.as_str()) => {
            Err(format!("\"client.certificate\" has no member \"{name}\""))
        }
        Some(Step::Element(_)) => Err("\"client.certificate\" has no elements by number".to_owned()),
        Some(Step::Member(_)) | None => Ok(Chain::Field(Field::Certificate(inside.to_vec()))),
    }
}

/// In the access log there is nothing left of what a service said.
fn service_header(name: &str, scope: Scope) -> Result<Field, String> {
    if scope.service == Presence::Impossible {
        return Err("\"auth.headers\" is not known here: no forward_auth service can have admitted before".to_owned());
    }
    header_name(name).map(Field::ServiceHeader)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Err(format!("header names are in lower case here: \"{}\"", name.to_ascii_lowercase()));
    }
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("\"{name}\" is not a header name"))
}

fn allowed(root: &str, scope: Scope) -> Result<(), String> {
    let presence = match root {
        "request" | "client" => Presence::Possible,
        "claims" | "jose" | "jose_outer" | "payload" | "realm" => scope.identity,
        "auth" => scope.service.or(scope.outcome),
        "response" | "upstream" => scope.outcome,
        _ => return Err(format!("there is no variable \"{root}\"")),
    };
    match (presence, root) {
        (Presence::Possible, _) => Ok(()),
        (Presence::Impossible, "response" | "upstream") => Err(format!("\"{root}\" is known in the access log only")),
        (Presence::Impossible, "auth") => {
            Err("\"auth\" is not known here: no forward_auth service can have admitted before".to_owned())
        }
        (Presence::Impossible, _) => Err(format!("\"{root}\" is not known here: no realm can have admitted before")),
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
