//! Are encrypted tokens opened by their keys, and by nothing else?

use serde_json::{Value, json};

use super::recipient::{COUNT, Parts, Recipient, seal, sealed};
use super::*;

const CONTENT: ContentEncryption = ContentEncryption::A256Gcm;

fn open(key: &DecryptionKey, token: &str) -> Result<Vec<u8>, DecryptionFailed> {
    let token = EncryptedToken::parse(token, MAX).unwrap_or_else(|problem| panic!("{problem}: {token}"));
    token.decrypt(key, &DecryptionLimits::default()).map(|content| content.to_vec())
}

/// Whether a token that may be no token is opened.
fn opens(key: &DecryptionKey, token: &str) -> bool {
    EncryptedToken::parse(token, MAX).is_ok_and(|token| token.decrypt(key, &DecryptionLimits::default()).is_ok())
}

fn with_header(recipient: &Recipient, change: impl Fn(&mut Value)) -> String {
    let Parts { mut header, encrypted_key, content_key } = recipient.parts(CONTENT, json!({}));
    change(&mut header);
    seal(CONTENT, &Parts { header, encrypted_key, content_key }, PAYLOAD)
}

fn segments(token: &str) -> [String; 5] {
    token.split('.').map(String::from).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn every_pair_is_opened_by_its_own_key_and_no_other() {
    for content in ContentEncryption::ALL {
        for recipient in Recipient::all(content) {
            let (key, token) = (recipient.key(), recipient.token(content, PAYLOAD));
            let what = format!("{} {content} {}", recipient.algorithm, key.describe());
            assert_eq!(open(&key, &token).as_deref(), Ok(PAYLOAD), "{what}");
            let none_left = key.restrict(KeyManagementSet::only(recipient.algorithm)).unwrap();
            assert_eq!(open(&none_left, &token).as_deref(), Ok(PAYLOAD), "{what}");
            let other = DecryptionKey::from_secret(&[9; 32], WeakKeys::Refuse).unwrap();
            assert_eq!(open(&other, &token), Err(DecryptionFailed), "{what}");
        }
    }
}

#[test]
fn a_changed_byte_at_any_position_is_never_opened() {
    for (place, content) in ContentEncryption::ALL.into_iter().cycle().take(2 * KeyManagement::ALL.len()).enumerate() {
        let all = Recipient::all(content);
        let recipient = &all[place % all.len()];
        let (key, token) = (recipient.key(), recipient.token(content, PAYLOAD));
        // The costly ones in fewer places.
        let step = if key.describe().contains("RSA") { 17 } else { 1 };
        for at in (0..token.len()).step_by(step) {
            let own = token.as_bytes()[at];
            for other in [own ^ 1, own ^ 0x20, b'A', b'.'] {
                let mut changed = token.clone().into_bytes();
                changed[at] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(other == own || !opens(&key, &changed), "{}: byte {at}: {changed}", recipient.algorithm);
            }
        }
    }
}

#[test]
fn mutations_of_tokens_and_headers_never_panic() {
    for algorithm in
        [KeyManagement::A128GcmKw, KeyManagement::EcdhEsA192Kw, KeyManagement::Pbes2Hs256A128Kw, KeyManagement::Dir]
    {
        let recipient = Recipient::of(algorithm, CONTENT);
        let (key, token) = (recipient.key(), recipient.token(CONTENT, PAYLOAD));
        mutations(token.as_bytes(), 2000, |bytes| {
            if let Ok(text) = std::str::from_utf8(bytes) {
                assert!(text == token || !opens(&key, text), "{algorithm}: {text}");
            }
        });
        let parts = recipient.parts(CONTENT, json!({}));
        mutations(parts.header.to_string().as_bytes(), 2000, |bytes| {
            let encrypted_key = base64url::encode(&parts.encrypted_key);
            let token =
                format!("{}.{encrypted_key}.AAAAAAAAAAAAAAAA.AAAA.{}", base64url::encode(bytes), "A".repeat(22));
            assert!(!opens(&key, &token));
        });
        let jwk = recipient.jwk.to_string();
        mutations(jwk.as_bytes(), 1000, |bytes| drop(JwkSet::parse(bytes, WeakKeys::DangerouslyAllow)));
    }
    let rsa = Recipient::of(KeyManagement::RsaOaep, CONTENT).jwk.to_string();
    mutations(rsa.as_bytes(), 200, |bytes| drop(JwkSet::parse(bytes, WeakKeys::DangerouslyAllow)));
}

#[test]
fn order_of_problems_is_size_form_kind_algorithm_critical() {
    let token = |header: &str| format!("{}.AA.AAAAAAAAAAAAAAAA.AA.AA", base64url::encode(header.as_bytes()));
    let problem = |header: &str| EncryptedToken::parse(&token(header), MAX).unwrap_err();
    assert_eq!(EncryptedToken::parse("a.b.c.d.e", 8).unwrap_err(), TokenError::TooLarge);
    assert_eq!(EncryptedToken::parse("a.b.c", MAX).unwrap_err(), TokenError::Kind);
    for form in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e.f", "a.b.=", "e30.AA.AA.AA.AA", "{}.AA.AA.AA.AA", "AA.A.A.A.A"] {
        assert!(matches!(EncryptedToken::parse(form, MAX), Err(TokenError::Malformed(_))), "{form}");
    }
    for header in [
        r#"{"alg":"A128KW"}"#,
        r#"{"enc":"A128GCM"}"#,
        r#"{"alg":1,"enc":"A128GCM"}"#,
        r#"{"alg":"none","enc":"A128GCM","enc":"A128GCM"}"#,
        r#"{"alg":"A128KW","enc":"A128GCM","kid":1}"#,
        r#"{"alg":"A128KW","enc":"A128GCM","cty":["JWT"]}"#,
        r#"{"alg":"A128KW","enc":"A128GCM","zip":true}"#,
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        r#"{"alg":"ECDH-ES+A128KW","enc":"A128GCM"}"#,
        r#"{"alg":"ECDH-ES+A128KW","enc":"A128GCM","epk":"x"}"#,
        r#"{"alg":"ECDH-ES+A128KW","enc":"A128GCM","epk":{},"apu":1}"#,
        r#"{"alg":"ECDH-ES+A128KW","enc":"A128GCM","epk":{"kty":"EC","d":"AA"}}"#,
        r#"{"alg":"A128GCMKW","enc":"A128GCM","iv":"AA"}"#,
    ] {
        assert!(matches!(problem(header), TokenError::Malformed(_)), "{header}");
    }
    for header in [
        r#"{"alg":"none","enc":"A128GCM","crit":["x"]}"#,
        r#"{"alg":"RS256","enc":"A128GCM"}"#,
        r#"{"alg":"A128KW","enc":"none"}"#,
        r#"{"alg":"A128KW","enc":"A128CBC+HS256"}"#,
        r#"{"alg":"A128KW","enc":"A128GCM","zip":"GZIP"}"#,
    ] {
        assert_eq!(problem(header), TokenError::AlgorithmRefused, "{header}");
    }
    assert_eq!(problem(r#"{"crit":[],"alg":"A128KW","enc":"A128GCM"}"#), TokenError::CriticalHeader);
}

#[test]
fn class_14_a_point_that_is_not_on_the_curve_or_of_small_order_agrees_on_nothing() {
    let zeros = base64url::encode(&[0; 32]);
    let one = base64url::encode(&[[1].as_slice(), &[0; 31]].concat());
    let other = Recipient::on_curve(KeyManagement::EcdhEs, "P-384").jwk;
    let p256 = Recipient::on_curve(KeyManagement::EcdhEs, "P-256");
    let mut negated = p256.parts(CONTENT, json!({})).header["epk"].clone();
    negated["y"] = negated["x"].clone();
    for epk in [
        json!({ "kty": "EC", "crv": "P-256", "x": zeros, "y": zeros }),
        json!({ "kty": "EC", "crv": "P-256", "x": one, "y": one }),
        json!({ "kty": "EC", "crv": "P-256", "x": "", "y": "" }),
        json!({ "kty": "EC", "crv": "P-384", "x": other["x"], "y": other["y"] }),
        json!({ "kty": "OKP", "crv": "X25519", "x": one }),
        json!({ "kty": "OKP", "crv": "P-256", "x": one, "y": one }),
        negated,
        json!({}),
    ] {
        let token = with_header(&p256, |header| header["epk"] = epk.clone());
        assert_eq!(open(&p256.key(), &token), Err(DecryptionFailed), "{epk}");
    }
    for (curve, octets) in [("X25519", 32), ("X448", 56)] {
        let recipient = Recipient::on_curve(KeyManagement::EcdhEsA256Kw, curve);
        for first in [0, 1] {
            let mut low = vec![0; octets];
            low[0] = first;
            let epk = json!({ "kty": "OKP", "crv": curve, "x": base64url::encode(&low) });
            let token = with_header(&recipient, |header| header["epk"] = epk.clone());
            assert_eq!(open(&recipient.key(), &token), Err(DecryptionFailed), "{curve} {first}");
        }
    }
}

#[test]
fn class_15_a_tag_or_vector_of_another_length_proves_nothing() {
    for content in ContentEncryption::ALL {
        let recipient = Recipient::of(KeyManagement::Dir, content);
        let key = recipient.key();
        let [header, encrypted_key, iv, ciphertext, tag] = segments(&recipient.token(content, PAYLOAD));
        let whole = base64url::decode(&tag).unwrap();
        for length in (0..whole.len()).chain([whole.len() + 1, 2 * whole.len(), 64]) {
            let other: Vec<u8> = whole.iter().copied().cycle().take(length).collect();
            let token = format!("{header}.{encrypted_key}.{iv}.{ciphertext}.{}", base64url::encode(&other));
            assert_eq!(open(&key, &token), Err(DecryptionFailed), "{content}: a tag of {length}");
        }
        let whole = base64url::decode(&iv).unwrap();
        for length in (0..=32).filter(|length| *length != whole.len()) {
            let other: Vec<u8> = whole.iter().copied().cycle().take(length).collect();
            let token = format!("{header}.{encrypted_key}.{}.{ciphertext}.{tag}", base64url::encode(&other));
            assert_eq!(open(&key, &token), Err(DecryptionFailed), "{content}: a vector of {length}");
        }
    }
    let recipient = Recipient::of(KeyManagement::A256GcmKw, CONTENT);
    for (name, whole) in [("tag", 16), ("iv", 12)] {
        for length in (0..=32).filter(|length| *length != whole) {
            let token = with_header(&recipient, |header| header[name] = base64url::encode(&vec![3; length]).into());
            assert_eq!(open(&recipient.key(), &token), Err(DecryptionFailed), "{name} of {length}");
        }
    }
}

#[test]
fn class_16_whatever_is_wrong_with_an_rsa_key_the_answer_is_one() {
    for algorithm in [KeyManagement::Rsa15, KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
        let recipient = Recipient::of(algorithm, CONTENT);
        let key = recipient.key();
        let wrapped_by = |algorithm| Recipient::of(algorithm, CONTENT).parts(CONTENT, json!({})).encrypted_key;
        let short = Recipient::of(algorithm, CONTENT).parts(ContentEncryption::A128Gcm, json!({})).encrypted_key;
        let long = Recipient::of(algorithm, CONTENT).parts(ContentEncryption::A256CbcHs512, json!({})).encrypted_key;
        let own = wrapped_by(algorithm);
        for encrypted_key in [
            wrapped_by(KeyManagement::RsaOaep512),
            wrapped_by(KeyManagement::RsaOaep384),
            short,
            long,
            vec![0; 256],
            vec![0xff; 256],
            vec![1],
            vec![1; 255],
            vec![1; 257],
            own[..255].to_vec(),
            [&own[..], &[0]].concat(),
        ] {
            let parts = Parts { encrypted_key, ..recipient.parts(CONTENT, json!({})) };
            assert_eq!(open(&key, &seal(CONTENT, &parts, PAYLOAD)), Err(DecryptionFailed), "{algorithm}");
        }
    }
}

#[test]
fn class_17_a_token_does_not_say_how_long_we_work() {
    let recipient = Recipient::of(KeyManagement::Pbes2Hs512A256Kw, CONTENT);
    let asks = |count: Value| with_header(&recipient, |header| header["p2c"] = count.clone());
    assert_eq!(open(&recipient.key(), &recipient.token(CONTENT, PAYLOAD)).as_deref(), Ok(PAYLOAD));
    for count in [10_001_u64, 1_000_000, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        assert_eq!(open(&recipient.key(), &asks(count.into())), Err(DecryptionFailed), "{count}");
    }
    for count in [json!(0), json!(-1), json!(1.5), json!(1e3), json!("1000"), json!(null), json!([1000])] {
        let parsed = EncryptedToken::parse(&asks(count.clone()), MAX).map(|_| ());
        assert!(matches!(parsed, Err(TokenError::Malformed(_))), "{count}");
    }
    let token = recipient.token(CONTENT, PAYLOAD);
    let token = EncryptedToken::parse(&token, MAX).unwrap();
    let limits = |pbes2_count| DecryptionLimits { pbes2_count, ..DecryptionLimits::default() };
    let count = u32::try_from(COUNT).unwrap();
    assert!(token.decrypt(&recipient.key(), &limits(count)).is_ok());
    assert_eq!(token.decrypt(&recipient.key(), &limits(count - 1)), Err(DecryptionFailed));
}

#[test]
fn class_18_a_compressed_token_is_inflated_to_the_bound_and_no_further() {
    use std::io::Write;
    let recipient = Recipient::of(KeyManagement::Dir, CONTENT);
    let compressed = |content: &[u8]| {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        seal(CONTENT, &recipient.parts(CONTENT, json!({ "zip": "DEF" })), &encoder.finish().unwrap())
    };
    let token = compressed(PAYLOAD);
    assert_eq!(EncryptedToken::parse(&token, MAX).unwrap().compression(), Some(Compression::Deflate));
    assert_eq!(open(&recipient.key(), &token).as_deref(), Ok(PAYLOAD));
    assert_eq!(open(&recipient.key(), &compressed(&[b' '; 65_536])).unwrap().len(), 65_536);
    assert_eq!(open(&recipient.key(), &compressed(&[b' '; 65_537])), Err(DecryptionFailed));
    assert_eq!(open(&recipient.key(), &compressed(&vec![b' '; 8_000_000])), Err(DecryptionFailed));
}

#[test]
fn class_19_parts_that_are_empty_or_of_another_length_are_refused() {
    for recipient in Recipient::all(CONTENT) {
        let (key, parts) = (recipient.key(), segments(&recipient.token(CONTENT, PAYLOAD)));
        for place in 0..5 {
            for other in ["", "AA", "AAAAAAAAAAA", &"A".repeat(86)] {
                let mut changed = parts.clone();
                other.clone_into(&mut changed[place]);
                let changed = changed.join(".");
                let own = changed == parts.join(".");
                assert!(own || !opens(&key, &changed), "{}: part {place} is {other:?}", recipient.algorithm);
            }
        }
    }
}

#[test]
fn class_20_a_million_dots_cost_nothing() {
    let dots = ".".repeat(1024 * 1024);
    assert_eq!(EncryptedToken::parse(&dots, MAX).unwrap_err(), TokenError::TooLarge);
    assert!(matches!(EncryptedToken::parse(&dots, usize::MAX), Err(TokenError::Malformed(_))));
}

#[test]
fn the_key_decides_what_it_is_used_for() {
    let secret = |octets: usize| DecryptionKey::from_secret(&vec![1; octets], WeakKeys::Refuse).unwrap();
    let passwords = "PBES2-HS256+A128KW, PBES2-HS384+A192KW, PBES2-HS512+A256KW";
    for (octets, own) in [
        (16, "A128KW, dir, A128GCMKW, "),
        (17, ""),
        (24, "A192KW, dir, A192GCMKW, "),
        (32, "A256KW, dir, A256GCMKW, "),
        (48, "dir, "),
        (64, "dir, "),
        (100, ""),
    ] {
        assert_eq!(secret(octets).key_management().to_string(), format!("{own}{passwords}"));
    }
    let short = DecryptionKey::from_secret(b"password", WeakKeys::Refuse).unwrap_err();
    assert_eq!(short, KeyError::WeakSecret(8, 16));
    let short = DecryptionKey::from_secret(b"password", WeakKeys::DangerouslyAllow).unwrap();
    assert!(short.is_weak() && short.key_management().to_string() == passwords);
    assert_eq!(DecryptionKey::from_secret(b"", WeakKeys::DangerouslyAllow).unwrap_err(), KeyError::EmptySecret);
    assert!(!format!("{:?}", secret(32)).contains("[1"));
}

#[test]
fn members_of_a_jwk_say_what_a_key_is_for() {
    let set = |jwk: &Value| JwkSet::parse(jwk.to_string().as_bytes(), WeakKeys::Refuse).unwrap();
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        let set = set(&jwk);
        (set.verification_keys.len(), set.decryption_keys.len())
    };
    let rsa = Recipient::of(KeyManagement::RsaOaep, CONTENT).jwk;
    let oct = Recipient::of(KeyManagement::A256Kw, CONTENT).jwk;
    for jwk in [&rsa, &oct] {
        assert_eq!(with(jwk, "kid", "k".into()), (1, 1));
        assert_eq!(with(jwk, "use", "sig".into()), (1, 0));
        assert_eq!(with(jwk, "use", "enc".into()), (0, 1));
        assert_eq!(with(jwk, "key_ops", json!(["verify"])), (1, 0));
        assert_eq!(with(jwk, "key_ops", json!(["unwrapKey"])), (0, 1));
        assert_eq!(with(jwk, "key_ops", json!(["verify", "decrypt"])), (1, 1));
        assert_eq!(with(jwk, "alg", "A128KW".into()), (0, 0), "not for a key of this kind");
    }
    assert_eq!(with(&rsa, "alg", "RS256".into()), (1, 0));
    assert_eq!(with(&rsa, "alg", "RSA-OAEP-256".into()), (0, 1));
    assert_eq!(with(&oct, "alg", "A256GCM".into()), (0, 1), "dir, with this content encryption");
    assert_eq!(with(&oct, "alg", "A256CBC-HS512".into()), (0, 0));
    let only_gcm = json!({ "kty": "oct", "k": oct["k"], "alg": "A256GCM" });
    let key = &set(&only_gcm).decryption_keys[0];
    let dir = Recipient::of(KeyManagement::Dir, CONTENT);
    assert!(open(key, &dir.token(ContentEncryption::A256Gcm, PAYLOAD)).is_ok());
    assert_eq!(open(key, &dir.token(ContentEncryption::A128CbcHs256, PAYLOAD)), Err(DecryptionFailed));
}

#[test]
fn a_private_key_whose_halves_do_not_belong_together_is_no_key() {
    let reason =
        |jwk: &Value| DecryptionKey::from_jwk(&Json::parse(jwk.to_string().as_bytes()).unwrap(), WeakKeys::Refuse);
    for curve in ["P-256", "P-384", "P-521", "X25519", "X448"] {
        let own = Recipient::on_curve(KeyManagement::EcdhEs, curve).jwk;
        let mut mixed = own.clone();
        mixed["d"] = Recipient::on_curve(KeyManagement::EcdhEs, curve).jwk["d"].clone();
        assert_eq!(reason(&mixed).unwrap_err(), KeyError::PrivateKeyRejected, "{curve}");
        let mut short = own.clone();
        short["d"] = "AAAA".into();
        assert!(matches!(reason(&short), Err(KeyError::BadMember("d", _))), "{curve}");
        let mut public = own;
        public.as_object_mut().unwrap().remove("d");
        assert_eq!(reason(&public).unwrap_err(), KeyError::NotOurs, "{curve}");
    }
    let rsa = Recipient::of(KeyManagement::RsaOaep, CONTENT).jwk;
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        let mut other = rsa.clone();
        other[name] = base64url::encode(&[7; 128]).into();
        assert_eq!(reason(&other).unwrap_err(), KeyError::PrivateKeyRejected, "{name}");
        other.as_object_mut().unwrap().remove(name);
        assert!(matches!(reason(&other), Err(KeyError::MissingMember(_) | KeyError::NotOurs)), "{name}");
    }
}

#[test]
fn a_sealed_part_belongs_to_its_own_header() {
    let recipient = Recipient::of(KeyManagement::Dir, CONTENT);
    let parts = recipient.parts(CONTENT, json!({}));
    let (iv, ciphertext, tag) = sealed(CONTENT, &parts.content_key, b"another header", PAYLOAD);
    let header = base64url::encode(parts.header.to_string().as_bytes());
    let rest = [iv, ciphertext, tag].map(|part| base64url::encode(&part)).join(".");
    assert_eq!(open(&recipient.key(), &format!("{header}..{rest}")), Err(DecryptionFailed));
}
