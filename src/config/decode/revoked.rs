//! Which tokens are called back?

use super::super::revoked::Revoked;
use super::super::yaml::Node;
use super::list::list;
use super::scalar::{parsed, text};
use super::{Decoder, Section, Value};

/// The lists of a file.
pub fn lists(root: &Node, decoder: &mut Decoder<'_>) -> Option<Revoked> {
    let mut section = Section::open(&Value::root(root), decoder)?;
    let mut texts = |name, decoder: &mut Decoder<'_>| {
        section.optional(name, decoder, |value, decoder| list(value, decoder, text)).unwrap_or_default()
    };
    let (jti, sub, sid, kid) =
        (texts("jti", decoder), texts("sub", decoder), texts("sid", decoder), texts("kid", decoder));
    let issued_before = section.optional("issued_before", decoder, time);
    section.close(decoder);
    Some(Revoked { jti, sub, sid, kid, issued_before })
}

/// RFC 3339, or seconds since 1970.
fn time(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<f64> {
    parsed("a time like 2026-01-31T00:00:00Z", value, decoder, |text| {
        let seconds = text.parse::<u32>().ok().map(f64::from);
        let written = || chrono::DateTime::parse_from_rfc3339(text).ok();
        let parsed = seconds.or_else(|| written().map(|time| time.timestamp_millis() as f64 / 1000.0));
        parsed.ok_or_else(|| "expected RFC 3339 like 2026-01-31T00:00:00Z, or seconds since 1970".to_owned())
    })
}
