//! Does a realm take a token of another kind than it asks for? Class 41 of threats.md, for signed, encrypted and nested.

use serde_json::{Value, json};

use super::minted::Kind;
use super::sealed::Sealed;
use super::{Site, place_of};
use crate::harness::issuer::{base64url, now};

/// Sealed with a secret that the gateway knows.
fn sealed(site: &Site, header: &Value, content: &str) -> String {
    let mut whole = json!({ "alg": "dir", "enc": "A256GCM", "kid": "oct-256" });
    whole.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    Sealed::gcm(&whole, &[], &site.minted.octets_of("oct-256", "k"), content.as_bytes()).token()
}

/// A signed token of the library.
fn signed(site: &Site) -> &'static str {
    let tokens = site.minted.tokens.iter();
    &tokens.clone().find(|token| token.kind == Kind::Signed && token.alg == "ES256").unwrap().token
}

#[test]
fn class_41_each_realm_takes_its_own_kind_only() {
    let site = Site::of("joserfc");
    let own = |kind| {
        let mut tokens = site.minted.tokens.iter().filter(|token| !token.must_be_named());
        tokens.find(|token| token.kind == kind).unwrap()
    };
    for kind in [Kind::Signed, Kind::Encrypted, Kind::Nested] {
        for other in [Kind::Signed, Kind::Encrypted, Kind::Nested] {
            let (token, place) = (&own(kind).token, place_of(own(other)));
            if kind == other {
                assert_eq!(site.send(place, token).status, 200, "{kind:?} at {place}");
            } else {
                site.refuses(place, token, &format!("{kind:?} at {place}"), &["token_kind"]);
            }
        }
    }
}

#[test]
fn class_41_what_is_nested_says_so() {
    let site = Site::of("joserfc");
    for said in ["JWT", "jwt", "application/jwt", "application/JWT"] {
        let token = sealed(&site, &json!({ "cty": said }), signed(&site));
        assert_eq!(site.send("/nested", &token).status, 200, "cty {said}");
        site.refuses("/encrypted", &token, said, &["token_kind"]);
    }
    for silent in
        [json!({}), json!({ "cty": "" }), json!({ "cty": "JWS" }), json!({ "cty": "json" }), json!({ "typ": "JWT" })]
    {
        site.refuses("/nested", &sealed(&site, &silent, signed(&site)), &silent.to_string(), &["token_kind"]);
    }
    site.refuses("/nested", &sealed(&site, &json!({ "cty": 1 }), signed(&site)), "a number", &["token_malformed"]);
}

#[test]
fn class_41_nested_is_once_and_signed_within() {
    let site = Site::of("joserfc");
    let header = json!({ "cty": "JWT" });
    let once = sealed(&site, &header, signed(&site));
    assert_eq!(site.send("/nested", &once).status, 200);
    site.refuses("/nested", &sealed(&site, &header, &once), "nested twice", &["token_kind"]);
    let claims = json!({ "sub": "root", "exp": now() + 3600 }).to_string();
    site.refuses("/nested", &sealed(&site, &header, &claims), "claims", &["token_malformed"]);
    let encrypted = sealed(&site, &json!({}), &claims);
    assert_eq!(site.send("/encrypted", &encrypted).status, 200);
    site.refuses("/nested", &sealed(&site, &header, &encrypted), "claims, encrypted twice", &["token_kind"]);
    let unsigned = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(&claims));
    site.refuses("/nested", &sealed(&site, &header, &unsigned), "not signed", &["algorithm_refused"]);
    let (rest, _) = signed(&site).rsplit_once('.').unwrap();
    site.refuses("/nested", &sealed(&site, &header, &format!("{rest}.AAAA")), "badly signed", &["signature_invalid"]);
    site.refuses("/nested", &sealed(&site, &header, ""), "nothing", &["token_malformed"]);
    site.refuses("/nested", &sealed(&site, &header, "\u{0}"), "an octet", &["token_malformed"]);
}

#[test]
fn class_41_a_key_of_encryption_signs_nothing() {
    // The secret that opens tokens is no key for their signatures, though it is as long as one.
    let site = Site::of("joserfc");
    let secret = site.minted.octets_of("oct-512", "k");
    let claims = json!({ "sub": "root", "exp": now() + 3600 });
    for kid in ["oct-512", "HS256"] {
        let header = json!({ "alg": "HS256", "kid": kid });
        let text = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let key = jsonwebtoken::EncodingKey::from_secret(&secret);
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        let forged = format!("{text}.{signature}");
        site.refuses("/signed", &forged, kid, &["key_unknown", "signature_invalid"]);
        site.refuses(
            "/nested",
            &sealed(&site, &json!({ "cty": "JWT" }), &forged),
            kid,
            &["key_unknown", "signature_invalid"],
        );
    }
}
