//! Are keys over HTTP fetched as the contract says, whatever the server of keys does? It counts who asks.

mod faults;

use std::time::{Duration, SystemTime};

use crate::harness::certificates::Certificate;
use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::issuer::jwks;
use crate::harness::upstream::CLOSED_PORT;
use crate::harness::{Behaviour, Gateway, Issuer, KeyServer, Request, Response, Upstream, wait};

/// A gateway whose only keys come from a source that is written so.
fn with_source(source: &str) -> Prepared {
    Gateway::prepare(&format!(
        "{PLAIN}keys: {{ site: [{{ {source} }}] }}\nrealms: {{ site: {{ keys: site }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: {{ realm: site }}, respond: {{ status: 200, text: in }} }}]\n"
    ))
}

fn url(server: &KeyServer) -> String {
    format!("jwks_url: \"{}\"", server.url("/jwks.json"))
}

fn visit(gateway: &Gateway, token: &str) -> Response {
    gateway.send(&Request::get("/").bearer(token))
}

/// The status, and the reason if it was refused.
fn verdict(gateway: &Gateway, token: &str) -> (u16, String) {
    let answer = visit(gateway, token);
    (answer.status, gateway.reason_of(&answer))
}

fn ready(gateway: &Gateway) -> Response {
    crate::harness::Client::connect(gateway.admin()).exchange(&Request::get("/ready"))
}

fn wait_until_ready(gateway: &Gateway) {
    wait::until("the first keys are there", || (ready(gateway).status == 200).then_some(()));
}

fn fetches(gateway: &Gateway, result: &str) -> f64 {
    gateway.metrics().sum("portcullis_key_fetches_total", &[&format!("result=\"{result}\"")])
}

/// Waits until so many more fetches than before have ended like this.
fn wait_for_more(gateway: &Gateway, result: &str, more: f64) {
    let before = fetches(gateway, result);
    wait::until("fetches end", || (fetches(gateway, result) >= before + more).then_some(()));
}

#[test]
fn keys_are_fetched_once_and_serve_without_asking_again() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let gateway = with_source(&url(&server)).start();
    wait_until_ready(&gateway);
    for _ in 0..50 {
        assert_eq!(visit(&gateway, &issuer.token_of("alice")).status, 200);
    }
    assert_eq!(server.fetches(), 1);
    let metrics = gateway.metrics();
    let label = format!("source=\"site ({})\"", server.url("/jwks.json"));
    let source = [label.as_str()];
    assert_eq!(metrics.sum("portcullis_keys", &source), 1.0);
    assert_eq!(metrics.sum("portcullis_keys_last_fetch_success", &source), 1.0);
    assert!(metrics.sum("portcullis_keys_age_seconds", &source) < 30.0);
    let began = metrics.sum("portcullis_keys_last_fetch_timestamp_seconds", &source);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&began), "{began}");
    assert!(metrics.0.contains("portcullis_keys_last_fetch_duration_seconds"), "{}", metrics.0);
}

#[test]
fn a_key_that_was_rotated_in_is_found_with_the_first_token_that_names_it() {
    let (old, new) = (Issuer::with_kid("RS256", "old"), Issuer::with_kid("RS256", "new"));
    let server = KeyServer::publishing(&old.jwks());
    let gateway = with_source(&url(&server)).start();
    wait_until_ready(&gateway);
    server.publish(&jwks(&[&old, &new]));
    assert_eq!(visit(&gateway, &new.token_of("alice")).status, 200, "the request waits for the fetch");
    assert_eq!(visit(&gateway, &old.token_of("alice")).status, 200);
    assert_eq!(server.fetches(), 2);
    gateway.log.find(0, "of the new key", |line| line.contains("new: [\"new\"], gone: []").then_some(()));
}

#[test]
fn a_key_that_was_rotated_out_admits_nobody_not_even_who_was_let_in_before() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let server = KeyServer::publishing(&old.jwks());
    let gateway = with_source(&format!("{}, refresh: 1s", url(&server))).start();
    wait_until_ready(&gateway);
    let token = old.token_of("alice");
    assert_eq!(visit(&gateway, &token).status, 200);
    server.publish(&new.jwks());
    wait::until("the old key is gone", || (visit(&gateway, &token).status == 401).then_some(()));
    assert_eq!(verdict(&gateway, &token), (401, "key_unknown".to_owned()));
}

