//! Which PEM files give keys?

use super::*;

const RSA: &[u8] = include_bytes!("../tests/vectors/rsa.pub");
const RSA_PKCS1: &[u8] = include_bytes!("../tests/vectors/rsa.pkcs1");
const RSA_CERTIFICATE: &[u8] = include_bytes!("../tests/vectors/rsa.crt");
const P256: &[u8] = include_bytes!("../tests/vectors/p256.pub");
const ED25519: &[u8] = include_bytes!("../tests/vectors/ed.pub");

fn only_key(pem: &[u8]) -> VerificationKey {
    let mut keys = PemKeys::parse(pem, WeakKeys::Refuse).unwrap();
    assert_eq!((keys.verification_keys.len(), keys.decryption_keys.len()), (1, 0));
    keys.verification_keys.remove(0)
}

fn problem(pem: &[u8]) -> KeyError {
    let error = PemKeys::parse(pem, WeakKeys::Refuse).unwrap_err();
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
    let keys = PemKeys::parse(&file, WeakKeys::Refuse).unwrap().verification_keys;
    let kinds: Vec<String> = keys.iter().map(VerificationKey::describe).collect();
    assert_eq!(kinds, ["RSA 2048 bits", "EC P-256", "OKP Ed25519"]);
    let windows = String::from_utf8(file).unwrap().replace('\n', "\r\n");
    assert_eq!(PemKeys::parse(windows.as_bytes(), WeakKeys::Refuse).unwrap().verification_keys.len(), 3);
}

#[test]
fn one_bad_block_refuses_the_file_and_is_named() {
    let file = [P256, include_bytes!("../tests/vectors/rsa1024.pub")].concat();
    let error = PemKeys::parse(&file, WeakKeys::Refuse).unwrap_err();
    assert_eq!(error.to_string(), "PEM block 2: an RSA key of 1024 bits is too weak: 2048 are needed");
    assert_eq!(PemKeys::parse(&file, WeakKeys::DangerouslyAllow).unwrap().verification_keys.len(), 2);
}

#[test]
fn weak_and_unknown_keys_are_refused_in_words() {
    assert_eq!(problem(include_bytes!("../tests/vectors/rsa512.pub")), KeyError::WeakRsa(512));
    assert_eq!(only_key(include_bytes!("../tests/vectors/p521.pub")).describe(), "EC P-521");
    assert_eq!(problem(include_bytes!("../tests/vectors/p256c.pub")), KeyError::CompressedPoint);
    assert_eq!(problem(include_bytes!("../tests/vectors/pssp.pub")), KeyError::PssParameters);
    let pss = only_key(include_bytes!("../tests/vectors/pss.pub"));
    assert_eq!(pss.algorithms().to_string(), "PS256, PS384, PS512");
}

/// What `openssl` writes for a private key: PKCS #8, and the older form of its kind.
fn private_keys() -> Vec<(&'static str, Vec<u8>)> {
    let ec = |curve| {
        let group = openssl::ec::EcGroup::from_curve_name(curve).unwrap();
        openssl::ec::EcKey::generate(&group).unwrap()
    };
    let rsa = openssl::rsa::Rsa::generate(2048).unwrap();
    let (p256, p521) = (ec(openssl::nid::Nid::X9_62_PRIME256V1), ec(openssl::nid::Nid::SECP521R1));
    let pkcs8 = |key: openssl::pkey::PKey<openssl::pkey::Private>| key.private_key_to_pem_pkcs8().unwrap();
    vec![
        ("private RSA 2048 bits", rsa.private_key_to_pem().unwrap()),
        ("private RSA 2048 bits", pkcs8(openssl::pkey::PKey::from_rsa(rsa).unwrap())),
        ("private EC P-256", p256.private_key_to_pem().unwrap()),
        ("private EC P-256", pkcs8(openssl::pkey::PKey::from_ec_key(p256).unwrap())),
        ("private EC P-521", p521.private_key_to_pem().unwrap()),
        ("private EC P-521", pkcs8(openssl::pkey::PKey::from_ec_key(p521).unwrap())),
        ("private OKP X25519", pkcs8(openssl::pkey::PKey::generate_x25519().unwrap())),
        ("private OKP X448", pkcs8(openssl::pkey::PKey::generate_x448().unwrap())),
    ]
}

#[test]
fn a_private_key_decrypts_and_verifies_nothing() {
    for (kind, pem) in private_keys() {
        let keys = PemKeys::parse(&pem, WeakKeys::Refuse).unwrap();
        assert!(keys.verification_keys.is_empty());
        assert_eq!(keys.decryption_keys.iter().map(DecryptionKey::describe).collect::<Vec<_>>(), [kind]);
        assert!(keys.decryption_keys[0].is_private());
    }
}

#[test]
fn private_keys_that_cannot_decrypt_are_refused_in_words() {
    for key in [openssl::pkey::PKey::generate_ed25519().unwrap(), openssl::pkey::PKey::generate_ed448().unwrap()] {
        let error = problem(&key.private_key_to_pem_pkcs8().unwrap());
        assert_eq!(error, KeyError::PrivateKey);
        assert!(error.to_string().contains("openssl pkey -in PRIVATE.pem -pubout"));
    }
    let weak = openssl::rsa::Rsa::generate(1024).unwrap().private_key_to_pem().unwrap();
    assert_eq!(problem(&weak), KeyError::PrivateKeyRejected);
    let locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(problem(locked), KeyError::EncryptedPrivateKey);
    assert_eq!(problem(b"-----BEGIN CERTIFICATE REQUEST-----\n"), KeyError::PemLabel);
}

#[test]
fn changed_private_keys_are_refused_and_never_panic() {
    for (_, pem) in private_keys() {
        crate::jose::tests::mutations(&pem, 100, |changed| drop(PemKeys::parse(changed, WeakKeys::Refuse)));
    }
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
