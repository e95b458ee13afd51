//! Where do keys come from?

use std::time::Duration;

use super::super::place::Located;
use super::super::schema::{KeyFile, KeyOrigin, KeySet, KeySource, RemoteKeys, SecretEncoding, WeakKeys};
use super::super::secret::Secret;
use super::json::json;
use super::list::{located_texts, some};
use super::remote_keys::{Naming, key_url, refuse_stray_options, remote_keys};
use super::scalar::{boolean, duration_from, file, located_text, text, word};
use super::section::named;
use super::{Decoder, Section, Value};

#[derive(Clone, Copy)]
enum Origin {
    JwksFile,
    PemFile,
    Jwks,
    Secret,
    SecretFile,
    JwksUrl,
    Discovery,
}

const ORIGINS: [(&str, Origin); 7] = [
    ("jwks_file", Origin::JwksFile),
    ("pem_file", Origin::PemFile),
    ("jwks", Origin::Jwks),
    ("secret", Origin::Secret),
    ("secret_file", Origin::SecretFile),
    ("jwks_url", Origin::JwksUrl),
    ("discovery", Origin::Discovery),
];

/// For how long the keys of a name are used: of a source for each request.
const CACHE: Duration = Duration::from_secs(10 * 60);
const SHORTEST_CACHE: Duration = Duration::from_secs(1);

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
    let chosen = section.one_of(&ORIGINS, &[], decoder);
    let origin = chosen.as_ref().map(|(origin, _)| *origin);
    refuse_stray_encoding(&section, origin, decoder);
    let encoding = match section.value("encoding") {
        Some(value) => word(&ENCODINGS)(&value, decoder),
        None => Some(SecretEncoding::Utf8),
    };
    let names = match &chosen {
        Some((origin, value)) => naming(*origin, value),
        None => Naming::Fixed,
    };
    let cache = cache(&mut section, names, decoder);
    let remote = match origin {
        Some(Origin::JwksUrl | Origin::Discovery) | None => remote_keys(&mut section, names, decoder),
        Some(Origin::JwksFile | Origin::PemFile | Origin::Jwks | Origin::Secret | Origin::SecretFile) => {
            refuse_stray_options(&mut section, decoder);
            RemoteKeys::default()
        }
    };
    let algorithms = section.optional("algorithms", decoder, |value, decoder| {
        located_texts("the keys could be used for nothing", value, decoder)
    });
    let kid = section.optional("kid", decoder, text);
    let weak = section.optional("dangerously_allow_weak", decoder, boolean);
    let place = section.place();
    section.close(decoder);
    let (origin, value) = chosen?;
    Some(KeySource {
        place,
        from: key_origin(origin, &value, encoding, remote, decoder)?,
        cache,
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
    remote: RemoteKeys,
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
        Origin::JwksUrl => key_url(value, decoder).map(|url| KeyOrigin::JwksUrl(url, remote)),
        Origin::Discovery => key_url(value, decoder).map(|issuer| KeyOrigin::Discovery(issuer, remote)),
    }
}

fn naming(origin: Origin, value: &Value<'_>) -> Naming {
    match origin {
        Origin::Jwks | Origin::Secret => Naming::Fixed,
        Origin::JwksFile | Origin::PemFile | Origin::SecretFile | Origin::JwksUrl | Origin::Discovery => {
            if value.scalar().is_some_and(|name| name.contains('{')) { Naming::ByRequest } else { Naming::Fixed }
        }
    }
}

fn cache(section: &mut Section<'_>, names: Naming, decoder: &mut Decoder<'_>) -> Option<Duration> {
    if names == Naming::Fixed && section.has("cache") {
        let what = "\"cache\" belongs to a file name or URL with a template in it, such as {request.host}";
        decoder.problem(section.place_of_key("cache"), what);
    }
    let written = section.optional("cache", decoder, duration_from(SHORTEST_CACHE));
    (names == Naming::ByRequest).then_some(written.unwrap_or(CACHE))
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

fn key_file(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<KeyFile> {
    file(value, decoder)?;
    Some(KeyFile { name: located_text(value, decoder)?, folder: decoder.base.to_owned() })
}

fn refuse_stray_encoding(section: &Section<'_>, origin: Option<Origin>, decoder: &mut Decoder<'_>) {
    match origin {
        Some(Origin::JwksFile | Origin::PemFile | Origin::Jwks | Origin::JwksUrl | Origin::Discovery) => {
            if section.has("encoding") {
                let what = "\"encoding\" belongs to \"secret\" or \"secret_file\"";
                decoder.problem(section.place_of_key("encoding"), what);
            }
        }
        Some(Origin::Secret | Origin::SecretFile) | None => {}
    }
}
