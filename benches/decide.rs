//! What does a whole decision cost, without a socket? From the head of a request to a grant or a refusal.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a benchmark that cannot start must fail")]

mod decision;

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use portcullis::cli::token::signing_key;
use portcullis::jose::JwsAlgorithm;
use serde_json::json;

use decision::{decide, head, snapshot};

fn decisions(criterion: &mut Criterion) {
    let key = signing_key::generate(JwsAlgorithm::Rs256, "k").unwrap();
    let cached = snapshot(&key.jwk, 65_536, SystemTime::now());
    let mint = |number: u64| {
        let claims = json!({ "iss": "i", "aud": "a", "sub": "alice", "exp": 4_102_444_800_u64, "n": number });
        signing_key::sign(JwsAlgorithm::Rs256, Some("k"), key.private.as_bytes(), &claims.to_string()).unwrap()
    };
    let good = head("/x", Some(&mint(0)));
    let public = head("/public/x", None);
    let none = head("/x", None);
    let garbage = head("/x", Some("garbage"));
    let expired = json!({ "iss": "i", "aud": "a", "sub": "alice", "exp": 1 });
    let expired =
        signing_key::sign(JwsAlgorithm::Rs256, Some("k"), key.private.as_bytes(), &expired.to_string()).unwrap();
    let expired = head("/x", Some(&expired));

    let forged = mint(0);
    let (content, _) = forged.rsplit_once('.').unwrap();
    let forged = head("/x", Some(&format!("{content}.{}", "A".repeat(342))));

    let mut group = criterion.benchmark_group("decide");
    for (name, head) in [
        ("public", public),
        ("hit", good),
        ("refused, no token", none),
        ("refused, garbage", garbage),
        ("refused, expired", expired),
        ("refused, bad signature again", forged),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| decide(&cached, black_box(&head), SystemTime::now())));
    }
    let without_cache = snapshot(&key.jwk, 0, SystemTime::now());
    let mut tokens = (1..=1000).map(mint).map(|token| head("/x", Some(&token))).collect::<Vec<_>>().into_iter().cycle();
    group.bench_function("miss (RS256)", |bencher| {
        let decide = |head| decide(&without_cache, &head, SystemTime::now());
        bencher.iter_batched(|| tokens.next().unwrap(), decide, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
