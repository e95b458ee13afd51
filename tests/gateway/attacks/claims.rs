//! Can a good signature stand in for a good claim? Classes 9, 10, 30, 31 and 40 of threats.md.

use serde_json::{Value, json};

use super::Site;
use crate::harness::issuer::now;
use crate::harness::{Issuer, wait};

#[test]
fn class_09_claims_of_the_wrong_type_never_pass() {
    let site = Site::open();
    for value in ["null", "\"99999999999\"", "[]", "{}", "true", "1e400", "-1", "0", "\"\"", "[99999999999]"] {
        let token = site.rsa.sign(r#"{"alg":"RS256","kid":"rsa"}"#, &format!(r#"{{"sub":"root","exp":{value}}}"#));
        site.refuses("9", &token, &["claims_malformed", "token_expired", "token_malformed"]);
    }
    for value in ["\"0\"", "[]", "{}", "true", "1e400", "99999999999999", "\"\"", "null"] {
        let token = site.rsa.sign(r#"{"alg":"RS256","kid":"rsa"}"#, &format!(r#"{{"sub":"root","nbf":{value}}}"#));
        site.refuses("9", &token, &["claims_malformed", "token_not_yet_valid", "token_malformed"]);
    }
    for audience in
        [json!(null), json!([]), json!({}), json!(1), json!([null]), json!(["App"]), json!("app "), json!({ "app": 1 })]
    {
        let token = site.rsa.token(&json!({ "sub": "root", "aud": audience }));
        let answer = site.with("/app", &token);
        assert_eq!(answer.status, 401, "aud {audience}");
    }
}

#[test]
fn class_10_a_time_to_come_is_never_passed_over() {
    let site = Site::open();
    for ahead in [1.0, 60.0, 3600.5, 1e9, 1e18] {
        let token = site.rsa.token(&json!({ "sub": "root", "nbf": now() as f64 + 600.0 + ahead }));
        site.refuses("10", &token, &["token_not_yet_valid"]);
    }
    let from_tomorrow = site.rsa.token(&json!({ "sub": "root", "iat": now() + 86_400 }));
    let answer = site.with("/recent", &from_tomorrow);
    assert_eq!((answer.status, site.gateway.reason_of(&answer)), (401, "token_not_yet_valid".to_owned()));
    let of_now = site.rsa.token(&json!({ "sub": "alice", "iat": now(), "nbf": now() }));
    assert_eq!(site.with("/recent", &of_now).status, 200);
}

#[test]
fn class_31_the_order_of_requests_never_changes_a_verdict() {
    let site = Site::open();
    let token = |issuer: &Issuer, claims: Value| issuer.token(&claims);
    let broken = site.rsa.token_of("alice").replace('.', "..");
    let mut cases = Vec::new();
    for path in ["/", "/app", "/shop", "/one", "/two", "/exact", "/public", "/recent"] {
        for text in [
            token(&site.rsa, json!({ "sub": "a", "aud": "app" })),
            token(&site.rsa, json!({ "sub": "a", "aud": "shop", "iss": "https://one.example" })),
            token(&site.other, json!({ "sub": "a", "iss": "https://two.example", "iat": now() })),
            token(&site.stranger, json!({ "sub": "root", "aud": ["app", "shop"] })),
            token(&site.rsa, json!({ "sub": "a", "exp": 1 })),
            broken.clone(),
        ] {
            cases.push((path, text));
        }
    }
    let verdicts = |order: &[usize]| {
        let mut verdicts = vec![0; cases.len()];
        for place in order {
            let (path, token) = &cases[*place];
            verdicts[*place] = site.with(path, token).status;
        }
        verdicts
    };
    let mut order: Vec<usize> = (0..cases.len()).collect();
    let first = verdicts(&order);
    assert!(first.contains(&200) && first.contains(&401));
    let mut random = fastrand::Rng::with_seed(31);
    for _ in 0..10 {
        random.shuffle(&mut order);
        assert_eq!(verdicts(&order), first, "in the order {order:?}");
    }
}

#[test]
fn class_30_a_remembered_signature_says_nothing_of_another_realm() {
    let site = Site::open();
    for (audience, app, shop) in [("app", 200, 401), ("shop", 401, 200)] {
        let token = site.rsa.token(&json!({ "sub": "alice", "aud": audience }));
        for _ in 0..3 {
            assert_eq!(site.with("/app", &token).status, app, "{audience}");
            assert_eq!(site.with("/shop", &token).status, shop, "{audience}");
        }
    }
    let brief = site.rsa.token(&json!({ "sub": "alice", "exp": now() + 2 }));
    assert_eq!(site.with("/", &brief).status, 200);
    let expired = wait::until("the token expires", || {
        let answer = site.with("/", &brief);
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(site.gateway.reason_of(&expired), "token_expired", "a remembered signature does not outlive exp");
}

#[test]
fn class_40_an_issuer_is_compared_exactly_and_speaks_for_itself_only() {
    let site = Site::open();
    let from = |issuer: &Issuer, name: &Value| issuer.token(&json!({ "sub": "alice", "iss": name }));
    assert_eq!(site.with("/exact", &from(&site.rsa, &json!("https://id.example"))).status, 200);
    for name in [
        json!("https://id.example/"),
        json!("https://id.exampl"),
        json!("https://ID.example"),
        json!("https://id.example.evil"),
        json!("http://id.example"),
        json!(" https://id.example"),
        json!(["https://id.example"]),
        json!({}),
        json!(null),
        json!(1),
    ] {
        let answer = site.with("/exact", &from(&site.rsa, &name));
        assert_eq!(answer.status, 401, "{name}");
        let reason = site.gateway.reason_of(&answer);
        assert!(["issuer_mismatch", "claims_malformed"].contains(&reason.as_str()), "{name}: {reason}");
    }
    let (one, two) = (json!("https://one.example"), json!("https://two.example"));
    for (path, token, status) in [
        ("/one", from(&site.rsa, &one), 200),
        ("/two", from(&site.other, &two), 200),
        ("/one", from(&site.other, &one), 401),
        ("/two", from(&site.rsa, &two), 401),
        ("/one", from(&site.rsa, &two), 401),
        ("/two", from(&site.other, &one), 401),
    ] {
        assert_eq!(site.with(path, &token).status, status, "{path} {token}");
    }
    assert_eq!(site.upstream.received().len(), 3);
}