#[test]
fn class_05_a_flood_of_unknown_key_ids_costs_one_fetch_per_cooldown() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let gateway = with_source(&format!("{}, unknown_kid_cooldown: 1h", url(&server))).start();
    wait_until_ready(&gateway);
    let flood = |client: usize| {
        let mut connection = gateway.client();
        for number in 0..250 {
            let token = issuer.token_with(
                &serde_json::json!({ "alg": "ES256", "kid": format!("{client}-{number}") }),
                &serde_json::json!({ "sub": "mallory" }),
            );
            assert_eq!(connection.exchange(&Request::get("/").bearer(&token)).status, 401);
        }
    };
    std::thread::scope(|scope| {
        (0..8).for_each(|client| {
            scope.spawn(move || flood(client));
        });
        let mut good = gateway.client();
        for _ in 0..100 {
            let answer = good.exchange(&Request::get("/").bearer(&issuer.token_of("alice")));
            assert_eq!(answer.status, 200, "a flood keeps nobody out");
        }
    });
    assert_eq!(server.fetches(), 2, "one at the start, one for 2,000 unknown key ids");
    assert_eq!(gateway.metrics().sum("portcullis_decisions_total", &["reason=\"key_unknown\""]), 2000.0);
}

#[test]
fn class_05_the_cooldown_ends() {
    let (known, late) = (Issuer::with_kid("ES256", "known"), Issuer::with_kid("ES256", "late"));
    let server = KeyServer::publishing(&known.jwks());
    let gateway = with_source(&format!("{}, unknown_kid_cooldown: 1s", url(&server))).start();
    wait_until_ready(&gateway);
    assert_eq!(verdict(&gateway, &late.token_of("alice")), (401, "key_unknown".to_owned()));
    server.publish(&late.jwks());
    let token = late.token_of("alice");
    wait::until("the next fetch is allowed", || (visit(&gateway, &token).status == 200).then_some(()));
}

#[test]
fn class_07_without_keys_nobody_is_admitted_and_the_process_is_not_ready() {
    let stranger = Issuer::of("ES256");
    let gateway = with_source(&format!("jwks_url: \"http://{CLOSED_PORT}/jwks.json\"")).start();
    gateway.log.find(0, "of the failure", |line| line.contains("there are no keys").then_some(()));
    let answer = ready(&gateway);
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("site (http://"), "{}", answer.text());
    for algorithm in ["ES256", "HS256", "RS256"] {
        let token = Issuer::of(algorithm).token_of("alice");
        assert_eq!(verdict(&gateway, &token), (503, "keys_unavailable".to_owned()), "{algorithm}");
    }
    let empty = Issuer::of("HS256");
    let unsigned = empty.token_with(&serde_json::json!({ "alg": "none" }), &serde_json::json!({ "sub": "root" }));
    assert_eq!(visit(&gateway, &unsigned).status, 401);
    assert_eq!(gateway.send(&Request::get("/")).status, 401, "who shows nothing is told so");
    assert_eq!(verdict(&gateway, &stranger.token_of("alice")).0, 503);
}

#[test]
fn a_source_that_is_not_required_does_not_keep_the_process_waiting() {
    let gateway = with_source(&format!("jwks_url: \"http://{CLOSED_PORT}/jwks.json\", required: false")).start();
    wait_until_ready(&gateway);
    assert_eq!(verdict(&gateway, &Issuer::of("ES256").token_of("alice")), (503, "keys_unavailable".to_owned()));
}

#[test]
fn an_endpoint_that_comes_up_late_is_found_without_a_restart() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing("");
    server.say("");
    let gateway = with_source(&format!("{}, unknown_kid_cooldown: 1h", url(&server))).start();
    server.wait_for(2);
    assert_eq!(ready(&gateway).status, 503);
    server.publish(&issuer.jwks());
    wait_until_ready(&gateway);
    assert_eq!(visit(&gateway, &issuer.token_of("alice")).status, 200);
    gateway.log.find(0, "of the recovery", |line| line.contains("gives keys again").then_some(()));
}

