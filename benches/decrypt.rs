//! What does one decryption cost? For every pair of key management and content encryption, and for a few primitives
//! that they stand on.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "criterion's macros; a benchmark that cannot start must fail"
)]

mod minted;

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey};
use openssl::encrypt::{Decrypter, Encrypter};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::{Padding, Rsa};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use portcullis::jose::{DecryptionKey, DecryptionLimits, EncryptedToken};

use minted::Minted;

const LARGEST: usize = 16 * 1024;

/// The key that opens a token.
fn key_of<'k>(keys: &'k [DecryptionKey], token: &str) -> &'k DecryptionKey {
    let token = EncryptedToken::parse(token, LARGEST).unwrap();
    let fits = |key: &&DecryptionKey| {
        key.key_management().contains(token.key_management())
            && token.decrypt(key, &DecryptionLimits::default()).is_ok()
    };
    keys.iter().find(fits).unwrap()
}

fn decrypt(criterion: &mut Criterion) {
    let minted = Minted::new();
    let keys = minted.keys("decryption_keys").decryption_keys;
    let limits = DecryptionLimits::default();
    let mut group = criterion.benchmark_group("decrypt");
    group.sample_size(10).warm_up_time(Duration::from_millis(50)).measurement_time(Duration::from_millis(200));
    for [algorithm, curve, content, text] in minted.tokens("encrypted") {
        let key = key_of(&keys, &text);
        let curve = if curve.is_empty() { curve } else { format!(" {curve}") };
        group.bench_function(format!("{algorithm}{curve}/{content}"), |bencher| {
            bencher.iter(|| {
                let token = EncryptedToken::parse(black_box(&text), LARGEST).unwrap();
                token.decrypt(key, &limits).unwrap()
            });
        });
    }
    primitives(&mut group);
    primitives_of_openssl(&mut group);
    group.finish();
}

fn primitives(group: &mut BenchmarkGroup<'_, WallTime>) {
    let private = PrivateDecryptingKey::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let public = OaepPublicEncryptingKey::new(private.public_key()).unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut wrapped, None).unwrap();
    let private = OaepPrivateDecryptingKey::new(private).unwrap();
    group.bench_function("primitive/RSA-OAEP-256", |bencher| {
        bencher.iter(|| {
            let mut key = [0; 256];
            private.decrypt(&OAEP_SHA256_MGF1SHA256, black_box(wrapped), &mut key, None).unwrap().len()
        });
    });
    for (name, algorithm) in [
        ("P-256", &agreement::ECDH_P256),
        ("P-384", &agreement::ECDH_P384),
        ("P-521", &agreement::ECDH_P521),
        ("X25519", &agreement::X25519),
    ] {
        let own = PrivateKey::generate(algorithm).unwrap();
        let theirs = PrivateKey::generate(algorithm).unwrap().compute_public_key().unwrap();
        group.bench_function(format!("primitive/ECDH {name}"), |bencher| {
            bencher.iter(|| {
                let theirs = UnparsedPublicKey::new(algorithm, black_box(theirs.as_ref()));
                agreement::agree(&own, theirs, (), |shared| Ok(shared.len())).unwrap()
            });
        });
    }
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let mut sealed = vec![b'x'; 300];
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([1; 12]), Aad::from(b"header"), &mut sealed).unwrap();
    group.bench_function("primitive/A256GCM", |bencher| {
        bencher.iter(|| {
            let mut content = sealed.clone();
            let nonce = Nonce::assume_unique_for_key([1; 12]);
            key.open_in_place(nonce, Aad::from(b"header"), black_box(&mut content)).unwrap().len()
        });
    });
}

/// The same by OpenSSL, which was the other choice.
fn primitives_of_openssl(group: &mut BenchmarkGroup<'_, WallTime>) {
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut encrypter = Encrypter::new(&rsa).unwrap();
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    encrypter.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
    let mut wrapped = vec![0; encrypter.encrypt_len(&[7; 32]).unwrap()];
    let length = encrypter.encrypt(&[7; 32], &mut wrapped).unwrap();
    wrapped.truncate(length);
    group.bench_function("openssl/RSA-OAEP-256", |bencher| {
        bencher.iter(|| {
            let mut decrypter = Decrypter::new(&rsa).unwrap();
            decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
            decrypter.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
            let mut key = [0; 256];
            decrypter.decrypt(black_box(&wrapped), &mut key).unwrap()
        });
    });
    let ec = |curve| {
        let group = EcGroup::from_curve_name(curve).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    for (name, own, theirs) in [
        ("P-256", ec(Nid::X9_62_PRIME256V1), ec(Nid::X9_62_PRIME256V1)),
        ("P-384", ec(Nid::SECP384R1), ec(Nid::SECP384R1)),
        ("P-521", ec(Nid::SECP521R1), ec(Nid::SECP521R1)),
        ("X25519", PKey::generate_x25519().unwrap(), PKey::generate_x25519().unwrap()),
        ("X448", PKey::generate_x448().unwrap(), PKey::generate_x448().unwrap()),
    ] {
        group.bench_function(format!("openssl/ECDH {name}"), |bencher| {
            bencher.iter(|| {
                let mut deriver = Deriver::new(&own).unwrap();
                deriver.set_peer(black_box(&theirs)).unwrap();
                deriver.derive_to_vec().unwrap()
            });
        });
    }
    let (key, nonce, cipher) = ([7; 32], [1; 12], Cipher::aes_256_gcm());
    let mut tag = [0; 16];
    let sealed = encrypt_aead(cipher, &key, Some(&nonce), b"header", &[b'x'; 300], &mut tag).unwrap();
    group.bench_function("openssl/A256GCM", |bencher| {
        bencher.iter(|| decrypt_aead(cipher, &key, Some(&nonce), b"header", black_box(&sealed), &tag).unwrap());
    });
}

criterion_group!(benches, decrypt);
criterion_main!(benches);
