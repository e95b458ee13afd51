//! Does a running process take in a new configuration all or nothing, and lose no request over it?

use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::jwks;
use crate::harness::{Client, Gateway, Issuer, Request, Response, Upstream, wait};

fn says(text: &str) -> String {
    format!(
        "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: {text} }} }}]\n"
    )
}

fn text_of(gateway: &Gateway) -> String {
    gateway.send(&Request::get("/")).text()
}

#[test]
fn a_good_configuration_takes_over_and_connections_stay() {
    let gateway = Gateway::start(&says("old"));
    let mut client = gateway.client();
    assert_eq!(client.exchange(&Request::get("/")).text(), "old");
    let reload = gateway.reload(&says("new"));
    assert!(reload.taken, "{}", reload.log);
    assert_eq!(client.exchange(&Request::get("/")).text(), "new");
    assert_eq!(gateway.metrics().sum("portcullis_reload_total", &["result=\"loaded\""]), 1.0);
}

#[test]
fn a_bad_configuration_changes_nothing_and_every_problem_is_logged() {
    let gateway = Gateway::start(&says("old"));
    let bad = format!(
        "{PLAIN}realms: {{ site: {{ keys: lost }} }}\nlocations:\n\
         \x20 - {{ match: {{ prefix: / }}, access: {{ realm: siet }}, respond: {{ status: 200, text: new }} }}\n\
         \x20 - {{ match: {{ prefix: /x }}, acess: public, respond: {{ status: 200, text: new }} }}\n"
    );
    let reload = gateway.reload(&bad);
    assert!(!reload.taken);
    for problem in ["lost", "siet", "acess"] {
        assert!(reload.log.contains(problem), "{problem} is not in {}", reload.log);
    }
    assert_eq!(text_of(&gateway), "old");
    assert_eq!(gateway.metrics().sum("portcullis_reload_total", &["result=\"refused\""]), 1.0);
    assert!(gateway.reload(&says("new")).taken, "the next good one is taken");
    assert_eq!(text_of(&gateway), "new");
}

#[test]
fn a_configuration_that_is_gone_empty_or_not_yaml_changes_nothing() {
    let gateway = Gateway::start(&says("old"));
    for bad in ["", "{", "- a\n- b\n", "listeners: 5\n", "\u{0}\u{1}"] {
        let reload = gateway.reload(bad);
        assert!(!reload.taken, "{bad:?}: {}", reload.log);
        assert_eq!(text_of(&gateway), "old");
    }
    std::fs::remove_file(gateway.folder().join("portcullis.yaml")).unwrap();
    let from = gateway.log.len();
    gateway.signal("HUP");
    let refused = gateway.log.find(from, "about the reload", |line| line.contains("reload refused").then_some(()));
    assert!(refused.is_some());
    assert_eq!(text_of(&gateway), "old");
}

#[test]
fn changed_listeners_are_refused_with_the_word_restart() {
    let gateway = Gateway::start(&says("old"));
    for changed in [
        says("new").replacen("127.0.0.1:0", "127.0.0.2:0", 1),
        says("new").replacen("127.0.0.1:0\" }", "127.0.0.1:0\", http2: true }", 1),
        says("new").replace("admin: { address: \"127.0.0.1:0\" }", "admin: { address: \"127.0.0.2:0\" }"),
        says("new") + "access_log: { to: other.log }\n",
    ] {
        let reload = gateway.reload(&changed);
        assert!(!reload.taken, "{changed}");
        assert!(reload.log.contains("restart"), "{}", reload.log);
        assert_eq!(text_of(&gateway), "old");
    }
}

#[test]
fn a_request_that_began_keeps_its_edition() {
    let (upstream, gate) = Upstream::held();
    let edition = |name: &str| {
        format!(
            "{PLAIN}response_headers: {{ X-Edition: {name} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
             locations: [{{ match: {{ prefix: / }}, access: public, upstream: app, request_headers: {{ X-Edition: {name} }} }}]\n",
            upstream.address()
        )
    };
    let gateway = Gateway::start(&edition("old"));
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    assert!(gateway.reload(&edition("new")).taken);
    gate.open();
    assert_eq!(client.answer().header("x-edition"), Some("old"));
    assert_eq!(client.exchange(&Request::get("/")).header("x-edition"), Some("new"));
}

