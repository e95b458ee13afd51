//! Are claims judged as RFC 7519 and the realm ask, at every edge?

use super::*;
use crate::auth::trace::NoTrace;

const NOW: u64 = 1_700_000_000;

fn judge(rules: &ClaimRules, claims: &str) -> Outcome {
    let claims = Claims::parse(claims.as_bytes())?;
    let header = Json::parse(br#"{"alg":"HS256","typ":"Application/AT+jwt"}"#).unwrap();
    rules.verified(&header, &claims, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW), Ok(()), &mut NoTrace)
}

#[test]
fn class_11_times_are_compared_at_their_edges_and_never_overflow() {
    let strict = ClaimRules::default();
    let lenient = ClaimRules { leeway: Duration::from_secs(60), ..ClaimRules::default() };
    for (claims, with_strict, with_lenient) in [
        (r#"{"exp":1700000001}"#, Ok(()), Ok(())),
        (r#"{"exp":1700000000}"#, Err(Reason::TokenExpired), Ok(())),
        (r#"{"exp":1699999941}"#, Err(Reason::TokenExpired), Ok(())),
        (r#"{"exp":1699999940}"#, Err(Reason::TokenExpired), Err(Reason::TokenExpired)),
        (r#"{"exp":1700000000.5}"#, Ok(()), Ok(())),
        (r#"{"exp":-1}"#, Err(Reason::TokenExpired), Err(Reason::TokenExpired)),
        (r#"{"exp":9007199254740993}"#, Ok(()), Ok(())),
        (r#"{"exp":9223372036854775807}"#, Ok(()), Ok(())),
        (r#"{"exp":1700000000000}"#, Ok(()), Ok(())),
        (r#"{"exp":1e300}"#, Ok(()), Ok(())),
        (r#"{"nbf":1700000000}"#, Ok(()), Ok(())),
        (r#"{"nbf":1700000060}"#, Err(Reason::TokenNotYetValid), Ok(())),
        (r#"{"nbf":1700000061}"#, Err(Reason::TokenNotYetValid), Err(Reason::TokenNotYetValid)),
        (r#"{"nbf":-9223372036854775808}"#, Ok(()), Ok(())),
        (r#"{"iat":99999999999}"#, Ok(()), Ok(())),
    ] {
        assert_eq!(judge(&strict, claims), with_strict, "{claims}");
        assert_eq!(judge(&lenient, claims), with_lenient, "{claims}");
    }
}

#[test]
fn class_09_a_time_of_the_wrong_type_never_passes() {
    let max_age = ClaimRules { max_age: Some(Duration::from_secs(60)), ..ClaimRules::default() };
    for name in ["exp", "nbf", "iat"] {
        for value in ["null", r#""1800000000""#, "true", "[]", "[1800000000]", "{}", "1e400", "-1e400"] {
            let claims = format!(r#"{{"iat":1700000000,"{name}":{value}}}"#);
            let claims = if name == "iat" { format!(r#"{{"iat":{value}}}"#) } else { claims };
            assert_eq!(judge(&max_age, &claims), Err(Reason::ClaimsMalformed), "{claims}");
        }
    }
    assert_eq!(judge(&max_age, "{}"), Err(Reason::ClaimMissing));
    assert_eq!(judge(&max_age, r#"{"iat":1700000000}"#), Ok(()));
    assert_eq!(judge(&max_age, r#"{"iat":1699999940}"#), Ok(()));
    assert_eq!(judge(&max_age, r#"{"iat":1699999939}"#), Err(Reason::TokenTooOld));
    assert_eq!(judge(&max_age, r#"{"iat":1700000001}"#), Err(Reason::TokenNotYetValid));
}

#[test]
fn class_09_configured_issuer_and_audience_are_required_and_exact() {
    let rules = ClaimRules {
        issuer: Some(vec!["https://id.example.com".into()]),
        audience: Some(vec!["app".into(), "other".into()]),
        ..ClaimRules::default()
    };
    let with = |iss: &str, aud: &str| judge(&rules, &format!(r#"{{"iss":{iss},"aud":{aud}}}"#));
    let good = r#""https://id.example.com""#;
    assert_eq!(with(good, r#""app""#), Ok(()));
    assert_eq!(with(good, r#"["x","other"]"#), Ok(()));
    for aud in [
        "null",
        r#""APP""#,
        r#""ap""#,
        r#""appx""#,
        "1",
        "[]",
        "{}",
        r#"["x"]"#,
        r#"["app",1]"#,
        r#"[["app"]]"#,
        "true",
    ] {
        assert_eq!(with(good, aud), Err(Reason::AudienceMismatch), "{aud}");
    }
    for iss in [
        "null",
        r#""https://id.example.com/""#,
        r#""https://ID.example.com""#,
        r#""https://id.example""#,
        r#"["https://id.example.com"]"#,
        "1",
        "{}",
        r#""""#,
    ] {
        assert_eq!(with(iss, r#""app""#), Err(Reason::IssuerMismatch), "class 40: {iss}");
    }
    assert_eq!(judge(&rules, r#"{"aud":"app"}"#), Err(Reason::IssuerMismatch));
    assert_eq!(judge(&rules, r#"{"iss":"https://id.example.com"}"#), Err(Reason::AudienceMismatch));
    assert_eq!(judge(&rules, r#"{"Iss":"https://id.example.com","Aud":"app"}"#), Err(Reason::IssuerMismatch));
}

#[test]
fn class_41_required_claims_and_token_types() {
    let rules =
        ClaimRules { required: vec!["sub".into()], token_types: Some(vec!["at+jwt".into()]), ..ClaimRules::default() };
    assert_eq!(judge(&rules, r#"{"sub":"a"}"#), Ok(()));
    assert_eq!(judge(&rules, r#"{"sub":null}"#), Err(Reason::ClaimMissing));
    assert_eq!(judge(&rules, "{}"), Err(Reason::ClaimMissing));
    let id_tokens = ClaimRules { token_types: Some(vec!["JWT".into()]), ..ClaimRules::default() };
    assert_eq!(judge(&id_tokens, "{}"), Err(Reason::TokenTypeMismatch));
    for payload in ["", "[]", "1", "\"a\"", "null", "{", "{}x"] {
        assert_eq!(judge(&ClaimRules::default(), payload), Err(Reason::ClaimsMalformed), "{payload}");
    }
}
