//! May a page of another origin ask this, and read the answer? Preflights, and the headers of every answer after them.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

use crate::snapshot::{Cors, Credentials, Origins};

/// What an upstream may not say where a location has rules of its own.
const OURS: [HeaderName; 5] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// The method that a genuine preflight asks for: OPTIONS with one `Origin` and one `Access-Control-Request-Method`.
pub fn preflight_for(request: &RequestHeader) -> Option<Method> {
    if request.method != Method::OPTIONS {
        return None;
    }
    single(&request.headers, &ORIGIN)?;
    Method::from_bytes(single(&request.headers, &ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// What a page of this origin may send: headers of the answer to a preflight. `None`: nothing.
pub fn preflight(cors: &Cors, request: &RequestHeader) -> Result<Option<ResponseHeader>> {
    if single(&request.headers, &ORIGIN).and_then(|origin| cors.allowed(origin)).is_none() {
        return Ok(None);
    }
    let mut head = ResponseHeader::build(204, Some(8))?;
    head.insert_header(ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone())?;
    for (name, value) in [(ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers), (ACCESS_CONTROL_MAX_AGE, &cors.max_age)] {
        if let Some(value) = value {
            head.insert_header(name, value.clone())?;
        }
    }
    Ok(Some(head))
}

/// Says in an answer who may read it. What the upstream said of that is replaced.
pub fn dress(cors: &Cors, request: &RequestHeader, head: &mut ResponseHeader) -> Result<()> {
    let is_preflight = preflight_for(request).is_some();
    for name in OURS.iter().filter(|name| !is_preflight || **name == ACCESS_CONTROL_ALLOW_ORIGIN) {
        head.remove_header(name);
    }
    if cors.origins != Origins::Any {
        head.append_header(VARY, "Origin")?;
    }
    let Some(allowed) = single(&request.headers, &ORIGIN).and_then(|origin| cors.allowed(origin)) else {
        head.remove_header(&ACCESS_CONTROL_EXPOSE_HEADERS);
        return Ok(());
    };
    head.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, allowed)?;
    if cors.credentials == Credentials::Allow {
        head.insert_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")?;
    }
    Ok(())
}
