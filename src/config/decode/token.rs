//! Where is a token looked for?

use super::super::place::quoted;
use super::super::schema::TokenSource;
use super::super::suggest::did_you_mean;
use super::super::value::{cookie_name, header_name, scheme};
use super::list::{distinct, one_or_some, without_places};
use super::scalar::{located, parsed, text};
use super::{Decoder, Section, Value};

#[derive(Clone, Copy)]
enum Carrier {
    Cookie,
    Query,
    Header,
}

const CARRIERS: [(&str, Carrier); 3] =
    [("cookie", Carrier::Cookie), ("query", Carrier::Query), ("header", Carrier::Header)];

/// `token`: one source or several different ones.
pub(super) fn token(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<TokenSource>> {
    let empty = "no token could ever be found";
    let sources = one_or_some(empty, value, decoder, |item, decoder| located(source)(item, decoder))?;
    Some(without_places(distinct(sources, decoder)))
}

fn source(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<TokenSource> {
    let expected = "\"bearer\", { cookie: NAME }, { query: NAME } or { header: NAME }";
    if !value.is_mapping() {
        return parsed(expected, value, decoder, |text| match text {
            "bearer" => Ok(TokenSource::Bearer),
            _ => Err(format!("expected {expected}, found {}{}", quoted(text), did_you_mean(text, ["bearer"]))),
        });
    }
    let mut section = Section::open(value, decoder)?;
    let source = section.one_of(&CARRIERS, &[], decoder).and_then(|(carrier, value)| {
        if !matches!(carrier, Carrier::Header) && section.has("scheme") {
            decoder.problem(section.place_of_key("scheme"), "\"scheme\" belongs to \"header\"");
        }
        match carrier {
            Carrier::Cookie => parsed("a cookie name", &value, decoder, cookie_name).map(TokenSource::Cookie),
            Carrier::Query => text(&value, decoder).map(TokenSource::Query),
            Carrier::Header => header(&value, &mut section, decoder),
        }
    });
    section.allow("scheme");
    section.close(decoder);
    source
}

fn header(value: &Value<'_>, section: &mut Section<'_>, decoder: &mut Decoder<'_>) -> Option<TokenSource> {
    let name = parsed("a header name", value, decoder, header_name);
    let scheme = section.optional("scheme", decoder, |value, decoder| parsed("a scheme", value, decoder, scheme));
    Some(TokenSource::Header { name: name?, scheme })
}
