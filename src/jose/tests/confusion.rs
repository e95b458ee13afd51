//! Class 1 and 2 of the threats: the key decides, whatever the token says.

use super::*;

const PUBLIC_KEYS: [&[u8]; 5] = [
    include_bytes!("vectors/rsa.pub"),
    include_bytes!("vectors/rsa.pkcs1"),
    include_bytes!("vectors/p256.pub"),
    include_bytes!("vectors/p384.pub"),
    include_bytes!("vectors/ed.pub"),
];

fn der_of(pem: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::str::from_utf8(pem).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

#[test]
fn a_public_key_is_never_the_secret_of_an_hmac() {
    for pem in PUBLIC_KEYS {
        let key = PemKeys::parse(pem, WeakKeys::DangerouslyAllow).unwrap().verification_keys.remove(0);
        let der = der_of(pem);
        for secret in [pem, pem.trim_ascii_end(), &der, &der[24..], b""] {
            assert!(!admits(&key, &forge(secret)));
        }
    }
    for algorithm in JwsAlgorithm::ALL.into_iter().filter(|algorithm| !algorithm.belongs_to(KeyFamily::Secret)) {
        let signer = Signer::of(algorithm);
        for more in [String::new(), format!(r#","alg":"{algorithm}""#)] {
            let jwk = signer.jwk(&more);
            let key = key_of(&jwk);
            assert!(key.algorithms().intersect(AlgorithmSet::of_family(KeyFamily::Secret)).is_empty());
            assert!(!admits(&key, &forge(jwk.as_bytes())));
            let parsed = Json::parse(jwk.as_bytes()).unwrap();
            for name in ["n", "x", "y", "e"] {
                if let Some(text) = parsed.member(name).and_then(Json::as_str) {
                    assert!(!admits(&key, &forge(text.as_bytes())));
                    assert!(!admits(&key, &forge(&base64url::decode(text).unwrap())));
                }
            }
            assert!(!admits(&key, &forge(b"")));
        }
    }
}

#[test]
fn a_jwk_whose_alg_does_not_fit_its_type_is_skipped() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::of(algorithm);
        for other in JwsAlgorithm::ALL {
            let set = JwkSet::parse(signer.jwk(&format!(r#","alg":"{other}""#)).as_bytes(), WeakKeys::DangerouslyAllow);
            let set = set.unwrap();
            if signer.key().algorithms().contains(other) {
                assert_eq!(set.verification_keys[0].algorithms(), AlgorithmSet::only(other));
            } else {
                assert!(set.verification_keys.is_empty());
                assert_eq!(set.skipped[0].reason, KeyError::AlgorithmDoesNotFit, "{algorithm} {other}");
            }
        }
    }
}

#[test]
fn no_key_verifies_with_an_algorithm_outside_its_set() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::of(algorithm);
        let key = key_of(&signer.jwk(&format!(r#","alg":"{algorithm}""#)));
        for other in JwsAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let renamed = signer.token_with(&format!(r#"{{"alg":"{other}"}}"#));
            assert!(!admits(&key, &renamed), "{algorithm} as {other}");
            assert!(!admits(&key, &Signer::of(other).token()), "{other} for {algorithm}");
        }
    }
}

#[test]
fn none_in_any_spelling_is_refused_and_leaves_nothing_behind() {
    let signer = Signer::of(JwsAlgorithm::Rs256);
    let key = signer.key();
    for name in ["none", "None", "nOnE", "NONE", "", "none ", "HS", "rs256", "RSA-OAEP", "dir"] {
        for signature in ["", ".AAAA"] {
            let header = base64url::encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
            let payload = base64url::encode(PAYLOAD);
            let token = format!("{header}.{payload}{}", if signature.is_empty() { "." } else { signature });
            assert_eq!(SignedToken::parse(&token, MAX).unwrap_err(), TokenError::AlgorithmRefused, "{name}");
        }
        assert!(matches!(SignedToken::parse(&signer.token_with("{}"), MAX), Err(TokenError::Malformed(_))));
        let mut forged = signer.token();
        forged.replace_range(forged.len() - 8.., "AAAAAAAA");
        assert!(!admits(&key, &forged) && admits(&key, &signer.token()));
    }
}

#[test]
fn psychic_signatures_are_refused() {
    // The orders of the groups of P-256 and P-384.
    let p256 = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let p384 = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
    for (algorithm, order) in [(JwsAlgorithm::Es256, p256), (JwsAlgorithm::Es384, p384)] {
        let signer = Signer::of(algorithm);
        let key = signer.key();
        let token = signer.token();
        let input = token.rsplit_once('.').unwrap().0.as_bytes();
        let n: Vec<u8> =
            (0..order.len()).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
        let zero = vec![0; n.len()];
        let mut one = zero.clone();
        *one.last_mut().unwrap() = 1;
        let all = vec![0xff; n.len()];
        for r in [&zero, &one, &n, &all] {
            for s in [&zero, &one, &n, &all] {
                assert!(key.verify(algorithm, input, &[r.as_slice(), s].concat()).is_err());
            }
        }
    }
}

#[test]
fn signatures_of_another_form_or_length_are_refused() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::of(algorithm);
        let (key, token) = (signer.key(), signer.token());
        let parsed = SignedToken::parse(&token, MAX).unwrap();
        let (input, good) = (parsed.signing_input(), parsed.signature());
        assert_eq!(key.verify(algorithm, input, good), Ok(()));
        let half = good.len() / 2;
        let as_der =
            [&[0x30, good.len() as u8 + 4, 2, half as u8], &good[..half], &[2, half as u8], &good[half..]].concat();
        let wrong: [&[u8]; 8] = [
            &[],
            &good[..half],
            &good[..good.len() - 1],
            &[good, &[0]].concat(),
            &[&[0], good].concat(),
            &[good, good].concat(),
            &[0; 20_000],
            &as_der,
        ];
        for signature in wrong {
            assert!(key.verify(algorithm, input, signature).is_err(), "{algorithm}: {} octets", signature.len());
        }
    }
}

#[test]
fn a_key_of_the_token_itself_is_never_used() {
    let (owner, intruder) = (Signer::of(JwsAlgorithm::Es256), Signer::of(JwsAlgorithm::Es256));
    let header =
        format!(r#"{{"alg":"ES256","jwk":{},"jku":"http://x/","x5u":"http://x/","x5c":["MII"]}}"#, intruder.jwk(""));
    let token = intruder.token_with(&header);
    assert!(admits(&intruder.key(), &token) && !admits(&owner.key(), &token));
}
