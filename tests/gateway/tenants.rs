//! Does each request get the keys that it names, and no others?

use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::{Gateway, Issuer, KeyServer, Request, Response, wait};

/// A gateway whose keys are named by requests; every tenant's host is let in.
fn with_source(source: &str) -> Prepared {
    let prepared = Gateway::prepare(&format!(
        "{PLAIN}keys: {{ tenants: [{{ {source} }}] }}\nrealms: {{ tenants: {{ keys: tenants }} }}\nlocations:\n\
         - {{ match: {{ host: '*.example', prefix: / }}, access: {{ realm: tenants }}, respond: {{ status: 200, text: in }} }}\n"
    ));
    std::fs::create_dir(prepared.folder().join("tenants")).unwrap();
    prepared
}

const FILES: &str = "jwks_file: 'tenants/{request.host}.json'";
const BY_HEADER: &str = "jwks_file: 'tenants/{request.headers[\"x-tenant\"]}.json'";

fn visit(gateway: &Gateway, host: &str, token: &str) -> Response {
    gateway.send(&Request::get("/").host(host).bearer(token))
}

fn verdict(gateway: &Gateway, host: &str, token: &str) -> (u16, String) {
    let answer = visit(gateway, host, token);
    (answer.status, gateway.reason_of(&answer))
}

fn key_unknown() -> (u16, String) {
    (401, "key_unknown".to_owned())
}

fn keys_unavailable() -> (u16, String) {
    (503, "keys_unavailable".to_owned())
}

#[test]
fn class_30_each_tenant_has_its_own_keys_and_a_remembered_token_is_no_key_to_another() {
    // The same key id in both sets: only the keys themselves tell the tenants apart.
    let (a, b) = (Issuer::with_kid("ES256", "1"), Issuer::with_kid("ES256", "1"));
    let gateway =
        with_source(FILES).file("tenants/a.example.json", a.jwks()).file("tenants/b.example.json", b.jwks()).start();
    let (of_a, of_b) = (a.token_of("alice"), b.token_of("bob"));
    for _ in 0..3 {
        assert_eq!(visit(&gateway, "a.example", &of_a).status, 200);
        assert_eq!(visit(&gateway, "b.example", &of_b).status, 200);
        assert_eq!(verdict(&gateway, "a.example", &of_b), (401, "signature_invalid".to_owned()));
        assert_eq!(verdict(&gateway, "b.example", &of_a), (401, "signature_invalid".to_owned()));
    }
}

#[test]
fn a_tenant_that_is_not_there_is_no_failure_and_one_that_cannot_be_read_is() {
    let issuer = Issuer::of("ES256");
    let gateway = with_source(FILES).file("tenants/bad.example.json", "{").start();
    let token = issuer.token_of("alice");
    assert_eq!(verdict(&gateway, "none.example", &token), key_unknown());
    assert_eq!(verdict(&gateway, "bad.example", &token), keys_unavailable());
    let line =
        gateway.log.find(0, "of the bad file", |line| line.contains("bad.example.json").then(|| line.to_owned()));
    assert!(line.unwrap().contains("keys of tenants"));
    std::fs::create_dir(gateway.folder().join("tenants/folder.example.json")).unwrap();
    assert_eq!(verdict(&gateway, "folder.example", &token), keys_unavailable());
    gateway.write("tenants/none.example.json", issuer.jwks());
    wait::until("the new tenant is found", || (visit(&gateway, "none.example", &token).status == 200).then_some(()));
}

#[test]
fn class_05_no_name_leaves_the_folder_of_the_tenants() {
    let issuer = Issuer::of("ES256");
    let prepared = with_source(BY_HEADER).file("secret.json", issuer.jwks()).file("tenants/good.json", issuer.jwks());
    std::fs::create_dir(prepared.folder().join("tenants/sub")).unwrap();
    let gateway = prepared.file("tenants/sub/deep.json", issuer.jwks()).start();
    let named = |name: &str| {
        let request = Request::get("/").host("a.example").header("X-Tenant", name).bearer(&issuer.token_of("alice"));
        gateway.send(&request).status
    };
    assert_eq!(named("good"), 200);
    for name in
        ["../secret", "sub/deep", "..%2fsecret", "..\\secret", "/etc/passwd", ".", "..", "", "good.json/.", "%00"]
    {
        assert_eq!(named(name), 401, "{name}");
    }
    let long = "a".repeat(256);
    assert_eq!(named(&long), 401);
    let without = Request::get("/").host("a.example").bearer(&issuer.token_of("alice"));
    assert_eq!(gateway.send(&without).status, 401, "a name without a value names nobody");
}

