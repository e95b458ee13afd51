//! Can a token choose the key, or the algorithm, that it is verified with? Classes 1, 2, 4 and 5 of threats.md.

use openssl::pkey::PKey;
use serde_json::{Value, json};

use super::Site;
use crate::harness::issuer::base64url;
use crate::harness::{Issuer, Upstream};

fn with_hmac(secret: &[u8], header: &Value) -> String {
    let key = PKey::hmac(secret).unwrap();
    let signed = format!("{}.{}", base64url(header.to_string()), base64url(r#"{"sub":"root"}"#));
    let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url(signature))
}

#[test]
fn class_01_a_public_key_is_no_hmac_secret() {
    let site = Site::open();
    let der = |issuer: &Issuer| {
        let key = PKey::public_key_from_pem(issuer.public_pem.as_bytes()).unwrap();
        key.public_key_to_der().unwrap()
    };
    let mut secrets = vec![vec![0_u8; 32]];
    for issuer in [&site.rsa, &site.ec] {
        secrets.push(issuer.public_pem.clone().into_bytes());
        secrets.push(issuer.public_pem.trim_end().as_bytes().to_vec());
        secrets.push(der(issuer));
        secrets.push(issuer.jwk.to_string().into_bytes());
        let member = if issuer.jwk["n"].is_null() { "x" } else { "n" };
        secrets.push(issuer.jwk[member].as_str().unwrap().as_bytes().to_vec());
    }
    for secret in secrets {
        for header in
            [json!({ "alg": "HS256", "kid": "rsa" }), json!({ "alg": "HS256", "kid": "ec" }), json!({ "alg": "HS256" })]
        {
            site.refuses("1", &with_hmac(&secret, &header), &["algorithm_refused", "key_unknown"]);
        }
    }
}

#[test]
fn class_01_the_key_decides_even_among_its_own_kind() {
    let site = Site::open();
    for (issuer, algorithm) in [(&site.rsa, "PS256"), (&site.rsa, "RS512"), (&site.rsa, "ES256"), (&site.ec, "ES384")] {
        let token = issuer.token_with(&json!({ "alg": algorithm, "kid": issuer.kid }), &json!({ "sub": "root" }));
        site.refuses("1", &token, &["algorithm_refused"]);
    }
}

#[test]
fn class_02_none_in_any_spelling_is_refused_and_leaves_nothing_behind() {
    let site = Site::open();
    let claims = base64url(r#"{"sub":"root"}"#);
    let good = site.rsa.token_of("root");
    let (_, signature) = good.rsplit_once('.').unwrap();
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"NONE"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"none","kid":"rsa"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["RS256"]}"#,
        r#"{"alg":"rs256","kid":"rsa"}"#,
        r#"{"alg":"RS256 ","kid":"rsa"}"#,
        r#"{"kid":"rsa"}"#,
        "{}",
    ] {
        for signature in ["", signature, "AAAA"] {
            let token = format!("{}.{claims}.{signature}", base64url(header));
            site.refuses("2", &token, &["algorithm_refused", "token_malformed"]);
        }
    }
    let unsigned = format!("{}.{claims}.", base64url(r#"{"alg":"RS256","kid":"rsa"}"#));
    site.refuses("2", &unsigned, &["signature_invalid", "token_malformed"]);
}

#[test]
fn class_04_a_token_brings_no_key_of_its_own() {
    let site = Site::open();
    let trap = Upstream::echo();
    let url = format!("http://{}/keys", trap.address());
    let stranger = &site.stranger;
    for extra in
        [json!({ "jwk": stranger.jwk }), json!({ "jku": url }), json!({ "x5u": url }), json!({ "x5c": ["AAAA"] })]
    {
        for kid in [Some("rsa"), Some("mine"), None] {
            let mut header = json!({ "alg": "RS256" });
            header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let token = stranger.token_with(&header, &json!({ "sub": "root" }));
            site.refuses("4", &token, &["signature_invalid", "key_unknown"]);
        }
    }
    assert_eq!(trap.connections(), 0, "somebody looked at the URL in a token");
}

#[test]
fn class_05_a_kid_is_a_name_and_nothing_else() {
    let site = Site::open();
    let long = "k".repeat(8 * 1024);
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "http://127.0.0.1/",
        "rsa\u{0}",
        "rsa ",
        "RSA",
        "",
        &long,
    ] {
        let token = site.stranger.token_with(&json!({ "alg": "RS256", "kid": kid }), &json!({ "sub": "root" }));
        site.refuses("5", &token, &["key_unknown", "token_malformed"]);
    }
    for kid in [json!(1), json!(null), json!(["rsa"]), json!({ "rsa": 1 })] {
        let token = site.stranger.token_with(&json!({ "alg": "RS256", "kid": kid }), &json!({ "sub": "root" }));
        site.refuses("5", &token, &["key_unknown", "token_malformed", "signature_invalid"]);
    }
    // The other key's id does not make one key do the other's work.
    let token = site.rsa.token_with(&json!({ "alg": "RS256", "kid": "ec" }), &json!({ "sub": "root" }));
    site.refuses("5", &token, &["algorithm_refused"]);
}
