//! Which rules does a token have to meet?

use super::super::place::Located;
use super::super::schema::{
    Compression, Encryption, Enforcement, ForwardToken, Realm, Requirement, RequirementStatus, TokenKind, TokenSource,
    Uses,
};
use super::super::value::origin;
use super::headers;
use super::list::{list, located_texts, one_or_more_texts, some, without_places};
use super::scalar::{boolean, count, duration, file, located, located_text, number, parsed, text, word};
use super::section::named;
use super::token::token;
use super::{Decoder, Section, Value};

const TOKEN_KINDS: [(&str, TokenKind); 3] =
    [("signed", TokenKind::Signed), ("encrypted", TokenKind::Encrypted), ("nested", TokenKind::Nested)];

/// Iterations of PBES2 that nobody can want: a second of work for each request.
const MOST_PBES2_COUNT: u64 = 1_000_000;

const MOST_CACHE_ENTRIES: u64 = 10_000_000;

/// `realms`. A realm keeps its name whatever is wrong with it.
pub(super) fn realms(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Realm>> {
    named(value, decoder, |name, value, decoder| {
        let mut realm = Realm::new(name);
        if let Some(mut section) = Section::open(value, decoder) {
            credential(&mut realm, &mut section, decoder);
            rules(&mut realm, &mut section, decoder);
            outcome(&mut realm, &mut section, decoder);
            abuse(&mut realm, &mut section, decoder);
            section.close(decoder);
        }
        realm
    })
}

/// Where the token is, what it is, and what it is verified with.
fn credential(realm: &mut Realm, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    if let Some(token) = section.optional("token", decoder, token) {
        realm.token = token;
    }
    realm.kind = section.optional("type", decoder, word(&TOKEN_KINDS)).unwrap_or(TokenKind::Signed);
    let names =
        |value: &Value<'_>, decoder: &mut Decoder<'_>| one_or_more_texts("nothing could be verified", value, decoder);
    let keys = if realm.kind == TokenKind::Encrypted && section.has("decryption_keys") {
        section.optional("keys", decoder, names)
    } else {
        section.required("keys", decoder, names)
    };
    realm.keys = keys.unwrap_or_default();
    if realm.kind == TokenKind::Encrypted && section.has("algorithms") {
        let text = "\"algorithms\" are those of signatures: an encrypted token has \"key_management\" and \"content_encryption\"";
        decoder.problem(section.place_of_key("algorithms"), text);
    }
    realm.algorithms =
        section.optional("algorithms", decoder, |value, decoder| located_texts("no token could pass", value, decoder));
    encryption(realm, section, decoder);
    if let Some(entries) = section.optional("cache", decoder, cache) {
        realm.cache_entries = entries;
    }
}

/// What its claims have to be.
fn rules(realm: &mut Realm, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    let values = |value: &Value<'_>, decoder: &mut Decoder<'_>| {
        one_or_more_texts("no token could pass", value, decoder).map(without_places)
    };
    realm.issuer = section.optional("issuer", decoder, values);
    realm.audience = section.optional("audience", decoder, values);
    realm.leeway = section.optional("leeway", decoder, duration).unwrap_or_default();
    realm.max_age = section.optional("max_age", decoder, duration);
    let claims = section.optional("required_claims", decoder, |value, decoder| {
        let claims = list(value, decoder, |item, decoder| located(text)(item, decoder))?;
        Some(super::list::distinct(claims, decoder))
    });
    realm.required_claims = claims.map(without_places).unwrap_or_default();
    realm.token_types = section.optional("token_types", decoder, |value, decoder| {
        located_texts("no token could pass", value, decoder).map(without_places)
    });
    let require = section.optional("require", decoder, |value, decoder| list(value, decoder, requirement));
    realm.require = require.unwrap_or_default();
}

/// What follows when it passes, or does not.
fn outcome(realm: &mut Realm, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    let forms = [("header", ForwardToken::Header), ("all", ForwardToken::All), ("none", ForwardToken::None)];
    realm.challenge = section.optional("challenge", decoder, located_text);
    realm.identity_headers = section.optional("identity_headers", decoder, headers::identity).unwrap_or_default();
    realm.forward_token = section.optional("forward_token", decoder, word(&forms)).unwrap_or(ForwardToken::Header);
}

/// What becomes of good tokens in the wrong hands, and of refusals while a realm is tried out.
fn abuse(realm: &mut Realm, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    realm.allowed_origins = section.optional("allowed_origins", decoder, |value, decoder| {
        some("no request could change anything", value, decoder, |item, decoder| {
            parsed("an origin like https://app.example.com", item, decoder, origin)
        })
    });
    let has_cookie = realm.token.iter().any(|source| matches!(source, TokenSource::Cookie(_)));
    if realm.allowed_origins.is_some() && !has_cookie {
        let text = "\"allowed_origins\" belongs to a realm that looks for its token in a cookie";
        decoder.problem(section.place_of_key("allowed_origins"), text);
    }
    if realm.allowed_origins.is_none() && has_cookie {
        let text =
            "a cookie is sent by any page that a browser shows: \"allowed_origins\" says whose may change things";
        decoder.warning(realm.name.place.clone(), text);
    }
    realm.revoked = section.optional("revoked", decoder, |value, decoder| {
        let mut section = Section::open(value, decoder)?;
        let file = section.required("file", decoder, file);
        section.close(decoder);
        file
    });
    if section.optional("single_use", decoder, boolean) == Some(true) {
        realm.uses = Uses::One;
    }
    if section.optional("shadow", decoder, boolean) == Some(true) {
        realm.enforcement = Enforcement::Shadow;
        let text = "\"shadow: true\": this realm admits everybody, and only says whom it would refuse";
        decoder.warning(section.place_of_key("shadow"), text);
    }
}

/// `decryption_keys` and what may be done with them. Told apart from what is left out: a signed realm has no use for it.
fn encryption(realm: &mut Realm, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    let names = ["decryption_keys", "key_management", "content_encryption", "compression", "pbes2_max_count"];
    if realm.kind == TokenKind::Signed {
        for name in names {
            if section.has(name) {
                let text = format!("{name:?} belongs to a realm with \"type: encrypted\" or \"type: nested\"");
                decoder.problem(section.place_of_key(name), text);
            }
            section.allow(name);
        }
        return;
    }
    let nothing = "no token could pass";
    let algorithms = |value: &Value<'_>, decoder: &mut Decoder<'_>| located_texts(nothing, value, decoder);
    let compression = section.optional("compression", decoder, boolean);
    realm.encryption = Encryption {
        keys: section.optional("decryption_keys", decoder, |value, decoder| {
            one_or_more_texts("nothing could be decrypted", value, decoder)
        }),
        key_management: section.optional("key_management", decoder, algorithms),
        content_encryption: section.optional("content_encryption", decoder, algorithms),
        compression: if compression == Some(true) { Compression::Accept } else { Compression::Refuse },
        pbes2_max_count: section
            .optional("pbes2_max_count", decoder, number(1..=MOST_PBES2_COUNT))
            .and_then(|count| u32::try_from(count).ok()),
    };
}

/// `cache: { entries: 65536 }`
fn cache(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<usize> {
    let mut section = Section::open(value, decoder)?;
    let entries = section.optional("entries", decoder, count(0..=MOST_CACHE_ENTRIES));
    section.close(decoder);
    entries
}

/// An expression, or an expression and the status that its failure has.
fn requirement(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Requirement> {
    if !value.is_mapping() {
        let check: Located<String> = located_text(value, decoder)?;
        return Some(Requirement { check, status: RequirementStatus::Forbidden });
    }
    let mut section = Section::open(value, decoder)?;
    let check = section.required("check", decoder, located_text);
    let statuses = [("401", RequirementStatus::Unauthorized), ("403", RequirementStatus::Forbidden)];
    let status = section.optional("status", decoder, word(&statuses)).unwrap_or(RequirementStatus::Forbidden);
    section.close(decoder);
    Some(Requirement { check: check?, status })
}
