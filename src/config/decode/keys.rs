//! Where do keys come from?

use std::path::PathBuf;

use super::super::place::Located;
use super::super::schema::{KeyOrigin, KeySet, KeySource, SecretEncoding, WeakKeys};
use super::super::secret::Secret;
use super::json::json;
use super::list::{located_texts, some};
use super::scalar::{boolean, file, text, word};
use super::section::named;
use super::{Decoder, Section, Value};

/// Sources that are part of the language and not built yet.
const SOURCES_NOT_BUILT: &[&str] = &["jwks_url", "discovery"];

/// Keys of a source that are part of the language and not built yet.
const NOT_BUILT: &[&str] = &[
    "jwks_url",
    "discovery",
    "refresh",
    "stale_for",
    "unknown_kid_cooldown",
    "timeout",
    "required",
    "saved_copy",
    "tls",
    "cache",
];

#[derive(Clone, Copy)]
enum Origin {
    JwksFile,
    PemFile,
    Jwks,
    Secret,
    SecretFile,
}

const ORIGINS: [(&str, Origin); 5] = [
    ("jwks_file", Origin::JwksFile),
    ("pem_file", Origin::PemFile),
    ("jwks", Origin::Jwks),
    ("secret", Origin::Secret),
    ("secret_file", Origin::SecretFile),
];

const ENCODINGS: [(&str, SecretEncoding); 4] = [
    ("utf8", SecretEncoding::Utf8),
    ("base64", SecretEncoding::Base64),
    ("base64url", SecretEncoding::Base64Url),
    ("hex", SecretEncoding::Hex),
];

/// `keys`. A set keeps its name whatever is wrong with its sources.
pub(super) fn key_sets(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<KeySet>> {
    named(value, decoder, |name, value, decoder| {
        let sources = some("nothing could be verified with it", value, decoder, source);
        KeySet { name, sources: sources.unwrap_or_default() }
    })
}

fn source(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<KeySource> {
    let mut section = Section::open(value, decoder)?;
    let chosen = section.one_of(&ORIGINS, SOURCES_NOT_BUILT, decoder);
    refuse_stray_encoding(&section, chosen.as_ref().map(|(origin, _)| *origin), decoder);
    let encoding = match section.value("encoding") {
        Some(value) => word(&ENCODINGS)(&value, decoder),
        None => Some(SecretEncoding::Utf8),
    };
    let algorithms = section.optional("algorithms", decoder, |value, decoder| {
        located_texts("the keys could be used for nothing", value, decoder)
    });
    let kid = section.optional("kid", decoder, text);
    let weak = section.optional("dangerously_allow_weak", decoder, boolean);
    let place = section.place();
    section.close(NOT_BUILT, decoder);
    let (origin, value) = chosen?;
    Some(KeySource {
        place,
        from: key_origin(origin, &value, encoding, decoder)?,
        algorithms,
        kid,
        weak_keys: if weak == Some(true) { WeakKeys::DangerouslyAllow } else { WeakKeys::Refuse },
    })
}

/// `encoding` is `None` if it has been reported.
fn key_origin(
    origin: Origin,
    value: &Value<'_>,
    encoding: Option<SecretEncoding>,
    decoder: &mut Decoder<'_>,
) -> Option<KeyOrigin> {
    match origin {
        Origin::JwksFile => key_file(value, decoder).map(KeyOrigin::JwksFile),
        Origin::PemFile => key_file(value, decoder).map(KeyOrigin::PemFile),
        Origin::SecretFile => Some(KeyOrigin::SecretFile(key_file(value, decoder)?, encoding?)),
        Origin::Secret => secret(value, encoding?, decoder).map(KeyOrigin::Secret),
        Origin::Jwks => {
            value.entries("a mapping: a JWK Set or a JWK", decoder)?;
            let json = json(value, decoder)?;
            Some(KeyOrigin::Jwks(Located::new(Secret::new(json.as_bytes()), value.place())))
        }
    }
}

/// The octets of an inline secret. Its text is in no problem.
fn secret(value: &Value<'_>, encoding: SecretEncoding, decoder: &mut Decoder<'_>) -> Option<Located<Secret>> {
    let text = value.text("a secret", decoder)?;
    match encoding.decode(text.as_bytes()) {
        Ok(secret) => Some(Located::new(secret, value.place())),
        Err(words) => {
            value.problem(format!("the secret {words}"), decoder);
            None
        }
    }
}

fn key_file(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<PathBuf>> {
    let name = file(value, decoder)?;
    if value.text("a file name", decoder)?.contains('{') {
        value.problem("a file name with \"{\" (a source for each request) is not built yet", decoder);
        return None;
    }
    Some(name)
}

fn refuse_stray_encoding(section: &Section<'_>, origin: Option<Origin>, decoder: &mut Decoder<'_>) {
    match origin {
        Some(Origin::JwksFile | Origin::PemFile | Origin::Jwks) if section.has("encoding") => {
            decoder.problem(section.place_of_key("encoding"), "\"encoding\" belongs to \"secret\" or \"secret_file\"");
        }
        Some(Origin::JwksFile | Origin::PemFile | Origin::Jwks | Origin::Secret | Origin::SecretFile) | None => {}
    }
}
