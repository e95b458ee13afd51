//! What may a server of keys do wrong, and for how long do the last good keys serve?

use super::*;

/// What a server of keys may do wrong, and what the log says of it.
fn faults(elsewhere: &str) -> Vec<(Vec<u8>, &'static str)> {
    let plain = |status: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let huge = [br#"{"keys":[],"x":""#.as_slice(), &vec![b'x'; 2 * 1024 * 1024], br#""}"#].concat();
    let many = format!(r#"{{"keys":[{}]}}"#, vec![r#"{"kty":"oct"}"#; 1001].join(","));
    let location = format!("Location: {elsewhere}/jwks.json\r\n");
    vec![
        (plain("500 Oops", "", b"{}"), "answered 500"),
        (plain("204 No Content", "", b""), "answered 204"),
        (plain("404 Not Found", "", b"{}"), "404"),
        (plain("302 Found", &location, b""), "redirects are not followed"),
        (plain("308 Permanent Redirect", &location, b""), "redirects are not followed"),
        (plain("200 OK", "Content-Type: text/html\r\n", b"<!doctype html><html>Sign in</html>"), "not a JWK"),
        (plain("200 OK", "", b""), "not a JWK"),
        (plain("200 OK", "", br#"{"keys":[]}"#), "no usable key"),
        (plain("200 OK", "", br#"{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}"#), "no usable key"),
        (plain("200 OK", "", many.as_bytes()), "1000"),
        (plain("200 OK", "", &huge), "larger than 1 MiB"),
        (plain("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\x00"), "encoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\"".to_vec(), "GET http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(), "GET http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "GET http"),
        (Vec::new(), "GET http"),
        ([b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 1024 * 1024]].concat(), "GET http"),
    ]
}

#[test]
fn class_06_no_answer_of_a_server_replaces_good_keys_and_none_is_followed_elsewhere() {
    let elsewhere = Upstream::says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let faults = faults(&format!("http://{}", elsewhere.address()));
    std::thread::scope(|scope| {
        for (fault, words) in &faults {
            scope.spawn(|| withstands(fault, words));
        }
    });
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

/// Good keys stay in use whatever the server says after them, the log says why, and all is well when it is.
fn withstands(fault: &[u8], words: &str) {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let gateway = with_source(&format!("{}, refresh: 1s", url(&server))).start();
    wait_until_ready(&gateway);
    server.say(fault);
    let shown = String::from_utf8_lossy(&fault[..fault.len().min(60)]).into_owned();
    let line = gateway.log.find(0, words, |line| line.contains("the last good keys stay").then(|| line.to_owned()));
    let line = line.unwrap();
    assert!(line.contains(words) && line.contains("keys of site (http://"), "{shown}: {line}");
    assert!(line.len() < 600, "{shown}: {line}");
    assert_eq!(visit(&gateway, &issuer.token_of("alice")).status, 200, "{shown}");
    let success = || gateway.metrics().sum("portcullis_keys_last_fetch_success", &[]);
    assert_eq!(success(), 0.0, "{shown}");
    server.publish(&issuer.jwks());
    wait::until("it recovers", || (success() == 1.0).then_some(()));
}

#[test]
fn class_06_a_server_that_never_ends_its_answer_holds_nobody_for_longer_than_the_timeout() {
    let issuer = Issuer::of("ES256");
    let (dripping, drops) = Upstream::drip();
    let silent = Upstream::with(Behaviour::Silent);
    let dripper = std::thread::spawn(move || {
        while drops.send(b" ".to_vec()).is_ok() {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    });
    for server in [&silent, &dripping] {
        let gateway = with_source(&format!("jwks_url: \"http://{}/\", timeout: 300ms", server.address())).start();
        assert_eq!(verdict(&gateway, &issuer.token_of("alice")), (503, "keys_unavailable".to_owned()));
        let line = gateway.log.find(0, "of the timeout", |line| line.contains("timeout").then(|| line.to_owned()));
        assert!(line.unwrap().contains("keys of site (http://"));
        wait_for_more(&gateway, "failed", 1.0);
    }
    drop(dripping);
    drop(dripper);
}

#[test]
fn class_06_private_keys_in_a_published_set_are_told_and_verify_as_public_ones() {
    let mut issuer = Issuer::of("ES256");
    issuer.jwk["d"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE".into();
    let server = KeyServer::publishing(&issuer.jwks());
    let gateway = with_source(&url(&server)).start();
    let told = gateway.log.find(0, "of the private key", |line| line.contains("private part").then_some(()));
    assert!(told.is_some());
    assert!(!gateway.log.text().contains("AAAAAAAAAAAE"), "{}", gateway.log.text());
}

#[test]
fn class_07_old_keys_serve_while_the_endpoint_fails_and_not_for_ever() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let gateway = with_source(&format!("{}, refresh: 1s, stale_for: 3s", url(&server))).start();
    wait_until_ready(&gateway);
    let token = issuer.token_of("alice");
    server.answer("503 Down", "", "");
    wait_for_more(&gateway, "failed", 1.0);
    assert_eq!(visit(&gateway, &token).status, 200, "the last good keys serve");
    wait::until("the keys are too old", || (visit(&gateway, &token).status != 200).then_some(()));
    assert_eq!(verdict(&gateway, &token), (503, "keys_unavailable".to_owned()));
    gateway.log.find(0, "of the old keys", |line| line.contains("too old").then_some(()));
    server.publish(&issuer.jwks());
    wait::until("the keys are back", || (visit(&gateway, &token).status == 200).then_some(()));
}

#[test]
fn a_saved_copy_starts_the_next_process_without_the_endpoint() {
    let issuer = Issuer::of("ES256");
    let server = KeyServer::publishing(&issuer.jwks());
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("site.jwks");
    let source = format!("{}, saved_copy: \"{}\"", url(&server), copy.display());
    let first = with_source(&source).start();
    wait_until_ready(&first);
    wait::until("the copy is there", || copy.exists().then_some(()));
    drop(first);
    server.answer("500 Down", "", "");
    let second = with_source(&source).start();
    assert_eq!(ready(&second).status, 200, "ready from the first moment");
    assert_eq!(visit(&second, &issuer.token_of("alice")).status, 200);
    drop(second);
    let good = std::fs::read_to_string(&copy).unwrap();
    let without_keys = |text: &str| {
        let mut copy: serde_json::Value = serde_json::from_str(text).unwrap();
        copy["keys"] = serde_json::json!([]);
        copy.to_string()
    };
    let old = SystemTime::now() - Duration::from_secs(48 * 3600);
    for (text, made, words) in [
        (without_keys(&good), SystemTime::now(), "the saved copy is not used"),
        (good.clone(), old, "too old"),
        (issuer.jwks(), SystemTime::now(), "of another endpoint"),
        ("{".to_owned(), SystemTime::now(), "is not used"),
    ] {
        std::fs::write(&copy, text).unwrap();
        std::fs::File::options().write(true).open(&copy).unwrap().set_modified(made).unwrap();
        let next = with_source(&source).start();
        assert!(next.log.text().contains(words), "{words}: {}", next.log.text());
        assert_eq!(ready(&next).status, 503, "{words}");
        assert_eq!(verdict(&next, &issuer.token_of("alice")).0, 503, "{words}");
    }
}

#[test]
fn class_07_the_copy_of_an_endpoint_that_was_left_is_not_used_for_the_next() {
    let (old, new) = (Issuer::with_kid("ES256", "old"), Issuer::with_kid("ES256", "new"));
    let (left, next) = (KeyServer::publishing(&old.jwks()), KeyServer::publishing(&new.jwks()));
    let copies = tempfile::tempdir().unwrap();
    let copy = format!(", saved_copy: \"{}\"", copies.path().join("site.jwks").display());
    let gateway = with_source(&format!("{}{copy}", url(&left))).start();
    wait_until_ready(&gateway);
    wait::until("the copy is there", || copies.path().join("site.jwks").exists().then_some(()));
    let yaml = std::fs::read_to_string(gateway.folder().join("portcullis.yaml")).unwrap();
    next.answer("500 Down", "", "");
    assert!(gateway.reload(&yaml.replace(&left.url(""), &next.url(""))).taken);
    assert_eq!(verdict(&gateway, &old.token_of("mallory")), (503, "keys_unavailable".to_owned()));
}
