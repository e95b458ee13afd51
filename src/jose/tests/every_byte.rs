//! One changed byte anywhere, one missing, one more: never admitted, never a panic.

use super::*;

#[test]
fn every_algorithm_admits_its_own_token() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::of(algorithm);
        let token = signer.token();
        let parsed = SignedToken::parse(&token, token.len()).unwrap();
        assert_eq!(parsed.verify(&signer.key()), Ok(()), "{algorithm}");
        assert_eq!((parsed.algorithm(), parsed.payload()), (algorithm, PAYLOAD));
        assert!(admits(&key_of(&signer.jwk(&format!(r#","alg":"{algorithm}""#))), &token), "{algorithm}");
    }
}

#[test]
fn a_changed_byte_at_any_position_refuses_the_token() {
    for algorithm in JwsAlgorithm::ALL {
        let signer = Signer::of(algorithm);
        let (key, token) = (signer.key(), signer.token());
        assert!(admits(&key, &token));
        for at in 0..token.len() {
            let own = token.as_bytes()[at];
            for other in [own ^ 1, own ^ 0x20, b'A', b'.', b'='] {
                let mut changed = token.clone().into_bytes();
                changed[at] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(other == own || !admits(&key, &changed), "{algorithm}: byte {at} is {other:#x}");
            }
        }
    }
}

#[test]
fn truncations_and_mutations_of_a_token_are_never_admitted() {
    for algorithm in [JwsAlgorithm::Hs256, JwsAlgorithm::Es256, JwsAlgorithm::EdDsa] {
        let signer = Signer::of(algorithm);
        let (key, token) = (signer.key(), signer.token());
        mutations(token.as_bytes(), 5000, |bytes| {
            if let Ok(text) = std::str::from_utf8(bytes) {
                assert!(text == token || !admits(&key, text), "{algorithm}: {text}");
            }
        });
    }
}

#[test]
fn mutations_of_a_header_never_panic() {
    let header = br#"{"alg":"HS256","typ":"JWT","kid":"a\u00e9","x5c":["MII"],"jwk":{"kty":"oct","k":"AA"}}"#;
    mutations(header, 5000, |bytes| {
        let token = format!("{}.{}.AAAA", base64url::encode(bytes), base64url::encode(PAYLOAD));
        if let Ok(parsed) = SignedToken::parse(&token, MAX) {
            assert!(parsed.header().member("crit").is_none());
        }
    });
}

#[test]
fn mutations_of_key_files_never_panic() {
    for algorithm in [JwsAlgorithm::Hs256, JwsAlgorithm::Rs256, JwsAlgorithm::Es384, JwsAlgorithm::EdDsa] {
        let jwk = Signer::of(algorithm).jwk(r#","use":"sig","key_ops":["verify"],"kid":"k""#);
        mutations(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes(), 3000, |bytes| {
            let _ = JwkSet::parse(bytes, WeakKeys::DangerouslyAllow);
        });
    }
    let files: [&[u8]; 6] = [
        include_bytes!("vectors/rsa.pub"),
        include_bytes!("vectors/rsa.pkcs1"),
        include_bytes!("vectors/rsa.crt"),
        include_bytes!("vectors/p256.crt"),
        include_bytes!("vectors/p384.pub"),
        include_bytes!("vectors/ed.crt"),
    ];
    for file in files {
        mutations(file, 3000, |bytes| {
            let _ = PemKeys::parse(bytes, WeakKeys::DangerouslyAllow);
        });
    }
}
