//! How are keys fetched?

use std::time::Duration;

use super::super::place::Located;
use super::super::schema::{RemoteKeys, Required};
use super::super::value::{Transport, http_url};
use super::scalar::{boolean, duration, duration_from, file, located_text, parsed};
use super::{Decoder, Section, Value};

const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// Options of every source over HTTP.
const OPTIONS: [&str; 7] = ["refresh", "stale_for", "unknown_kid_cooldown", "timeout", "required", "saved_copy", "tls"];

/// Options that make no sense where every request may name another place.
const OPTIONS_OF_ONE_PLACE: [&str; 3] = ["refresh", "required", "saved_copy"];

/// Whether every request names the same place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Fixed,
    ByRequest,
}

/// The options of a source over HTTP.
pub(super) fn remote_keys(section: &mut Section<'_>, names: Naming, decoder: &mut Decoder<'_>) -> RemoteKeys {
    if names == Naming::ByRequest {
        for stray in OPTIONS_OF_ONE_PLACE.into_iter().filter(|option| section.has(option)) {
            let what = format!("{stray:?} belongs to a URL that is the same for every request; this one has \"cache\"");
            decoder.problem(section.place_of_key(stray), what);
        }
    }
    let usual = RemoteKeys::default();
    RemoteKeys {
        refresh: section.optional("refresh", decoder, duration_from(SHORTEST_REFRESH)).unwrap_or(usual.refresh),
        stale_for: section.optional("stale_for", decoder, duration).unwrap_or(usual.stale_for),
        unknown_kid_cooldown: section
            .optional("unknown_kid_cooldown", decoder, duration_from(SHORTEST_REFRESH))
            .unwrap_or(usual.unknown_kid_cooldown),
        timeout: section.optional("timeout", decoder, duration_from(SHORTEST_TIMEOUT)).unwrap_or(usual.timeout),
        required: match section.optional("required", decoder, boolean) {
            Some(false) => Required::No,
            Some(true) | None => Required::Yes,
        },
        saved_copy: section.optional("saved_copy", decoder, file),
        ca: section.optional("tls", decoder, |value, decoder| {
            let mut section = Section::open(value, decoder)?;
            let ca = section.required("ca", decoder, file);
            section.close(decoder);
            ca
        }),
    }
}

/// Options of a source over HTTP, at one of another kind.
pub(super) fn refuse_stray_options(section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    for option in OPTIONS {
        if section.has(option) {
            let what = format!("{option:?} belongs to \"jwks_url\" or \"discovery\"");
            decoder.problem(section.place_of_key(option), what);
        }
        section.allow(option);
    }
}

/// A URL; what a template makes of it is looked at where the template is compiled.
pub(super) fn key_url(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    let transport = parsed("a URL like https://id.example.com/jwks.json", value, decoder, |text| {
        if text.contains('{') { Ok(Transport::Protected) } else { http_url(text) }
    });
    if let Some(words) = transport?.warning() {
        decoder.warning(value.place(), words);
    }
    located_text(value, decoder)
}
