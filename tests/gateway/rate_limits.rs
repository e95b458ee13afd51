//! Is nobody served more often than a location allows, and everybody as often?

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Issuer, Request};

fn limited(issuer: &Issuer, limit: &str) -> Gateway {
    Gateway::prepare(&format!(
        "{PLAIN}keys: {{ k: [{{ jwks_file: keys.json }}] }}\nrealms: {{ r: {{ keys: k }} }}\nlocations:\n\
         - {{ match: {{ prefix: / }}, access: {{ realm: r }}, echo: true, limit: {{ {limit} }} }}\n\
         - {{ match: {{ prefix: /open }}, access: public, echo: true, limit: {{ key: '{{request.headers[\"x-key\"]}}', rate: 2/h }} }}\n"
    ))
    .file("keys.json", issuer.jwks())
    .start()
}

#[test]
fn each_caller_has_its_own_burst_and_is_told_when_to_come_again() {
    let issuer = Issuer::of("ES256");
    let gateway = limited(&issuer, "key: '{claims.sub}', rate: 1/m, burst: 3");
    let of = |subject: &str| gateway.send(&Request::get("/").bearer(&issuer.token_of(subject)));
    assert_eq!([of("alice").status, of("alice").status, of("alice").status], [200, 200, 200]);
    let refused = of("alice");
    assert_eq!((refused.status, gateway.reason_of(&refused).as_str()), (429, "rate_limited"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"default\";q=1;w=60"));
    assert_eq!(refused.header("ratelimit").unwrap(), format!("\"default\";r=0;t={wait}"));
    assert_eq!(of("bob").status, 200, "another caller");
    assert_eq!(gateway.metrics().sum("portcullis_decisions_total", &["reason=\"rate_limited\""]), 1.0);
}

#[test]
fn who_is_refused_is_not_counted_and_a_reload_forgets_nothing() {
    let issuer = Issuer::of("ES256");
    let gateway = limited(&issuer, "key: '{claims.sub}', rate: 1/h, burst: 1");
    for _ in 0..5 {
        assert_eq!(gateway.send(&Request::get("/")).status, 401);
    }
    let token = issuer.token_of("alice");
    assert_eq!(gateway.send(&Request::get("/").bearer(&token)).status, 200);
    let yaml = std::fs::read_to_string(gateway.folder().join("portcullis.yaml")).unwrap();
    assert!(gateway.reload(&yaml).taken);
    assert_eq!(gateway.send(&Request::get("/").bearer(&token)).status, 429);
    assert!(gateway.reload(&yaml.replace("burst: 1", "burst: 2")).taken);
    assert_eq!(gateway.send(&Request::get("/").bearer(&token)).status, 200, "a new limit begins anew");
}

#[test]
fn a_caller_without_a_key_is_counted_by_its_address() {
    let gateway = limited(&Issuer::of("ES256"), "key: x, rate: 1/s");
    let with = |key: &str| gateway.send(&Request::get("/open").header("X-Key", key)).status;
    let without = || gateway.send(&Request::get("/open")).status;
    assert_eq!([with("a"), with("a"), with("a"), with("b")], [200, 200, 429, 200]);
    assert_eq!([without(), without(), without()], [200, 200, 429]);
    assert_eq!(with(""), 429, "an empty key is none");
    for (written, words) in [
        ("key: x, rate: 5", "a rate like 100/s"),
        ("key: x, rate: 0/s", "a rate like 100/s"),
        ("key: x, rate: 1/d", "a rate like 100/s"),
        ("rate: 1/s", "\"key\" is missing"),
        ("key: '{claims.sub}', rate: 1/s", "no realm can have admitted"),
        ("key: x, rate: 1/s, burst: 0", "from 1 to 1000000"),
    ] {
        let yaml = format!(
            "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, echo: true, limit: {{ {written} }} }}]\n"
        );
        let refused = Gateway::prepare(&yaml).command(&["check", "-c", "portcullis.yaml"]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && told.contains(words), "{written}: {told}");
    }
}