#[test]
fn a_key_without_a_name_beside_the_endpoint_keeps_no_rotation_from_being_found() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let server = KeyServer::publishing(&old.jwks());
    for beside in ["a-secret-of-at-least-thirty-two-octets", ""] {
        let mut nameless = Issuer::of("ES256").jwk;
        nameless.as_object_mut().unwrap().remove("kid");
        let beside = if beside.is_empty() { format!("jwks: {nameless}") } else { format!("secret: {beside}") };
        server.publish(&old.jwks());
        let gateway = with_source(&format!("{} }}, {{ {beside}", url(&server))).start();
        wait_until_ready(&gateway);
        server.publish(&jwks(&[&old, &new]));
        assert_eq!(visit(&gateway, &new.token_of("alice")).status, 200, "{beside}");
    }
}

#[test]
fn who_can_be_admitted_without_an_endpoint_does_not_wait_for_it() {
    let issuer = Issuer::of("ES256");
    let silent = Upstream::with(Behaviour::Silent);
    let gateway = Gateway::prepare(&format!(
        "{PLAIN}keys:\n  down: [{{ jwks_url: \"http://{}/\", timeout: 1h }}]\n  here: [{{ jwks_file: keys.json }}]\n\
         realms: {{ one: {{ keys: down }}, two: {{ keys: here }}, theirs: {{ keys: down, issuer: them }} }}\nlocations:\n\
         - {{ match: {{ prefix: / }}, access: {{ any: [{{ realm: one }}, {{ realm: two }}] }}, echo: true }}\n\
         - {{ match: {{ prefix: /theirs }}, access: {{ realm: theirs }}, echo: true }}\n",
        silent.address()
    ));
    let gateway = gateway.file("keys.json", issuer.jwks()).start();
    let token = issuer.token(&serde_json::json!({ "sub": "alice", "iss": "us" }));
    assert_eq!(visit(&gateway, &token).status, 200, "while the endpoint of the other realm says nothing");
    let other = gateway.send(&Request::get("/theirs").bearer(&token));
    assert_eq!((other.status, gateway.reason_of(&other).as_str()), (401, "issuer_mismatch"));
}

#[test]
fn authorities_that_change_are_read_again() {
    let issuer = Issuer::of("ES256");
    let (old, new) = (Certificate::authority("old"), Certificate::authority("new"));
    let server = KeyServer::tls(&issuer.jwks(), &new.vouch_for("localhost"));
    let port = server.address().port();
    let source = format!("jwks_url: \"https://localhost:{port}/\", refresh: 1s, tls: {{ ca: ca.pem }}");
    let gateway = with_source(&source).file("ca.pem", old.pem()).start();
    gateway.log.find(0, "of the certificate", |line| line.contains("there are no keys").then_some(()));
    gateway.write("ca.pem", new.pem());
    wait_until_ready(&gateway);
    assert_eq!(visit(&gateway, &issuer.token_of("alice")).status, 200);
}

#[test]
fn a_reload_keeps_the_keys_of_a_source_that_stays_and_fetches_those_of_a_new_one() {
    let (first, second) = (Issuer::with_kid("ES256", "first"), Issuer::with_kid("ES256", "second"));
    let (kept, new) = (KeyServer::publishing(&first.jwks()), KeyServer::publishing(&second.jwks()));
    let gateway = with_source(&url(&kept)).start();
    wait_until_ready(&gateway);
    let yaml = std::fs::read_to_string(gateway.folder().join("portcullis.yaml")).unwrap();
    let both = yaml.replace("keys: { site: [", &format!("keys: {{ site: [{{ {} }}, ", url(&new)));
    assert_ne!(both, yaml);
    kept.answer("500 Down", "", "");
    let reload = gateway.reload(&both);
    assert!(reload.taken, "{}", reload.log);
    assert_eq!(visit(&gateway, &first.token_of("alice")).status, 200);
    gateway.log.find(0, "of the new keys", |line| line.contains("new: [\"second\"]").then_some(()));
    assert_eq!(visit(&gateway, &second.token_of("bob")).status, 200);
    assert_eq!((kept.fetches(), new.fetches()), (1, 1));
}

