//! Do good tokens do no harm in the wrong hands? Called back, used once, sent by another page; and a realm in shadow.

use serde_json::{Value, json};

use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::issuer::now;
use crate::harness::{Gateway, Issuer, Request, wait};

fn with_realm(issuer: &Issuer, realm: &str) -> Prepared {
    Gateway::prepare(&format!(
        "{PLAIN}keys: {{ site: [{{ jwks_file: keys.json }}] }}\nrealms: {{ site: {{ keys: site, {realm} }} }}\nlocations:\n\
         - {{ match: {{ prefix: / }}, access: {{ realm: site }}, echo: true }}\n\
         - {{ match: {{ prefix: /checked }}, access: [{{ realm: site }}, {{ check: 'request.path == \"/checked/in\"' }}], echo: true }}\n"
    ))
    .file("keys.json", issuer.jwks())
}

fn verdict(gateway: &Gateway, request: &Request) -> (u16, String) {
    let answer = gateway.send(request);
    (answer.status, gateway.reason_of(&answer))
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({ "sub": "alice", "jti": "t-1", "sid": "s-1", "iat": now() - 10, "exp": now() + 600 });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

#[test]
fn a_token_that_is_called_back_is_refused_though_it_was_let_in_before() {
    let issuer = Issuer::with_kid("ES256", "k-1");
    let gateway = with_realm(&issuer, "revoked: { file: revoked.yaml }").file("revoked.yaml", "{}").start();
    let token = issuer.token(&claims(&json!({})));
    let number = issuer.token(&claims(&json!({ "sub": 656_670_838_050_885_u64, "jti": "t-2", "sid": "s-2" })));
    let visit = |token: &str| verdict(&gateway, &Request::get("/").bearer(token));
    let revoked = (401, "token_revoked".to_owned());
    for (list, hits) in [
        ("jti: [other, t-1]".to_owned(), &token),
        ("sub: [alice]".to_owned(), &token),
        ("sid: [s-1]".to_owned(), &token),
        ("kid: [k-1]".to_owned(), &token),
        (format!("issued_before: {}", now()), &token),
        ("sub: [656670838050885]".to_owned(), &number),
    ] {
        gateway.write("revoked.yaml", "{}");
        wait::until("the token is good", || (visit(hits).0 == 200).then_some(()));
        gateway.write("revoked.yaml", &list);
        wait::until(&list, || (visit(hits) == revoked).then_some(()));
    }
    gateway.write("revoked.yaml", "jti: [t-1");
    gateway.log.find(0, "of the bad file", |line| line.contains("revoked.yaml").then_some(()));
    assert_eq!(visit(&number), revoked, "the last good lists stay");
    let bad = with_realm(&issuer, "revoked: { file: revoked.yaml }").file("revoked.yaml", "jtis: []");
    let refused = bad.command(&["check", "-c", "portcullis.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean \"jti\"?"));
}

#[test]
fn a_key_that_is_called_back_admits_nobody_who_leaves_its_name_out() {
    let issuer = Issuer::with_kid("ES256", "k-1");
    let gateway = with_realm(&issuer, "revoked: { file: r.yaml }").file("r.yaml", "kid: [k-1]").start();
    let token = issuer.token_with(&json!({ "alg": "ES256" }), &claims(&json!({})));
    let revoked = (401, "token_revoked".to_owned());
    assert_eq!(verdict(&gateway, &Request::get("/").bearer(&token)), revoked);
    assert_eq!(verdict(&gateway, &Request::get("/").bearer(&token)), revoked, "also from the cache");
    gateway.write("r.yaml", "kid: [k-2]");
    wait::until("the token is good", || (gateway.send(&Request::get("/").bearer(&token)).status == 200).then_some(()));
}

#[test]
fn without_a_time_of_issue_a_token_is_older_than_any() {
    let issuer = Issuer::of("ES256");
    let gateway = with_realm(&issuer, "revoked: { file: r.yaml }").file("r.yaml", "issued_before: 1000").start();
    let mut without = claims(&json!({}));
    without.as_object_mut().unwrap().remove("iat");
    let without = Request::get("/").bearer(&issuer.token(&without));
    assert_eq!(verdict(&gateway, &without), (401, "token_revoked".to_owned()));
    assert_eq!(gateway.send(&Request::get("/").bearer(&issuer.token(&claims(&json!({}))))).status, 200);
}

#[test]
fn a_token_for_one_use_admits_one_of_many_who_come_at_once() {
    let issuer = Issuer::of("ES256");
    let gateway = with_realm(&issuer, "single_use: true").start();
    let token = issuer.token(&claims(&json!({})));
    let admitted = std::thread::scope(|scope| {
        let visits: Vec<_> =
            (0..16).map(|_| scope.spawn(|| gateway.send(&Request::get("/").bearer(&token)).status)).collect();
        visits.into_iter().map(|visit| visit.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(admitted, 1);
    let again = gateway.send(&Request::get("/").bearer(&token));
    assert_eq!((again.status, gateway.reason_of(&again).as_str()), (401, "token_used"));
    assert!(again.header("www-authenticate").unwrap().contains("invalid_token"));
    assert!(gateway.reload(&std::fs::read_to_string(gateway.folder().join("portcullis.yaml")).unwrap()).taken);
    assert_eq!(verdict(&gateway, &Request::get("/").bearer(&token)), (401, "token_used".to_owned()), "after a reload");
    let other = issuer.token(&claims(&json!({ "jti": "t-2" })));
    assert_eq!(gateway.send(&Request::get("/").bearer(&other)).status, 200);
}

#[test]
fn a_token_for_one_use_that_meets_its_realm_twice_is_used_once() {
    let issuer = Issuer::of("ES256");
    let gateway = Gateway::prepare(&format!(
        "{PLAIN}keys: {{ site: [{{ jwks_file: keys.json }}] }}\nrealms: {{ site: {{ keys: site, single_use: true }} }}\n\
         locations:\n- {{ match: {{ prefix: / }}, access: [{{ realm: site }}, {{ any: [{{ realm: site }}] }}], echo: true }}\n"
    ))
    .file("keys.json", issuer.jwks())
    .start();
    let request = Request::get("/").bearer(&issuer.token(&claims(&json!({}))));
    assert_eq!(gateway.send(&request).status, 200);
    assert_eq!(verdict(&gateway, &request), (401, "token_used".to_owned()));
}

#[test]
fn who_is_refused_for_another_reason_has_used_nothing_up() {
    let issuer = Issuer::of("ES256");
    let gateway = with_realm(&issuer, "single_use: true").start();
    let token = issuer.token(&claims(&json!({})));
    assert_eq!(verdict(&gateway, &Request::get("/checked/out").bearer(&token)), (403, "check_failed".to_owned()));
    assert_eq!(gateway.send(&Request::get("/checked/in").bearer(&token)).status, 200);
    assert_eq!(verdict(&gateway, &Request::get("/checked/in").bearer(&token)), (401, "token_used".to_owned()));
    for absent in ["jti", "exp"] {
        let mut claims = claims(&json!({ "jti": "t-3" }));
        claims.as_object_mut().unwrap().remove(absent);
        let request = Request::get("/").bearer(&issuer.token(&claims));
        assert_eq!(verdict(&gateway, &request), (401, "claim_missing".to_owned()), "{absent}");
    }
}

#[test]
fn in_shadow_a_second_use_is_told_and_admitted() {
    let issuer = Issuer::of("ES256");
    let gateway = with_realm(&issuer, "single_use: true, shadow: true").start();
    let token = issuer.token(&claims(&json!({})));
    let statuses: Vec<_> = (0..3)
        .map(|_| {
            let answer = gateway.send(&Request::get("/").bearer(&token));
            (answer.status, gateway.line_of(&answer)["auth_reason"].clone())
        })
        .collect();
    assert_eq!(statuses, [(200, Value::Null), (200, json!("token_used")), (200, json!("token_used"))]);
}

#[test]
fn class_35_another_page_changes_nothing_with_the_cookie_of_a_client() {
    let issuer = Issuer::of("ES256");
    let realm = "token: [{ cookie: session }, bearer], allowed_origins: ['https://app.example.com']";
    let gateway = with_realm(&issuer, realm).start();
    let token = issuer.token(&claims(&json!({})));
    let with_cookie = |request: Request| request.header("Cookie", format!("session={token}"));
    let refused = (403, "origin_refused".to_owned());
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com", ""]
    {
        let post = with_cookie(Request::post("/", "x")).header("Origin", origin);
        assert_eq!(verdict(&gateway, &post), refused, "{origin}");
    }
    assert_eq!(verdict(&gateway, &with_cookie(Request::post("/", "x"))), refused, "no page at all");
    let two = with_cookie(Request::post("/", "x"))
        .header("Origin", "https://app.example.com")
        .header("Origin", "https://evil.example");
    assert_eq!(verdict(&gateway, &two), refused);
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(verdict(&gateway, &with_cookie(Request::new(method, "/"))), refused, "{method}");
    }
    let upgrade = with_cookie(Request::get("/")).header("Connection", "Upgrade").header("Upgrade", "websocket");
    assert_eq!(verdict(&gateway, &upgrade.clone().header("Origin", "https://evil.example")), refused);
    for ours in [
        with_cookie(Request::post("/", "x")).header("Origin", "https://app.example.com"),
        with_cookie(Request::get("/")),
        with_cookie(Request::get("/")).header("Origin", "https://evil.example"),
        Request::post("/", "x").bearer(&token),
        Request::post("/", "x").bearer(&token).header("Origin", "https://evil.example"),
    ] {
        assert_eq!(gateway.send(&ours).status, 200, "{ours:?}");
    }
}

#[test]
fn a_realm_in_shadow_admits_whom_it_would_refuse_and_says_so() {
    let issuer = Issuer::of("ES256");
    let realm = "shadow: true, audience: app, identity_headers: { X-User-ID: '{claims.sub}' }";
    let gateway = with_realm(&issuer, realm).start();
    let good = issuer.token(&claims(&json!({ "aud": "app" })));
    let answer = gateway.send(&Request::get("/").bearer(&good));
    assert_eq!((answer.status, &answer.json()["headers"]["x-user-id"]), (200, &json!("alice")));
    assert_eq!(gateway.line_of(&answer)["auth_status"], "granted");
    for (request, reason) in [
        (Request::get("/").bearer(&issuer.token(&claims(&json!({ "aud": "other" })))), "audience_mismatch"),
        (Request::get("/").bearer("garbage"), "token_malformed"),
        (Request::get("/"), "token_missing"),
    ] {
        let answer = gateway.send(&request.header("X-User-ID", "root"));
        assert_eq!((answer.status, &answer.json()["headers"]["x-user-id"]), (200, &Value::Null), "{reason}");
        let line = gateway.line_of(&answer);
        assert_eq!((&line["auth_status"], &line["auth_reason"]), (&json!("shadowed"), &json!(reason)));
        assert_eq!(line["realm"], "site");
        let label = format!("reason=\"{reason}\"");
        assert_eq!(gateway.metrics().sum("portcullis_shadowed_total", &["realm=\"site\"", &label]), 1.0);
    }
    assert!(gateway.log.text().contains("this realm admits everybody"));
}
