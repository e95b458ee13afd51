//! How many instructions does a decision take? `instructions hit 1000` makes one kind of decision a thousand times, for
//! `benches/instructions/check` to count; without a name it makes one of each.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot start must fail")]

mod decision;

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use mimalloc::MiMalloc;
use portcullis::auth::Decision;
use portcullis::auth::reason::Reason;
use portcullis::cli::token::signing_key;
use portcullis::jose::JwsAlgorithm;
use portcullis::snapshot::Snapshot;
use serde_json::{Value, json};

use decision::{decide, head, snapshot};

/// As in `main.rs`; its version is in `Cargo.lock`, and that of the C library's allocator is not.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// With fewer than 64 tokens the cache has one shard; with more, their number follows the processors of the machine.
const CACHED_TOKENS: usize = 32;

/// More than the cache holds: a new token drives an old one out, as in a gateway that has run for a while.
const UNTIL_FULL: usize = 2 * CACHED_TOKENS;

const NAMES: [&str; 7] =
    ["public", "hit", "miss-hs256", "miss-rs256", "refused-no-token", "refused-expired", "refused-signature-again"];

/// One kind of decision.
struct Case {
    snapshot: Snapshot,
    /// Decided first, and not counted.
    before: Vec<Parts>,
    /// Decided in turn.
    heads: Vec<Parts>,
    /// `None`: it is a grant.
    refusal: Option<Reason>,
}

impl Case {
    /// The same request each time, so that a token is known from the first on.
    fn repeated(snapshot: Snapshot, path: &str, token: Option<&str>, refusal: Option<Reason>) -> Self {
        Self { snapshot, before: vec![head(path, token)], heads: vec![head(path, token)], refusal }
    }

    fn named(name: &str, count: usize) -> Option<Self> {
        let of_secret = || snapshot(&secret_jwk(), CACHED_TOKENS, now());
        Some(match name {
            "public" => Self::repeated(of_secret(), "/public/x", None, None),
            "hit" => Self::repeated(of_secret(), "/x", Some(&mint(&claims(0))), None),
            "miss-hs256" => {
                let mut new = (0..).map(|number| head("/x", Some(&mint(&claims(number)))));
                let before = new.by_ref().take(UNTIL_FULL).collect();
                Self { snapshot: of_secret(), before, heads: new.take(count).collect(), refusal: None }
            }
            "miss-rs256" => {
                // Nothing is remembered, so that one token is new each time.
                let minted: Value = serde_json::from_str(include_str!("instructions/rs256.json")).unwrap();
                Self::repeated(snapshot(&minted["jwk"], 0, now()), "/x", minted["token"].as_str(), None)
            }
            "refused-signature-again" => {
                let minted: Value = serde_json::from_str(include_str!("instructions/rs256.json")).unwrap();
                let (content, _) = minted["token"].as_str().unwrap().rsplit_once('.').unwrap();
                let forged = format!("{content}.{}", URL_SAFE_NO_PAD.encode([1; 256]));
                let snapshot = snapshot(&minted["jwk"], CACHED_TOKENS, now());
                Self::repeated(snapshot, "/x", Some(&forged), Some(Reason::SignatureInvalid))
            }
            "refused-no-token" => Self::repeated(of_secret(), "/x", None, Some(Reason::TokenMissing)),
            "refused-expired" => {
                let mut claims = claims(0);
                claims["exp"] = 1.into();
                Self::repeated(of_secret(), "/x", Some(&mint(&claims)), Some(Reason::TokenExpired))
            }
            _ => return None,
        })
    }

    fn run(&self, count: usize) {
        for head in &self.before {
            let refusal = match decide(&self.snapshot, head, now()) {
                Decision::Allow(_) => None,
                Decision::Deny(denial) => Some(denial.reason),
                Decision::Ask(_) => unreachable!("no key and no service is far away"),
            };
            assert_eq!(refusal, self.refusal);
        }
        measured(&self.snapshot, &self.heads, count);
    }
}

/// What is counted: callgrind begins and ends with the function of this name.
#[inline(never)]
fn measured(snapshot: &Snapshot, heads: &[Parts], count: usize) {
    for head in heads.iter().cycle().take(count) {
        black_box(decide(snapshot, black_box(head), now()));
    }
}

/// A time that does not pass.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// What [`mint`] signs with: a key that chance makes would be another in each run.
const SECRET: &str = "a secret of nobody, for counting instructions, of 64 octets, ok!";

fn secret_jwk() -> Value {
    json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "kid": "k", "alg": "HS256", "use": "sig" })
}

/// The number has as many digits each time.
fn claims(number: u64) -> Value {
    json!({ "iss": "i", "aud": "a", "sub": "alice", "exp": 4_102_444_800_u64, "n": 100_000 + number })
}

fn mint(claims: &Value) -> String {
    signing_key::sign(JwsAlgorithm::Hs256, Some("k"), SECRET.as_bytes(), &claims.to_string()).unwrap()
}

/// `cargo test` and `cargo bench` pass options, and names of other benchmarks, which are nothing to us.
fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let name = words.next();
    let count = words.next().map_or(1, |count| count.parse().unwrap());
    for case in NAMES.iter().filter(|case| name.as_ref().is_none_or(|name| name == *case)) {
        Case::named(case, count).unwrap().run(count);
    }
}
