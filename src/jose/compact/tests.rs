//! Is the compact form read strictly?

use super::super::tests::{MAX, PAYLOAD, Signer};
use super::*;

fn parse_header(header: &str) -> Result<JwsAlgorithm, TokenError> {
    let token = format!("{}.{}.AAAA", base64url::encode(header.as_bytes()), base64url::encode(PAYLOAD));
    SignedToken::parse(&token, 64 * 1024).map(|token| token.algorithm())
}

fn malformed(result: Result<impl std::fmt::Debug, TokenError>) -> bool {
    matches!(result, Err(TokenError::Malformed(_)))
}

#[test]
fn the_parts_of_a_token_can_be_read() {
    let token =
        Signer::of(JwsAlgorithm::Hs256).token_with(r#"{"typ":"at+jwt","kid":"k 1","alg":"HS256","cty":"x","n":1.0}"#);
    let parsed = SignedToken::parse(&token, MAX).unwrap();
    assert_eq!((parsed.key_id(), parsed.token_type()), (Some("k 1"), Some("at+jwt")));
    assert_eq!((parsed.payload(), parsed.signature().len()), (PAYLOAD, 32));
    assert_eq!(parsed.signing_input(), token.rsplit_once('.').unwrap().0.as_bytes());
    assert_eq!(parsed.header().member("n").unwrap().to_compact(), "1.0");
    assert_eq!(format!("{parsed:?}"), "SignedToken { algorithm: Hs256, .. }");
}

#[test]
fn size_comes_before_everything() {
    let token = Signer::of(JwsAlgorithm::Hs256).token();
    assert!(SignedToken::parse(&token, token.len()).is_ok());
    assert_eq!(SignedToken::parse(&token, token.len() - 1).unwrap_err(), TokenError::TooLarge);
    assert_eq!(SignedToken::parse(&".".repeat(1024 * 1024), MAX).unwrap_err(), TokenError::TooLarge);
    assert!(malformed(SignedToken::parse(&".".repeat(1024 * 1024), usize::MAX)));
}

#[test]
fn three_segments_are_signed_five_are_encrypted_and_others_are_neither() {
    for text in
        ["", ".", "..", "...", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", "eyJhbGciOiJIUzI1NiJ9", "é.é.é", "a.b.c.d.é"]
    {
        assert!(malformed(SignedToken::parse(text, MAX)), "{text}");
    }
    for text in ["....", "a.b.c.d.e", "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA"] {
        assert_eq!(SignedToken::parse(text, MAX).unwrap_err(), TokenError::Kind, "{text}");
    }
}

#[test]
fn every_segment_has_one_spelling() {
    let token = Signer::of(JwsAlgorithm::Hs256).token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    assert!(SignedToken::parse(&token, MAX).is_ok());
    for lax in [
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.+{signature}"),
        format!("{header}.{payload}./{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}.{payload}.\0{signature}"),
        // 32 octets leave two unused bits in the last character.
        format!("{header}.{payload}.{}9", "A".repeat(42)),
        format!("{header}.{payload}.{}", "A".repeat(41)),
    ] {
        assert!(malformed(SignedToken::parse(&lax, MAX)), "{lax}");
    }
}

#[test]
fn an_empty_payload_or_signature_is_for_the_key_and_the_claims_to_refuse() {
    let token = SignedToken::parse("eyJhbGciOiJIUzI1NiJ9..", MAX).unwrap();
    assert!(token.payload().is_empty() && token.signature().is_empty());
    assert_eq!(token.verify(&Signer::of(JwsAlgorithm::Hs256).key()), Err(SignatureInvalid));
}

#[test]
fn the_header_must_be_an_object_of_strict_json() {
    for header in [
        "",
        "[]",
        "null",
        "\"alg\"",
        r#"{"alg":"HS256"} x"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":{"y":1,"y":2}}"#,
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        assert!(malformed(parse_header(header)), "{header}");
    }
    assert!(malformed(parse_header(&format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)))));
    assert!(malformed(parse_header(&format!(r#"{{"alg":"HS256","x":{}1{}}}"#, "[".repeat(40), "]".repeat(40)))));
}

#[test]
fn the_algorithm_must_be_named_exactly() {
    assert_eq!(parse_header(r#"{"alg":"HS256"}"#), Ok(JwsAlgorithm::Hs256));
    for header in [r#"{"alg":"hs256"}"#, r#"{"alg":""}"#, r#"{"alg":"none"}"#, r#"{"alg":"RSA-OAEP"}"#] {
        assert_eq!(parse_header(header), Err(TokenError::AlgorithmRefused), "{header}");
    }
    for header in ["{}", r#"{"Alg":"HS256"}"#, r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":256}"#] {
        assert!(malformed(parse_header(header)), "{header}");
    }
}

#[test]
fn crit_in_any_form_is_refused() {
    for crit in [r#"["exp"]"#, "[]", r#"["b64"]"#, r#"["alg"]"#, r#""exp""#, "null", "{}", "1", r#"["crit"]"#] {
        assert_eq!(
            parse_header(&format!(r#"{{"crit":{crit},"alg":"HS256"}}"#)),
            Err(TokenError::CriticalHeader),
            "{crit}"
        );
    }
    for b64 in ["false", "0", "null", r#""false""#] {
        assert_eq!(
            parse_header(&format!(r#"{{"alg":"HS256","b64":{b64}}}"#)),
            Err(TokenError::CriticalHeader),
            "{b64}"
        );
    }
    assert_eq!(parse_header(r#"{"alg":"HS256","b64":true}"#), Ok(JwsAlgorithm::Hs256));
}

#[test]
fn problems_come_in_their_order() {
    assert!(malformed(parse_header(r#"{"crit":[],"alg":"none","kid":1}"#)));
    assert_eq!(parse_header(r#"{"crit":[],"alg":"none"}"#), Err(TokenError::AlgorithmRefused));
    assert!(malformed(SignedToken::parse("eyJhbGciOiJub25lIn0.A.", MAX)));
}

#[test]
fn members_of_the_wrong_type_or_of_an_encrypted_token_are_malformed() {
    for member in [r#""kid":1"#, r#""kid":null"#, r#""typ":[]"#, r#""cty":{}"#, r#""zip":"DEF""#, r#""enc":"A256GCM""#]
    {
        assert!(malformed(parse_header(&format!(r#"{{"alg":"HS256",{member}}}"#))), "{member}");
    }
}

#[test]
fn header_and_key_id_have_limits() {
    let with_kid = |length: usize| parse_header(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(length)));
    assert!(with_kid(1024).is_ok() && malformed(with_kid(1025)));
    let of_size = |size: usize| parse_header(&format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(size - 22)));
    assert!(of_size(8192).is_ok() && malformed(of_size(8193)) && malformed(of_size(30_000)));
}
