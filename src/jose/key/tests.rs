//! Does a key verify what is its own, and nothing else?

use super::*;

fn names(key: &VerificationKey) -> String {
    key.algorithms().to_string()
}

fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xff; bits.div_ceil(8)];
    n[0] >>= (8 - bits % 8) % 8;
    n
}

#[test]
fn a_secret_allows_the_hashes_that_are_no_longer_than_it() {
    for (octets, allowed) in [(32, "HS256"), (47, "HS256"), (48, "HS256, HS384"), (64, "HS256, HS384, HS512")] {
        let key = VerificationKey::from_secret(&vec![1; octets], WeakKeys::Refuse).unwrap();
        assert_eq!(names(&key), allowed);
        assert!(!key.is_weak() && key.thumbprint().is_none());
    }
}

#[test]
fn a_short_secret_is_refused_unless_danger_is_asked_for_and_an_empty_one_always() {
    for octets in [1, 8, 31] {
        let secret = vec![1; octets];
        let refused = VerificationKey::from_secret(&secret, WeakKeys::Refuse).unwrap_err();
        assert_eq!(refused, KeyError::WeakSecret(octets, 32));
        let key = VerificationKey::from_secret(&secret, WeakKeys::DangerouslyAllow).unwrap();
        assert!(key.is_weak() && key.describe().ends_with(", weak"));
        assert_eq!(names(&key), "HS256, HS384, HS512");
    }
    for weak in [WeakKeys::Refuse, WeakKeys::DangerouslyAllow] {
        assert_eq!(VerificationKey::from_secret(&[], weak).unwrap_err(), KeyError::EmptySecret);
    }
}

#[test]
fn danger_is_only_named_where_it_is_used() {
    let key = VerificationKey::from_secret(&[1; 32], WeakKeys::DangerouslyAllow).unwrap();
    assert!(key.is_weak());
    assert!(!key.restrict(AlgorithmSet::only(JwsAlgorithm::Hs256)).unwrap().is_weak());
}

#[test]
fn rsa_keys_have_2048_to_8192_bits() {
    for bits in [2048, 2049, 3072, 8192] {
        let key = VerificationKey::from_rsa(&modulus(bits), &[1, 0, 1], WeakKeys::Refuse).unwrap();
        assert_eq!(key.describe(), format!("RSA {bits} bits"));
        assert_eq!(key.algorithms(), AlgorithmSet::of_family(KeyFamily::Rsa));
    }
    for bits in [8, 512, 1024, 2047] {
        let refused = VerificationKey::from_rsa(&modulus(bits), &[1, 0, 1], WeakKeys::Refuse).unwrap_err();
        assert_eq!(refused, KeyError::WeakRsa(bits));
    }
    let long = VerificationKey::from_rsa(&modulus(8193), &[1, 0, 1], WeakKeys::DangerouslyAllow).unwrap_err();
    assert_eq!(long, KeyError::RsaTooLong(8193));
}

#[test]
fn danger_admits_rsa_from_1024_bits_with_the_algorithms_that_are_left() {
    let key = VerificationKey::from_rsa(&modulus(1024), &[3], WeakKeys::DangerouslyAllow).unwrap();
    assert!(key.is_weak());
    assert_eq!(names(&key), "RS256, RS512");
    assert_eq!(key.only(JwsAlgorithm::Ps256).unwrap_err(), KeyError::WeakRsa(1024));
    let refused = VerificationKey::from_rsa(&modulus(1023), &[3], WeakKeys::DangerouslyAllow).unwrap_err();
    assert_eq!(refused, KeyError::WeakRsa(1023));
}

#[test]
fn rsa_numbers_that_are_no_key_are_refused_even_in_danger() {
    let exponents: [&[u8]; 9] =
        [&[], &[0], &[1], &[2], &[1, 0, 0], &[0, 1, 0, 1], &[1, 0, 0, 0, 1], &[255; 300], &[0, 3]];
    for e in exponents {
        let refused = VerificationKey::from_rsa(&modulus(2048), e, WeakKeys::DangerouslyAllow).unwrap_err();
        assert_eq!(refused, KeyError::RsaNumbers, "{e:?}");
    }
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let leading_zero = [vec![0], modulus(2048)].concat();
    for n in [vec![], vec![0], even, leading_zero] {
        assert!(VerificationKey::from_rsa(&n, &[1, 0, 1], WeakKeys::DangerouslyAllow).is_err());
    }
    for e in [&[3][..], &[1, 0, 1], &[255, 255, 255, 255]] {
        assert!(VerificationKey::from_rsa(&modulus(2048), e, WeakKeys::Refuse).is_ok());
    }
}

#[test]
fn points_must_lie_on_the_curve_in_full_length() {
    for curve in [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1] {
        for length in [0, 1, curve.octets(), 2 * curve.octets(), 2 * curve.octets() + 1, 2 * curve.octets() + 2] {
            for fill in [0, 1, 4, 0xff] {
                let mut point = vec![fill; length];
                if let Some(form) = point.first_mut() {
                    *form = 4;
                }
                assert_eq!(VerificationKey::from_point(curve, &point).unwrap_err(), KeyError::NotOnCurve);
            }
        }
        // The point at infinity (SEC 1 §2.3.3).
        assert_eq!(VerificationKey::from_point(curve, &[0]).unwrap_err(), KeyError::NotOnCurve);
    }
    assert_eq!(VerificationKey::from_point(Curve::Ed25519, &[4; 65]).unwrap_err(), KeyError::UnknownCurve);
}

#[test]
fn restricting_never_adds_and_never_leaves_nothing() {
    let key = VerificationKey::from_secret(&[1; 48], WeakKeys::Refuse).unwrap();
    let both = [JwsAlgorithm::Hs384, JwsAlgorithm::Hs512].into_iter().collect();
    assert_eq!(names(&key.clone().restrict(both).unwrap()), "HS384");
    let nothing = key.restrict(AlgorithmSet::only(JwsAlgorithm::Rs256));
    assert_eq!(nothing.unwrap_err(), KeyError::NoAlgorithmLeft);
}

#[test]
fn debug_and_description_show_no_secret() {
    let secret = b"a-string-secret-at-least-256-bits-long";
    let key = VerificationKey::from_secret(secret, WeakKeys::Refuse).unwrap().with_kid(Some("site".into()));
    assert_eq!((key.kid(), key.describe().as_str()), (Some("site"), "oct 304 bits"));
    let shown = format!("{key:?}");
    assert_eq!(shown, r#"VerificationKey { kid: Some("site"), kind: "oct 304 bits", algorithms: {HS256}, .. }"#);
}