/// A request of HTTP/1 is served by us as long as no server of HTTP/2 is in the file, and by way of Pingora otherwise. Half a head is
/// enough to have begun.
#[test]
fn a_request_that_began_is_served_though_a_server_of_http2_comes_into_the_file() {
    let gateway = Gateway::start(&says("old"));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHo");
    client.wait_until_read();
    let with_http2 = format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [{{ address: '127.0.0.1:1' }}], protocol: h2c }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n"
    );
    assert!(gateway.reload(&with_http2).taken);
    client.send("st: here\r\n\r\n");
    assert_eq!(client.answer().text(), "old", "only Pingora speaks to the new server");
    assert_eq!(client.exchange(&Request::get("/")).status, 502, "nobody is there");
    assert!(gateway.reload(&says("newer")).taken);
    assert_eq!(text_of(&gateway), "newer");
}

#[test]
fn a_request_that_began_is_served_though_its_upstream_is_gone_from_the_file() {
    let (upstream, gate) = Upstream::held();
    let old = format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        upstream.address()
    );
    let gateway = Gateway::start(&old);
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    assert!(gateway.reload(&says("new")).taken);
    gate.open();
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.exchange(&Request::get("/")).text(), "new");
}

const REALM: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms: { site: { keys: site } }
locations: [{ match: { prefix: / }, access: { realm: site }, respond: { status: 200, text: in } }]
"#;

fn status_with(gateway: &Gateway, token: &str) -> u16 {
    gateway.send(&Request::get("/").bearer(token)).status
}

fn wait_for_status(gateway: &Gateway, token: &str, status: u16) {
    wait::until("the keys are read again", || (status_with(gateway, token) == status).then_some(()));
}

#[test]
fn a_key_file_that_changes_is_picked_up() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let gateway = Gateway::prepare(&format!("{PLAIN}{REALM}")).file("keys.json", old.jwks()).start();
    let (old_token, new_token) = (old.token_of("a"), new.token_of("a"));
    assert_eq!((status_with(&gateway, &old_token), status_with(&gateway, &new_token)), (200, 401));
    gateway.write("keys.json", jwks(&[&old, &new]));
    wait_for_status(&gateway, &new_token, 200);
    assert_eq!(status_with(&gateway, &old_token), 200);
    gateway.write("keys.json", new.jwks());
    // Its signature was remembered: the memory must go with the key.
    wait_for_status(&gateway, &old_token, 401);
    assert_eq!(status_with(&gateway, &new_token), 200);
}

#[test]
fn a_signature_that_was_refused_is_looked_at_again_with_other_keys() {
    // One names the key that we have, the other one that nobody has.
    let (ours, theirs, others) =
        (Issuer::with_kid("ES256", "same"), Issuer::with_kid("ES256", "same"), Issuer::with_kid("ES256", "other"));
    let gateway = Gateway::prepare(&format!("{PLAIN}{REALM}")).file("keys.json", ours.jwks()).start();
    let (our_token, their_token) = (ours.token_of("a"), theirs.token_of("a"));
    assert_eq!([(); 2].map(|()| status_with(&gateway, &others.token_of("a"))), [401; 2]);
    for _ in 0..3 {
        assert_eq!((status_with(&gateway, &our_token), status_with(&gateway, &their_token)), (200, 401));
    }
    gateway.write("keys.json", jwks(&[&theirs, &others]));
    wait_for_status(&gateway, &their_token, 200);
    assert_eq!((status_with(&gateway, &our_token), status_with(&gateway, &others.token_of("a"))), (401, 200));
}

#[test]
fn class_32_a_key_file_that_becomes_bad_keeps_the_last_good_keys() {
    let (issuer, stranger) = (Issuer::of("ES256"), Issuer::of("ES256"));
    let gateway = Gateway::prepare(&format!("{PLAIN}{REALM}")).file("keys.json", issuer.jwks()).start();
    let token = issuer.token_of("a");
    for bad in ["{ not json", "{}", r#"{"keys":[]}"#, ""] {
        let from = gateway.log.len();
        gateway.write("keys.json", bad);
        let logged = gateway.log.find(from, "about the bad keys", |line| line.contains("last good ones").then_some(()));
        assert!(logged.is_some(), "{bad:?}");
        assert_eq!(status_with(&gateway, &token), 200, "{bad:?}");
        assert_eq!(status_with(&gateway, &stranger.token_of("a")), 401, "{bad:?}");
    }
    assert!(gateway.metrics().sum("portcullis_key_refresh_total", &["result=\"failed\""]) >= 1.0);
    std::fs::remove_file(gateway.folder().join("keys.json")).unwrap();
    assert_eq!(status_with(&gateway, &token), 200);
    assert!(!gateway.reload(&format!("{PLAIN}{REALM}")).taken, "a reload is as strict as a start");
    assert_eq!(status_with(&gateway, &token), 200);
}

