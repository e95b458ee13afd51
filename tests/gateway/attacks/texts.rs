//! Can the text of a token be read in two ways, or cost too much to read? Classes 8, 12, 13, 20 and 22 of threats.md.

use serde_json::json;

use super::Site;
use crate::harness::Request;
use crate::harness::issuer::base64url;

#[test]
fn class_08_no_critical_header_is_understood() {
    let site = Site::open();
    for extra in [
        json!({ "crit": ["x"], "x": 1 }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["b64"], "b64": true }),
        json!({ "crit": ["alg"] }),
        json!({ "crit": ["missing"] }),
        json!({ "crit": "exp" }),
        json!({ "crit": null }),
        json!({ "crit": ["exp"], "exp": 1 }),
    ] {
        let mut header = json!({ "alg": "RS256", "kid": "rsa" });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let token = site.rsa.token_with(&header, &json!({ "sub": "root" }));
        site.refuses("8", &token, &["critical_header", "token_malformed"]);
    }
    let token = site.rsa.token_with(&json!({ "alg": "RS256", "kid": "rsa", "b64": false }), &json!({ "sub": "a" }));
    assert_ne!(site.with("/", &token).status, 500);
}

#[test]
fn class_12_a_json_text_with_two_readings_is_refused() {
    let site = Site::open();
    let good = r#"{"alg":"RS256","kid":"rsa"}"#;
    let deep = format!(r#"{{"sub":"root","x":{}{}}}"#, "[".repeat(3000), "]".repeat(3000));
    for (header, claims) in [
        (r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#, r#"{"sub":"root"}"#),
        (r#"{"alg":"RS256","alg":"RS256","kid":"rsa"}"#, r#"{"sub":"root"}"#),
        (r#"{"alg":"RS256","kid":"x","kid":"rsa"}"#, r#"{"sub":"root"}"#),
        (r#"{"alg":"RS256","kid":"rsa","\u006bid":"rsa"}"#, r#"{"sub":"root"}"#),
        (good, r#"{"sub":"alice","sub":"root"}"#),
        (good, r#"{"sub":"root","exp":1,"exp":99999999999}"#),
        (good, r#"{"sub":"root","x":{"a":1,"a":2}}"#),
        (good, r#"{"sub":"root","s\u0075b":"alice"}"#),
        (good, r#"{"sub":"root"} "x""#),
        (good, r#"{"sub":"root",}"#),
        (good, r#"["sub"]"#),
        (good, "null"),
        (good, ""),
        (good, "\u{feff}{\"sub\":\"root\"}"),
        (good, r#"{"sub":"\ud800"}"#),
        (good, r#"{"sub":NaN}"#),
        (good, &deep),
        ("[]", r#"{"sub":"root"}"#),
        ("", r#"{"sub":"root"}"#),
        (r#"{"alg":"RS256","kid":"rsa"}}"#, r#"{"sub":"root"}"#),
    ] {
        let token = site.rsa.sign(header, claims);
        site.refuses("12", &token, &["token_malformed", "claims_malformed", "token_too_large"]);
    }
    // Another case is another name: `Aud` is no audience.
    let token = site.rsa.token(&json!({ "sub": "a", "Aud": "app", "AUD": "app" }));
    let answer = site.with("/app", &token);
    assert_eq!((answer.status, site.gateway.reason_of(&answer).as_str()), (401, "audience_mismatch"));
}

#[test]
fn class_13_signatures_that_are_no_signatures_are_refused() {
    let site = Site::open();
    let token = site.ec.token_of("root");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let octets = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
    let (r, s) = octets.split_at(32);
    let number = |octets: &[u8]| openssl::bn::BigNum::from_slice(octets).unwrap();
    let der = openssl::ecdsa::EcdsaSig::from_private_components(number(r), number(s)).unwrap().to_der().unwrap();
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = openssl::bn::BigNum::from_hex_str(order).unwrap().to_vec();
    for signature in [
        vec![0; 64],
        [order.as_slice(), s].concat(),
        [r, &order].concat(),
        [&[0_u8; 32], s].concat(),
        [r, &[0_u8; 32]].concat(),
        der,
        octets[..63].to_vec(),
        [octets.as_slice(), &[0]].concat(),
        [&[0_u8], octets.as_slice()].concat(),
        octets[..32].to_vec(),
        vec![1; 8000],
        Vec::new(),
    ] {
        let token = format!("{signed}.{}", base64url(&signature));
        site.refuses("13", &token, &["signature_invalid", "token_malformed"]);
    }
}

#[test]
fn class_20_a_token_is_measured_before_it_is_read() {
    let site = Site::open();
    for token in [
        ".".repeat(16 * 1024 + 1),
        "a.".repeat(8 * 1024 + 1),
        format!("{}{}", site.rsa.token_of("root"), "A".repeat(16 * 1024)),
    ] {
        site.refuses("20", &token, &["token_too_large"]);
    }
    for token in ["......", "a.b", "a.b.c.d", "..", ".", "a..c", ".b.c"] {
        site.refuses("20", token, &["token_malformed"]);
    }
    let answer = site.with("/", &".".repeat(1024 * 1024));
    assert!([400, 431].contains(&answer.status), "{}", answer.status);
}

#[test]
fn class_22_another_writing_of_the_same_token_is_refused() {
    let site = Site::open();
    let token = site.rsa.token_of("alice");
    let parts: Vec<&str> = token.split('.').collect();
    for written in [
        format!("{token}="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}\t", parts[0], parts[1], parts[2]) + "x",
        format!("{}.{}.{} ", parts[0], parts[1], parts[2]) + "x",
        format!("{}.{}\\n.{}", parts[0], parts[1], parts[2]),
        token.replacen('.', "..", 1),
        token.replacen('.', "%2E", 1),
        format!("\"{token}\""),
        format!("Bearer {token}"),
        format!("{token},{token}"),
    ] {
        site.refuses("22", &written, &["token_malformed"]);
    }
    assert_eq!(site.gateway.send(&Request::get("/").header("Authorization", format!("bEARER {token}"))).status, 200);
}