#[test]
fn a_tenant_that_leaves_is_let_in_no_longer() {
    let issuer = Issuer::of("ES256");
    let gateway = with_source(FILES).file("tenants/a.example.json", issuer.jwks()).start();
    let token = issuer.token_of("alice");
    assert_eq!(visit(&gateway, "a.example", &token).status, 200);
    std::fs::remove_file(gateway.folder().join("tenants/a.example.json")).unwrap();
    wait::until("the tenant is gone", || (visit(&gateway, "a.example", &token).status == 401).then_some(()));
}

#[test]
fn a_tenants_new_keys_are_taken_and_bad_ones_are_not() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let gateway = with_source(FILES).file("tenants/a.example.json", old.jwks()).start();
    assert_eq!(visit(&gateway, "a.example", &old.token_of("alice")).status, 200);
    gateway.write("tenants/a.example.json", "{");
    gateway.log.find(0, "of the bad file", |line| line.contains("the last good ones stay").then_some(()));
    assert_eq!(visit(&gateway, "a.example", &old.token_of("alice")).status, 200);
    gateway.write("tenants/a.example.json", new.jwks());
    let token = new.token_of("alice");
    wait::until("the new keys serve", || (visit(&gateway, "a.example", &token).status == 200).then_some(()));
    assert_eq!(verdict(&gateway, "a.example", &old.token_of("alice")), key_unknown());
}

#[test]
fn urls_name_a_set_for_each_tenant_which_is_fetched_once() {
    let (a, b) = (Issuer::with_kid("ES256", "1"), Issuer::with_kid("ES256", "1"));
    let server = KeyServer::publishing("");
    server.answer("404 Not Found", "", "");
    server.answer_at("/a.example/jwks", "200 OK", "", a.jwks());
    server.answer_at("/b.example/jwks", "200 OK", "", b.jwks());
    server.answer_at("/down.example/jwks", "500 Oops", "", "");
    let gateway = with_source(&format!("jwks_url: '{}'", server.url("/{request.host}/jwks"))).start();
    std::thread::scope(|scope| {
        for (host, issuer) in [("a.example", &a), ("b.example", &b)].into_iter().cycle().take(16) {
            let gateway = &gateway;
            scope.spawn(move || assert_eq!(visit(gateway, host, &issuer.token_of("alice")).status, 200, "{host}"));
        }
    });
    assert_eq!((server.fetches_of("/a.example/jwks"), server.fetches_of("/b.example/jwks")), (1, 1));
    assert_eq!(verdict(&gateway, "a.example", &b.token_of("bob")), (401, "signature_invalid".to_owned()));
    assert_eq!(verdict(&gateway, "none.example", &a.token_of("alice")), key_unknown());
    assert_eq!(verdict(&gateway, "down.example", &a.token_of("alice")), keys_unavailable());
    server.answer_at("/down.example/jwks", "200 OK", "", a.jwks());
    let token = a.token_of("alice");
    wait::until("the tenant is up", || (visit(&gateway, "down.example", &token).status == 200).then_some(()));
    let ready = crate::harness::Client::connect(gateway.admin()).exchange(&Request::get("/ready"));
    assert_eq!(ready.status, 200, "nobody waits for keys that a request may name");
}

#[test]
fn a_flood_of_names_asks_for_each_once_and_few_at_a_time() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing("");
    server.answer("404 Not Found", "", "");
    server.answer_at("/good", "200 OK", "", issuer.jwks());
    let source = format!("jwks_url: '{}'", server.url("/{request.headers[\"x-tenant\"]}"));
    let gateway = with_source(&source).start();
    let token = issuer.token_of("alice");
    let named =
        |name: &str| gateway.send(&Request::get("/").host("a.example").header("X-Tenant", name).bearer(&token)).status;
    assert_eq!(named("good"), 200);
    std::thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || (0..100).for_each(|number| assert_eq!(named(&format!("t{client}-{number}")), 401)));
        }
    });
    assert_eq!(named("good"), 200);
    assert_eq!(server.fetches_of("/good"), 1);
    assert_eq!(server.fetches(), 401);
}

