//! Which PEM files give keys?

use super::*;

const RSA: &[u8] = include_bytes!("../tests/vectors/rsa.pub");
const RSA_PKCS1: &[u8] = include_bytes!("../tests/vectors/rsa.pkcs1");
const RSA_CERTIFICATE: &[u8] = include_bytes!("../tests/vectors/rsa.crt");
const P256: &[u8] = include_bytes!("../tests/vectors/p256.pub");
const ED25519: &[u8] = include_bytes!("../tests/vectors/ed.pub");

fn only_key(pem: &[u8]) -> VerificationKey {
    let mut keys = VerificationKey::from_pem(pem, WeakKeys::Refuse).unwrap();
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

fn problem(pem: &[u8]) -> KeyError {
    let error = VerificationKey::from_pem(pem, WeakKeys::Refuse).unwrap_err();
    if let KeyError::InBlock(1, inner) = error { *inner } else { error }
}

#[test]
fn one_key_in_three_wrappings_is_one_key() {
    let spki = only_key(RSA);
    assert_eq!(spki.describe(), "RSA 2048 bits");
    assert!(spki.kid().is_none() && spki.thumbprint().is_some());
    for other in [RSA_PKCS1, RSA_CERTIFICATE] {
        assert_eq!(only_key(other).thumbprint(), spki.thumbprint());
    }
    let pairs: [(&[u8], &[u8]); 2] =
        [(P256, include_bytes!("../tests/vectors/p256.crt")), (ED25519, include_bytes!("../tests/vectors/ed.crt"))];
    for (public, certificate) in pairs {
        assert_eq!(only_key(public).thumbprint(), only_key(certificate).thumbprint());
    }
    assert_eq!(only_key(include_bytes!("../tests/vectors/p384.pub")).describe(), "EC P-384");
    assert_eq!(only_key(ED25519).algorithms().to_string(), "EdDSA, Ed25519");
}

#[test]
fn several_blocks_with_text_between_are_several_keys() {
    let file = [b"subject=CN = a\n", RSA, b"\n# second\n", P256, ED25519].concat();
    let keys = VerificationKey::from_pem(&file, WeakKeys::Refuse).unwrap();
    let kinds: Vec<String> = keys.iter().map(VerificationKey::describe).collect();
    assert_eq!(kinds, ["RSA 2048 bits", "EC P-256", "OKP Ed25519"]);
    let windows = String::from_utf8(file).unwrap().replace('\n', "\r\n");
    assert_eq!(VerificationKey::from_pem(windows.as_bytes(), WeakKeys::Refuse).unwrap().len(), 3);
}

#[test]
fn one_bad_block_refuses_the_file_and_is_named() {
    let file = [P256, include_bytes!("../tests/vectors/rsa1024.pub")].concat();
    let error = VerificationKey::from_pem(&file, WeakKeys::Refuse).unwrap_err();
    assert_eq!(error.to_string(), "PEM block 2: an RSA key of 1024 bits is too weak: 2048 are needed");
    assert_eq!(VerificationKey::from_pem(&file, WeakKeys::DangerouslyAllow).unwrap().len(), 2);
}

#[test]
fn weak_and_unknown_keys_are_refused_in_words() {
    assert_eq!(problem(include_bytes!("../tests/vectors/rsa512.pub")), KeyError::WeakRsa(512));
    assert_eq!(problem(include_bytes!("../tests/vectors/p521.pub")), KeyError::UnknownCurve);
    assert_eq!(problem(include_bytes!("../tests/vectors/p256c.pub")), KeyError::CompressedPoint);
    assert_eq!(problem(include_bytes!("../tests/vectors/pssp.pub")), KeyError::PssParameters);
    let pss = only_key(include_bytes!("../tests/vectors/pss.pub"));
    assert_eq!(pss.algorithms().to_string(), "PS256, PS384, PS512");
}

#[test]
fn a_private_key_is_refused_with_the_way_out() {
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PARAMETERS"] {
        let file = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let error = problem(file.as_bytes());
        assert_eq!(error, KeyError::PrivateKey, "{label}");
        assert!(error.to_string().contains("openssl pkey -in PRIVATE.pem -pubout"));
    }
    assert_eq!(problem(b"-----BEGIN CERTIFICATE REQUEST-----\n"), KeyError::PemLabel);
}

#[test]
fn blocks_that_are_cut_nested_or_not_base64_are_refused() {
    let text = std::str::from_utf8(P256).unwrap();
    for broken in [
        text.replace("-----END PUBLIC KEY-----", ""),
        text.replace("END PUBLIC KEY", "END CERTIFICATE"),
        text.replacen('M', "!", 1),
        text.replacen('\n', "\n-----BEGIN PUBLIC KEY-----\n", 1),
        text.replace("==", ""),
    ] {
        assert_eq!(problem(broken.as_bytes()), KeyError::BrokenPem, "{broken}");
    }
    let swapped = text.replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(problem(swapped.as_bytes()), KeyError::BrokenDer);
    for nothing in [&b""[..], b"\xff\xfe", b"-----BEGIN PUBLIC KEY----\n", b"{}"] {
        assert_eq!(problem(nothing), KeyError::NoPemBlock);
    }
    assert_eq!(problem(&vec![b'\n'; MAX_KEY_FILE + 1]), KeyError::TooLarge);
}
