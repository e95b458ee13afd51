//! What does one signature cost? Parsing and verifying a token, by algorithm; the primitive alone for comparison.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "criterion's macros; a benchmark that cannot start must fail"
)]

mod minted;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use portcullis::cli::token::signing_key;
use portcullis::jose::{Json, SignedToken, VerificationKey, WeakKeys};
use serde_json::json;

use minted::Minted;

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for algorithm in signing_key::mintable() {
        let key = signing_key::generate(algorithm, "k").unwrap();
        let claims = json!({
            "iss": "https://id.example.com", "sub": "user-123456", "aud": ["app", "other"], "exp": 4_102_444_800_u64,
            "iat": 1_700_000_000, "email": "somebody@example.com", "role": "admin", "user_id": 656_670_838_050_885_u64,
        });
        let token = signing_key::sign(algorithm, Some("k"), key.private.as_bytes(), &claims.to_string()).unwrap();
        let jwk = Json::parse(key.jwk.to_string().as_bytes()).unwrap();
        let key = VerificationKey::from_jwk(&jwk, WeakKeys::Refuse).unwrap();
        compare(&mut group, &algorithm.to_string(), &token, &key);
    }
    let minted = Minted::new();
    let keys = minted.keys("verification_keys").verification_keys;
    for [algorithm, curve, _, token] in minted.tokens("signed") {
        if matches!(curve.as_str(), "P-521" | "secp256k1" | "Ed448") {
            let parsed = SignedToken::parse(&token, 16 * 1024).unwrap();
            let key = keys.iter().find(|key| parsed.verify(key).is_ok()).unwrap();
            compare(&mut group, &format!("{algorithm} {curve}"), &token, key);
        }
    }
    group.finish();
}

fn compare(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, token: &str, key: &VerificationKey) {
    group.bench_function(format!("{name}/parse and verify"), |bencher| {
        bencher.iter(|| {
            let token = SignedToken::parse(black_box(token), 16 * 1024).unwrap();
            token.verify(key).unwrap();
            token
        });
    });
    let parsed = SignedToken::parse(token, 16 * 1024).unwrap();
    let (algorithm, input, signature) = (parsed.algorithm(), parsed.signing_input(), parsed.signature());
    group.bench_function(format!("{name}/primitive"), |bencher| {
        bencher.iter(|| key.verify(algorithm, black_box(input), signature).unwrap());
    });
}

criterion_group!(benches, verify);
criterion_main!(benches);