#[test]
fn a_tenant_whose_endpoint_hangs_keeps_no_other_waiting() {
    let issuer = Issuer::of("ES256");
    let slow = KeyServer::publishing("");
    slow.say_nothing_at("/hangs");
    slow.answer_at("/good", "200 OK", "", issuer.jwks());
    let source = format!("jwks_url: '{}', timeout: 20s", slow.url("/{request.headers[\"x-tenant\"]}"));
    let gateway = with_source(&source).start();
    let token = issuer.token_of("alice");
    let named = |name: &str| Request::get("/").host("a.example").header("X-Tenant", name).bearer(&token);
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut client = gateway.client();
            client.send(named("hangs").octets());
            client
        })
        .collect();
    slow.wait_for(1);
    assert_eq!(gateway.send(&named("good")).status, 200, "forty requests wait for one tenant, and this one for none");
    assert_eq!(slow.fetches_of("/hangs"), 1);
    drop(waiting);
}

#[test]
fn class_06_no_client_chooses_whom_the_gateway_asks() {
    for (url, words) in [
        ("https://{request.headers[\"x-tenant\"]}/jwks", "nothing else that a client may choose"),
        ("https://a.{request.args[\"t\"]}:443/jwks", "nothing else that a client may choose"),
        ("{request.headers[\"x-url\"]}", "expected a URL"),
        ("https://id.example/{claims.iss}", "claims"),
        ("https://id.example/{request.headers[\"X-Tenant\"]}", "lower case"),
        ("ftp://id.example/{request.host}", "only http and https"),
    ] {
        let prepared = with_source(&format!("jwks_url: '{url}'"));
        let output = prepared.command(&["check", "-c", "portcullis.yaml"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{url}: {told}");
        assert!(told.contains("keys.tenants[0].jwks_url") && told.contains(words), "{url}: {told}");
    }
}

#[test]
fn check_warns_where_any_host_may_name_its_keys() {
    let prepared = with_source(FILES);
    let told = |prepared: &Prepared| {
        let output = prepared.command(&["check", "-c", "portcullis.yaml"]);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(!told(&prepared).contains("any host"), "a wildcard says which hosts are ours");
    let yaml = std::fs::read_to_string(prepared.folder().join("portcullis.yaml")).unwrap();
    let prepared = prepared.file("portcullis.yaml", yaml.replace("host: '*.example', ", ""));
    let warned = told(&prepared);
    assert!(warned.contains("locations[0].match: ") && warned.contains("any host is let in here"), "{warned}");
    let yaml = std::fs::read_to_string(prepared.folder().join("portcullis.yaml")).unwrap();
    let prepared = prepared.file("portcullis.yaml", yaml.replace(FILES, "jwks_url: 'https://{request.host}/jwks'"));
    let refused = prepared.command(&["check", "-c", "portcullis.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("bring keys of their own"));
}

#[test]
fn the_keys_of_a_name_are_looked_for_again_when_their_time_is_over() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let server = KeyServer::publishing(&old.jwks());
    let source = format!("jwks_url: '{}', cache: 1s, unknown_kid_cooldown: 1h", server.url("/{request.host}"));
    let gateway = with_source(&source).start();
    assert_eq!(visit(&gateway, "a.example", &old.token_of("alice")).status, 200);
    server.publish(&new.jwks());
    let token = old.token_of("alice");
    wait::until("the old keys are gone", || (visit(&gateway, "a.example", &token).status == 401).then_some(()));
    assert_eq!(visit(&gateway, "a.example", &new.token_of("alice")).status, 200);
    server.answer("410 Gone", "", "");
    let token = new.token_of("alice");
    wait::until("the tenant is gone", || (verdict(&gateway, "a.example", &token) == key_unknown()).then_some(()));
}
