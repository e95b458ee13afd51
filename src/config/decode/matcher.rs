//! Which requests is a location for?

use super::super::place::{Located, Place};
use super::super::schema::{Match, PathMatch};
use super::super::value::host_pattern;
use super::list::{distinct, methods, one_or_some};
use super::scalar::{located, located_text, parsed, request_path, text};
use super::{Decoder, Section, Value};

#[derive(Clone, Copy)]
enum Kind {
    Path,
    Prefix,
    Regex,
}

const KINDS: [(&str, Kind); 3] = [("path", Kind::Path), ("prefix", Kind::Prefix), ("regex", Kind::Regex)];

/// `match` of a location.
pub(super) fn matcher(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Match> {
    let mut section = Section::open(value, decoder)?;
    let path = section.one_of(&KINDS, &[], decoder).and_then(|(kind, value)| {
        let path = match kind {
            Kind::Path => request_path(&value, decoder).map(PathMatch::Exact),
            Kind::Prefix => request_path(&value, decoder).map(PathMatch::Prefix),
            Kind::Regex => text(&value, decoder).map(PathMatch::Regex),
        };
        Some(Located::new(path?, value.place()))
    });
    let hosts = section.optional("host", decoder, |value, decoder| {
        let empty = "no host would match; leave \"host\" out to match every host";
        let hosts = one_or_some(empty, value, decoder, |item, decoder| {
            located(|item: &Value<'_>, decoder: &mut Decoder<'_>| parsed("a host", item, decoder, host_pattern))(
                item, decoder,
            )
        })?;
        Some(distinct(hosts, decoder))
    });
    let listener = section.optional("listener", decoder, located_text);
    let methods = section.optional("methods", decoder, methods);
    let place: Place = section.place();
    section.close(decoder);
    let at = place.clone();
    Some(Match {
        place,
        hosts: hosts.unwrap_or_default(),
        listener,
        path: path.unwrap_or_else(|| Located::new(PathMatch::Broken, at)),
        methods,
    })
}