const CONNECTIONS: usize = 50;
const REQUESTS: usize = 20_000;
const RELOADS: usize = 50;

/// The two editions differ in who is admitted, in what the upstream is told and in what the client is told.
fn edition(name: &str, upstream: &Upstream) -> String {
    format!(
        "{PLAIN}response_headers: {{ X-Edition: {name} }}\n\
         keys: {{ site: [{{ jwks_file: keys.json }}] }}\n\
         realms:\n  site:\n    keys: site\n    audience: [{name}, both]\n\
         \x20   identity_headers: {{ X-Told: \"{name} {{claims.sub}}\" }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations:\n  - match: {{ prefix: / }}\n    access: {{ realm: site }}\n    upstream: app\n\
         \x20   request_headers: {{ X-Env: {name} }}\n\
         \x20   responses: {{ 401: {{ text: refused by {name} }} }}\n",
        upstream.address()
    )
}

/// Fails if any two places of one answer belong to different editions.
fn judged_by_one_edition(answer: &Response, expects: Expects) {
    let edition = answer.header("x-edition").expect("every answer names its edition");
    let text = answer.text().to_lowercase();
    match (answer.status, expects) {
        (200, Expects::Admission | Expects::Either) => {
            assert!(text.contains(&format!("x-told: {edition} alice")), "{edition}: {text}");
            assert!(text.contains(&format!("x-env: {edition}")), "{edition}: {text}");
            assert!(expects == Expects::Admission || edition == "one", "a token for one was admitted by {edition}");
        }
        (401, Expects::Either) => {
            assert_eq!(edition, "two", "a token for one was refused by one");
            assert_eq!(text, "refused by two");
        }
        (status, _) => panic!("a request failed with {status}: {text}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// The token is good in both editions.
    Admission,
    /// The token is good in the edition called one.
    Either,
}

/// What the clients share while the configuration changes under them.
#[derive(Debug)]
struct Run {
    requests: [(Request, Expects); 2],
    served: AtomicUsize,
    reloaded: AtomicBool,
    begin: Barrier,
}

impl Run {
    /// One client: at least its share of the requests, and until the last reload is done.
    fn requests_of_one_client(&self, address: SocketAddr) {
        let mut client = Client::connect(address);
        self.begin.wait();
        let mut number = 0;
        while number < REQUESTS / CONNECTIONS || !self.reloaded.load(Ordering::SeqCst) {
            if number % 900 == 899 {
                client = Client::connect(address);
            }
            let (request, expects) = &self.requests[number % 2];
            judged_by_one_edition(&client.exchange(request), *expects);
            self.served.fetch_add(1, Ordering::SeqCst);
            number += 1;
        }
    }

    /// Reloads, spread over the requests.
    fn reloads(&self, gateway: &Gateway, upstream: &Upstream) {
        self.begin.wait();
        for number in 0..RELOADS {
            let name = if number % 2 == 0 { "two" } else { "one" };
            assert!(gateway.reload(&edition(name, upstream)).taken);
            let share = REQUESTS / RELOADS * (number + 1);
            wait::until("requests go on", || (self.served.load(Ordering::SeqCst) >= share).then_some(()));
        }
        self.reloaded.store(true, Ordering::SeqCst);
    }
}

#[test]
fn nothing_fails_and_nothing_is_judged_by_half_of_two_while_50_reloads_happen() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = Gateway::prepare(&edition("one", &upstream)).file("keys.json", issuer.jwks()).start();
    let token = |audience: &str| issuer.token(&serde_json::json!({ "sub": "alice", "aud": audience }));
    let run = Run {
        requests: [
            (Request::get("/").bearer(&token("both")), Expects::Admission),
            (Request::get("/").bearer(&token("one")), Expects::Either),
        ],
        served: AtomicUsize::new(0),
        reloaded: AtomicBool::new(false),
        begin: Barrier::new(CONNECTIONS + 1),
    };
    // A client that fails panics, and the scope hands its panic on.
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| run.requests_of_one_client(gateway.address()));
        }
        run.reloads(&gateway, &upstream);
    });
    assert!(run.served.load(Ordering::SeqCst) >= REQUESTS);
    let reloads = gateway.metrics().sum("portcullis_reload_total", &["result=\"loaded\""]);
    assert_eq!(reloads, RELOADS as f64);
}
