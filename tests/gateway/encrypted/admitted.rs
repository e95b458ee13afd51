//! Is every token of every library admitted, with all of its claims?

use std::collections::BTreeSet;

use serde_json::Value;

use super::minted::{self, CANNOT, CANNOT_SIGN, Kind, LIBRARIES, Token};
use super::{Site, place_of};
use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Request, Response};

#[test]
fn tokens_of_jwcrypto_are_admitted_with_their_claims() {
    admits_every_token_of("jwcrypto");
}

#[test]
fn tokens_of_joserfc_are_admitted_with_their_claims() {
    admits_every_token_of("joserfc");
}

#[test]
fn tokens_of_authlib_are_admitted_with_their_claims() {
    admits_every_token_of("authlib");
}

#[test]
fn tokens_of_npm_jose_are_admitted_with_their_claims() {
    admits_every_token_of("jose");
}

#[test]
fn tokens_of_npm_node_jose_are_admitted_with_their_claims() {
    admits_every_token_of("node-jose");
}

/// Twice, so that the second answer comes from what is remembered of the first. What must be named, a realm that does
/// not name it refuses (classes 16, 17 and 18).
fn admits_every_token_of(library: &str) {
    let site = Site::of(library);
    for token in &site.minted.tokens {
        for round in ["first", "second"] {
            let answer = site.send(place_of(token), &token.token);
            let what = format!("{library}: {}, {round} time", token.words());
            assert_eq!(answer.status, 200, "{what}: {}: {}", answer.text(), token.token);
            arrived(&answer, token, &what);
        }
        if token.must_be_named() {
            let place = place_of(token).strip_prefix("/all").unwrap();
            let reason = site.refusal(place, &token.token, &token.words());
            assert_eq!(reason, "algorithm_refused", "{library}: {}", token.words());
        }
    }
}

fn arrived(answer: &Response, token: &Token, what: &str) {
    let headers = &answer.json()["headers"];
    let claims = &token.claims;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let roles: Vec<String> = claims["roles"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(headers["x-user-id"], "656670838050885", "{what}");
    assert_eq!(headers["x-mail"], claims["info"]["e-mail"], "{what}");
    assert_eq!(headers["x-title"], claims["info"]["job title"], "{what}");
    assert_eq!(headers["x-roles"], roles.join(","), "{what}");
    assert_eq!(headers["x-expires"], claims["exp"].to_string(), "{what}");
}

#[test]
fn keys_in_pem_open_what_keys_in_a_set_open() {
    let minted = minted::by("jwcrypto");
    let mut sources = String::new();
    for kid in minted.pem.keys() {
        sources.push_str(&format!("{{ pem_file: {kid}.pem, kid: {kid} }}, "));
    }
    let rules = format!(
        "keys: {{ ours: [{sources}] }}\nrealms:\n  site: {{ type: encrypted, decryption_keys: ours, keys: ours }}\n\
         locations: [{{ match: {{ prefix: / }}, access: {{ realm: site }}, echo: true }}]\n"
    );
    let mut prepared = Gateway::prepare(&format!("{PLAIN}{rules}"));
    for (kid, pem) in &minted.pem {
        prepared = prepared.file(&format!("{kid}.pem"), pem);
    }
    let gateway = prepared.start();
    let mut client = gateway.client();
    let of_these = |token: &&Token| token.alg.starts_with("RSA-OAEP") || token.alg.starts_with("ECDH-ES");
    let plain = minted.tokens.iter().filter(|token| token.kind == Kind::Encrypted).filter(of_these);
    assert_eq!(minted.pem.len(), 6);
    for token in plain {
        let answer = client.exchange(&Request::get("/").bearer(&token.token));
        assert_eq!(answer.status, 200, "{}: {}", token.words(), answer.text());
    }
}

#[test]
fn two_libraries_at_least_made_every_pair_plain_and_nested() {
    for kind in [Kind::Encrypted, Kind::Nested] {
        let made = LIBRARIES.map(|library| minted::pairs_of(minted::by(library), kind));
        for pair in minted::every_pair() {
            let makers = made.iter().filter(|pairs| pairs.contains(&pair)).count();
            assert!(makers >= 2, "{kind:?} {pair:?} was made by {makers}");
        }
    }
}

#[test]
fn what_the_libraries_cannot_make_is_what_the_table_says() {
    for library in LIBRARIES {
        let made = minted::pairs_of(minted::by(library), Kind::Encrypted);
        assert_eq!(made, minted::pairs_of(minted::by(library), Kind::Nested), "{library} nests what it encrypts");
        for pair in minted::every_pair() {
            let (alg, curve, enc) = (pair.0.as_str(), pair.1.as_str(), pair.2.as_str());
            let in_table = |row: &&(&str, &str, &str, &str)| {
                row.0 == library && row.1 == alg && row.2 == curve && (row.3.is_empty() || row.3 == enc)
            };
            assert_ne!(CANNOT.iter().any(|row| in_table(&row)), made.contains(&pair), "{library}: {pair:?}");
        }
    }
}

#[test]
fn two_libraries_at_least_signed_on_every_curve() {
    let curves = [
        ("ES256", "P-256"),
        ("ES384", "P-384"),
        ("ES512", "P-521"),
        ("ES256K", "secp256k1"),
        ("EdDSA", "Ed25519"),
        ("EdDSA", "Ed448"),
    ];
    for (alg, curve) in curves {
        let signs = |library: &&str| {
            let signed = minted::by(library).tokens.iter().filter(|token| token.kind == Kind::Signed);
            signed.filter(|token| token.alg == alg).any(|token| token.curve.as_deref() == Some(curve))
        };
        let makers: BTreeSet<&str> = LIBRARIES.into_iter().filter(|library| signs(library)).collect();
        let cannot = CANNOT_SIGN.iter().filter(|row| row.1 == alg && row.2 == curve).map(|row| row.0);
        let cannot: BTreeSet<&str> = cannot.collect();
        assert!(makers.len() >= 2, "{alg} on {curve} only by {makers:?}");
        assert!(makers.is_disjoint(&cannot), "{alg} on {curve} by {makers:?}");
        assert_eq!(makers.len() + cannot.len(), LIBRARIES.len(), "{alg} on {curve} by {makers:?}");
    }
}
