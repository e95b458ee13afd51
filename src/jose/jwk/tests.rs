//! Which JWKs give keys?

use super::super::tests::Signer;
use super::*;

fn skip_reason(jwk: &str) -> KeyError {
    let set = JwkSet::parse(jwk.as_bytes(), WeakKeys::Refuse).unwrap();
    assert!(set.verification_keys.is_empty() && set.decryption_keys.is_empty(), "{jwk}");
    set.skipped.into_iter().next().unwrap().reason
}

fn usable(jwk: &str) -> bool {
    JwkSet::parse(jwk.as_bytes(), WeakKeys::Refuse).unwrap().verification_keys.len() == 1
}

#[test]
fn a_set_gives_its_usable_keys_and_says_why_not_the_others() {
    let good = Signer::of(JwsAlgorithm::Es256).jwk(r#","kid":"good""#);
    let set = format!(
        r#"{{"keys":[{good},{{"kty":"XYZ","kid":"odd"}},{{"kty":"oct","k":"AA","kid":"short"}},7,{{"kid":"bare"}}],"x":1}}"#
    );
    let set = JwkSet::parse(set.as_bytes(), WeakKeys::Refuse).unwrap();
    assert_eq!(set.verification_keys.iter().map(VerificationKey::kid).collect::<Vec<_>>(), [Some("good")]);
    let skipped = |index, kid: Option<&str>, reason| Skipped { index, kid: kid.map(String::from), reason };
    assert_eq!(
        set.skipped,
        [
            skipped(1, Some("odd"), KeyError::UnknownKeyType),
            skipped(2, Some("short"), KeyError::WeakSecret(1, 32)),
            skipped(3, None, KeyError::NotAnObject),
            skipped(4, Some("bare"), KeyError::MissingMember("kty")),
        ]
    );
}

#[test]
fn a_single_jwk_is_a_set_of_one() {
    assert!(usable(&Signer::of(JwsAlgorithm::EdDsa).jwk("")));
    assert!(JwkSet::parse(br#"{"keys":[]}"#, WeakKeys::Refuse).unwrap().verification_keys.is_empty());
}

#[test]
fn what_is_no_key_set_is_an_error() {
    for text in ["[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":null,"kty":"oct"}"#] {
        assert_eq!(JwkSet::parse(text.as_bytes(), WeakKeys::Refuse).unwrap_err(), KeyError::NotAKeySet, "{text}");
    }
    assert!(matches!(JwkSet::parse(b"<html>", WeakKeys::Refuse), Err(KeyError::Json(_))));
    assert!(matches!(JwkSet::parse(br#"{"keys":[],"keys":[]}"#, WeakKeys::Refuse), Err(KeyError::Json(_))));
}

#[test]
fn size_and_number_are_bounded() {
    let big = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(MAX_KEY_FILE));
    assert_eq!(JwkSet::parse(big.as_bytes(), WeakKeys::Refuse).unwrap_err(), KeyError::TooLarge);
    let keys = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec!["{}"; count].join(","));
    assert_eq!(JwkSet::parse(keys(1000).as_bytes(), WeakKeys::Refuse).unwrap().skipped.len(), 1000);
    assert_eq!(JwkSet::parse(keys(1001).as_bytes(), WeakKeys::Refuse).unwrap_err(), KeyError::TooManyKeys);
}

#[test]
fn a_key_without_alg_allows_what_its_type_does() {
    for algorithm in JwsAlgorithm::ALL {
        let jwk = Json::parse(Signer::of(algorithm).jwk("").as_bytes()).unwrap();
        let key = VerificationKey::from_jwk(&jwk, WeakKeys::Refuse).unwrap();
        assert!(key.algorithms().contains(algorithm));
        assert_eq!(key.algorithms().contains(JwsAlgorithm::EdDsa), key.describe().starts_with("OKP"));
    }
}

#[test]
fn use_and_key_ops_are_honoured() {
    let signer = Signer::of(JwsAlgorithm::Es256);
    for more in [r#","use":"sig""#, r#","key_ops":["verify"]"#, r#","key_ops":["sign","verify"]"#] {
        assert!(usable(&signer.jwk(more)), "{more}");
    }
    assert_eq!(skip_reason(&signer.jwk(r#","use":"enc""#)), KeyError::NotOurs);
    for more in [r#","use":"""#, r#","use":"SIG""#] {
        assert_eq!(skip_reason(&signer.jwk(more)), KeyError::UseForbids, "{more}");
    }
    for more in [r#","key_ops":[]"#, r#","key_ops":["encrypt"]"#, r#","key_ops":["sign"]"#, r#","key_ops":["Verify"]"#]
    {
        assert_eq!(skip_reason(&signer.jwk(more)), KeyError::OperationsForbid, "{more}");
    }
    for more in [r#","use":1"#, r#","use":["sig"]"#, r#","key_ops":"verify""#, r#","key_ops":[1]"#] {
        assert!(matches!(skip_reason(&signer.jwk(more)), KeyError::BadMember(..)), "{more}");
    }
    assert!(usable(&Signer::of(JwsAlgorithm::Hs256).jwk(r#","key_ops":["sign"]"#)));
    assert!(usable(&signer.jwk(r#","key_ops":["sign"],"d":"AA""#)));
}

#[test]
fn alg_and_kid_must_be_strings_that_mean_something() {
    let signer = Signer::of(JwsAlgorithm::Rs256);
    for name in ["", "none", "rs256", "RSA-OAEP "] {
        assert_eq!(skip_reason(&signer.jwk(&format!(r#","alg":"{name}""#))), KeyError::UnknownAlgorithm);
    }
    assert_eq!(skip_reason(&signer.jwk(r#","alg":"ES512""#)), KeyError::AlgorithmDoesNotFit);
    assert_eq!(skip_reason(&signer.jwk(r#","alg":"RSA-OAEP""#)), KeyError::NotOurs);
    for more in [r#","alg":null"#, r#","alg":["RS256"]"#, r#","kid":1"#, r#","kid":null"#, r#","kty2":1,"alg":1"#] {
        assert!(matches!(skip_reason(&signer.jwk(more)), KeyError::BadMember(..)), "{more}");
    }
    assert!(usable(&signer.jwk(&format!(r#","kid":"{}""#, "k".repeat(1024)))));
    assert!(!usable(&signer.jwk(&format!(r#","kid":"{}""#, "k".repeat(1025)))));
    let secret = r#"{"kty":"oct","alg":"HS512","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
    assert_eq!(skip_reason(secret), KeyError::WeakSecret(32, 64));
}

#[test]
fn a_private_member_is_reported_and_not_used() {
    for algorithm in [JwsAlgorithm::Rs256, JwsAlgorithm::Es384, JwsAlgorithm::EdDsa] {
        let set = JwkSet::parse(Signer::of(algorithm).jwk(r#","d":"AAAA","kid":"k""#).as_bytes(), WeakKeys::Refuse);
        let set = set.unwrap();
        assert_eq!(set.verification_keys.len(), 1);
        assert_eq!(set.private_members, [PrivateMember { index: 0, kid: Some("k".into()) }]);
        assert!(!format!("{set:?}").contains("AAAA"));
    }
    let set = JwkSet::parse(Signer::of(JwsAlgorithm::Hs256).jwk("").as_bytes(), WeakKeys::Refuse).unwrap();
    assert!(set.private_members.is_empty());
}

#[test]
fn members_must_be_there_and_be_strict_base64url() {
    for algorithm in [JwsAlgorithm::Hs256, JwsAlgorithm::Rs256, JwsAlgorithm::Es256, JwsAlgorithm::EdDsa] {
        let jwk = Signer::of(algorithm).jwk("");
        let value: serde_json::Value = serde_json::from_str(&jwk).unwrap();
        for name in value.as_object().unwrap().keys() {
            let with = |member: Option<serde_json::Value>| {
                let mut changed = value.clone();
                match member {
                    Some(member) => changed[name] = member,
                    None => drop(changed.as_object_mut().unwrap().remove(name)),
                }
                let json = Json::parse(changed.to_string().as_bytes()).unwrap();
                VerificationKey::from_jwk(&json, WeakKeys::DangerouslyAllow)
            };
            assert!(matches!(with(None), Err(KeyError::MissingMember(missing)) if missing == name));
            let text = value[name].as_str().unwrap();
            for bad in [format!("{text}="), format!("{text}\n"), format!("+/{text}"), format!("{text}~"), "".into()] {
                assert!(with(Some(bad.clone().into())).is_err(), "{name}: {bad:?}");
            }
            assert!(with(Some(1.into())).is_err() && with(Some(serde_json::Value::Null)).is_err());
        }
    }
}

#[test]
fn curves_that_are_not_implemented_or_of_another_type_are_named() {
    for (kty, crv) in [("EC", "P-192"), ("EC", "P-256K"), ("EC", "Ed25519"), ("OKP", "P-256"), ("OKP", "Ed25519ph")] {
        let jwk = format!(r#"{{"kty":"{kty}","crv":"{crv}","x":"AA","y":"AA"}}"#);
        assert_eq!(skip_reason(&jwk), KeyError::UnknownCurve, "{kty} {crv}");
    }
    let off_curve = format!(r#"{{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}}"#, base64url::encode(&[1; 32]));
    assert_eq!(skip_reason(&off_curve), KeyError::NotOnCurve);
    let small = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url::encode(&[0; 32]));
    assert_eq!(skip_reason(&small), KeyError::SmallOrder);
}
