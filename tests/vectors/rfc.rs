//! Do the examples of the standards come out as printed there? RFC 7515, 7516, 7517, 7519, 7520 and 8037.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, encrypt};
use portcullis::jose::{DecryptionLimits, EncryptedToken, TokenError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{LARGEST, base64url, decrypted, keys_of, unbase64url, verified};

#[derive(Deserialize)]
struct Examples {
    signed: Vec<Example>,
    encrypted: Vec<Example>,
    nested: Vec<Example>,
    key_sets: Vec<KeySet>,
}

#[derive(Deserialize)]
struct Example {
    name: String,
    key: Value,
    inner_key: Option<Value>,
    token: String,
    /// In base64url.
    payload: String,
}

#[derive(Deserialize)]
struct KeySet {
    name: String,
    keys: Vec<Value>,
}

/// They are printed by a program of ours in an environment that `tests/fixtures/install` makes.
fn examples() -> &'static Examples {
    static EXAMPLES: OnceLock<Examples> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = std::env::var_os("PORTCULLIS_TEST_TOOLS").map_or(root.join("target/test-tools"), PathBuf::from);
        let python = tools.join("venv/bin/python");
        assert!(python.exists(), "{} is not there: run make test", python.display());
        let output = Command::new(python).arg(root.join("tests/fixtures/rfc_vectors.py")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

fn names(examples: &[Example]) -> Vec<&str> {
    examples.iter().map(|example| example.name.as_str()).collect()
}

#[test]
fn signatures_of_the_standards_verify() {
    let signed = &examples().signed;
    let expected = "RFC 7515 A.1, RFC 7515 A.2, RFC 7515 A.3, RFC 7515 A.4, RFC 7520 4.1, RFC 7520 4.2, RFC 7520 4.3, \
                    RFC 7520 4.4, RFC 8037 A.4";
    assert_eq!(names(signed).join(", "), expected);
    for example in signed {
        let payload = verified(&example.token, &keys_of(std::slice::from_ref(&example.key)));
        assert_eq!(payload, Some(unbase64url(&example.payload)), "{}", example.name);
    }
}

#[test]
fn encryptions_of_the_standards_open() {
    let encrypted = &examples().encrypted;
    let expected = "RFC 7516 A.1, RFC 7516 A.2, RFC 7516 A.3, RFC 7520 5.1, RFC 7520 5.2, RFC 7520 5.3, RFC 7520 5.4, \
                    RFC 7520 5.5, RFC 7520 5.6, RFC 7520 5.7, RFC 7520 5.8, RFC 7520 5.9, RFC 7519 A.1";
    assert_eq!(names(encrypted).join(", "), expected);
    for example in encrypted {
        let content = decrypted(&example.token, &keys_of(std::slice::from_ref(&example.key)));
        assert_eq!(content, Some(unbase64url(&example.payload)), "{}", example.name);
    }
}

#[test]
fn the_nested_token_of_rfc_7519_opens_and_verifies() {
    let [example] = examples().nested.as_slice() else { panic!("one example") };
    let token = EncryptedToken::parse(&example.token, LARGEST).unwrap();
    assert_eq!(token.content_type(), Some("JWT"));
    let inner = decrypted(&example.token, &keys_of(std::slice::from_ref(&example.key))).expect("it opens");
    let inner = String::from_utf8(inner).unwrap();
    let keys = keys_of(std::slice::from_ref(example.inner_key.as_ref().unwrap()));
    assert_eq!(verified(&inner, &keys), Some(unbase64url(&example.payload)));
}

#[test]
fn the_unsecured_token_of_rfc_7515_is_none() {
    // Appendix A.5: anybody can make it.
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    let refused = portcullis::jose::SignedToken::parse(token, LARGEST).err();
    assert_eq!(refused, Some(TokenError::AlgorithmRefused));
}

#[test]
fn key_sets_of_the_standards_give_keys_for_what_they_are_for() {
    // Name, keys that verify, keys that decrypt, keys that do neither.
    let expected = [
        // A public key of an agreement serves those who encrypt.
        ("RFC 7517 A.1", 1, 0, 1),
        ("RFC 7517 A.2", 1, 1, 0),
        // One secret is for wrapping keys by its `alg`; the other, of 64 octets, may do either.
        ("RFC 7517 A.3", 1, 2, 0),
        ("RFC 7517 B", 1, 0, 0),
        ("RFC 7517 C.1", 0, 1, 0),
        ("RFC 8037 A.1", 1, 0, 0),
        ("RFC 8037 A.2", 1, 0, 0),
    ];
    for (set, expected) in examples().key_sets.iter().zip(expected) {
        let keys = keys_of(&set.keys);
        let found = (keys.verification_keys.len(), keys.decryption_keys.len(), keys.skipped.len());
        assert_eq!((set.name.as_str(), found.0, found.1, found.2), expected, "{keys:?}");
    }
    assert_eq!(examples().key_sets.len(), expected.len());
}

/// RFC 7517 C.2 to C.5: the header, the password and the encrypted key give the content encryption key of C.3. The rest
/// is sealed here with that key, since the plaintext is a JWK to the letter.
#[test]
fn the_password_of_rfc_7517_gives_the_printed_content_encryption_key() {
    let header = r#"{"alg":"PBES2-HS256+A128KW","p2s":"2WCTcJZ1Rvd_CJuJripQ1w","p2c":4096,"enc":"A128CBC-HS256","cty":"jwk+json"}"#;
    let content_key = [
        111, 27, 25, 52, 66, 29, 20, 78, 92, 176, 56, 240, 65, 208, 82, 112, 161, 131, 36, 55, 202, 236, 185, 172, 129,
        23, 153, 194, 195, 48, 253, 182,
    ];
    let header = base64url(header);
    let vector = unbase64url("Ye9j1qs22DmRSAddIh-VnA");
    let ciphertext = encrypt(Cipher::aes_128_cbc(), &content_key[16..], Some(&vector), b"content").unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &PKey::hmac(&content_key[..16]).unwrap()).unwrap();
    for part in [header.as_bytes(), &vector, &ciphertext, &(header.len() as u64 * 8).to_be_bytes()] {
        signer.update(part).unwrap();
    }
    let tag = base64url(&signer.sign_to_vec().unwrap()[..16]);
    let encrypted_key = "TrqXOwuNUfDV9VPTNbyGvEJ9JMjefAVn-TR1uIxR9p6hsRQh9Tk7BA";
    let token = format!("{header}.{encrypted_key}.{}.{}.{tag}", base64url(&vector), base64url(&ciphertext));
    let password = base64url("Thus from my lips, by yours, my sin is purged.");
    let keys = keys_of(&[json!({ "kty": "oct", "k": password })]);
    assert_eq!(decrypted(&token, &keys).as_deref(), Some(b"content".as_slice()));
    // One iteration fewer than the token asks for is not enough to allow.
    let token = EncryptedToken::parse(&token, LARGEST).unwrap();
    let limits = DecryptionLimits { pbes2_count: 4095, ..DecryptionLimits::default() };
    assert!(token.decrypt(&keys.decryption_keys[0], &limits).is_err());
}