#[test]
fn discovery_finds_the_keys_that_the_issuer_names_itself() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let document = |issuer: &str| {
        serde_json::json!({ "issuer": issuer, "jwks_uri": server.url("/keys?set=1"), "x": [1] }).to_string()
    };
    let path = "/.well-known/openid-configuration";
    server.answer_at(path, "200 OK", "", document(&server.url("")));
    let gateway = with_source(&format!("discovery: \"{}\"", server.url(""))).start();
    wait_until_ready(&gateway);
    assert_eq!(visit(&gateway, &issuer.token_of("alice")).status, 200);
    assert_eq!((server.fetches_of(path), server.fetches_of("/keys?set=1")), (1, 1));
    assert!(!gateway.log.text().contains("set=1"), "a query is not logged");
    server.answer_at(path, "200 OK", "", document("https://evil.example"));
    let refused = with_source(&format!("discovery: \"{}\"", server.url(""))).start();
    let line = refused.log.find(0, "of another issuer", |line| line.contains("its issuer is").then_some(()));
    assert!(line.is_some());
    assert_eq!(verdict(&refused, &issuer.token_of("alice")), (503, "keys_unavailable".to_owned()));
}

#[test]
fn keys_over_tls_come_only_from_whom_the_authority_vouches_for() {
    let issuer = Issuer::of("ES256");
    let (authority, other) = (Certificate::authority("keys"), Certificate::authority("other"));
    let server = KeyServer::tls(&issuer.jwks(), &authority.vouch_for("localhost"));
    let port = server.address().port();
    let source = |host: &str, ca: &str| format!("jwks_url: \"https://{host}:{port}/\"{ca}");
    let prepare = |host: &str, ca: &str| {
        with_source(&source(host, ca)).file("ca.pem", authority.pem()).file("other.pem", other.pem())
    };
    let system = prepare("localhost", "").env("SSL_CERT_FILE", "ca.pem").start();
    let named = prepare("localhost", ", tls: { ca: ca.pem }").start();
    for good in [&system, &named] {
        wait_until_ready(good);
        assert_eq!(visit(good, &issuer.token_of("alice")).status, 200);
    }
    let refused =
        [("localhost", ", tls: { ca: other.pem }"), ("localhost", ""), ("127.0.0.1", ", tls: { ca: ca.pem }")];
    for (host, ca) in refused {
        let refused = prepare(host, ca).start();
        let line = refused.log.find(0, "of the certificate", |line| line.contains("there are no keys").then_some(()));
        assert!(line.is_some());
        assert_eq!(visit(&refused, &issuer.token_of("alice")).status, 503, "{host}{ca}");
    }
    // The authority of `tls.ca` is the only one: the system's does not help.
    let both = prepare("localhost", ", tls: { ca: other.pem }").env("SSL_CERT_FILE", "ca.pem").start();
    assert_eq!(visit(&both, &issuer.token_of("alice")).status, 503);
    assert_eq!(server.fetches(), 2, "nobody is asked for keys before the certificate is good");
}

#[test]
fn cache_control_is_followed_within_a_minute_and_refresh() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    server.answer("200 OK", "Cache-Control: public, max-age=1\r\n", issuer.jwks());
    let gateway = with_source(&format!("{}, refresh: 1h", url(&server))).start();
    wait_until_ready(&gateway);
    server.answer("200 OK", "Cache-Control: max-age=86400\r\n", issuer.jwks());
    let often = with_source(&format!("{}, refresh: 1s", url(&server))).start();
    wait_until_ready(&often);
    wait_for_more(&often, "loaded", 2.0);
    assert_eq!(fetches(&gateway, "loaded"), 1.0, "a second is shorter than the shortest interval");
}

#[test]
fn explain_asks_the_endpoint_and_says_so() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let prepared = with_source(&url(&server));
    let output = prepared.command(&["explain", "-c", "portcullis.yaml", "--token", &issuer.token_of("alice")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("asked anew for those of site (http://") && text.contains("ADMITTED"), "{text}");
    assert_eq!(server.fetches(), 1);
}

#[test]
fn check_reads_files_and_fetches_only_when_it_is_told_to() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let prepared = with_source(&url(&server));
    let quiet = prepared.command(&["check", "-c", "portcullis.yaml"]);
    assert!(quiet.status.success());
    assert_eq!(server.fetches(), 0);
    let fetched = prepared.command(&["check", "-c", "portcullis.yaml", "--fetch"]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert_eq!(server.fetches(), 1);
    server.publish("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"short\",\"k\":\"YQ\"}]}");
    let refused = prepared.command(&["check", "-c", "portcullis.yaml", "--fetch"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("keys.site[0]: GET http") && told.contains("\"short\""), "{told}");
}
