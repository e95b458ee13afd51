//! Do users who know their password get in, and nobody else?

use std::thread;

use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::{Gateway, Issuer, Request, Upstream, wait};

/// `bob:builder` with bcrypt, `ann:annie` with SHA-512.
const BOB: &str = "bob:$2y$05$KBCwKxOzLha2MUDgW0PjXerv.vgGLtPDlufGLr9BiQ2ihi12gTMgO";
const ANN: &str = "ann:$6$salt$J1ylGbXT/I2AHtGIYk9FpkkU2kHopR3dVIOpr4/glUrGzLa0cOAlFWwm1YFckjhoYrPvRcWQ.Hob6yOv9JysW.";

fn with_users(users: &str, more: &str, app: &Upstream) -> Prepared {
    Gateway::prepare(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
         - match: {{ prefix: / }}\n  access: {{ basic: {{ users: users{more} }} }}\n  upstream: app\n  \
           identity_headers: {{ X-User: '{{claims.sub}}', X-Realm: '{{realm}}' }}\n\
         - match: {{ prefix: /bob }}\n  access: [{{ basic: {{ users: users }} }}, {{ check: 'claims.sub == \"bob\"' }}]\n  upstream: app\n",
        app.address()
    ))
    .file("users", users)
}

fn verdict(gateway: &Gateway, request: &Request) -> (u16, String) {
    let answer = gateway.send(request);
    (answer.status, gateway.reason_of(&answer))
}

#[test]
fn users_get_in_with_their_name_and_without_their_password() {
    let app = Upstream::echo();
    let gateway = with_users(&format!("{BOB}\n{ANN}\n"), "", &app).start();
    for _ in 0..3 {
        for (credentials, name) in [("bob:builder", "bob"), ("ann:annie", "ann")] {
            let answer = gateway.send(&Request::get("/").basic(credentials).header("X-User", "root"));
            assert_eq!(answer.status, 200);
            assert_eq!(gateway.line_of(&answer)["subject"], name);
            let got = app.last().head;
            assert_eq!((got.values("x-user"), got.value("x-realm")), (vec![name], Some("basic")));
            assert!(got.values("authorization").is_empty());
        }
    }
    assert_eq!(gateway.send(&Request::get("/bob").basic("bob:builder")).status, 200);
    assert_eq!(verdict(&gateway, &Request::get("/bob").basic("ann:annie")), (403, "check_failed".to_owned()));
    let forwarding = with_users(&format!("{BOB}\n"), ", forward_password: true", &app).start();
    assert_eq!(forwarding.send(&Request::get("/").basic("bob:builder")).status, 200);
    assert_eq!(app.last().head.value("authorization"), Some("Basic Ym9iOmJ1aWxkZXI="));
}

#[test]
fn nobody_else_gets_in_whatever_they_write() {
    let app = Upstream::echo();
    let gateway = with_users(&format!("{BOB}\n"), ", challenge: 'staff of \"{request.host}\"'", &app).start();
    let missing = gateway.send(&Request::get("/"));
    assert_eq!((missing.status, gateway.reason_of(&missing).as_str()), (401, "basic_missing"));
    assert_eq!(
        missing.header("www-authenticate"),
        Some("Basic realm=\"staff of \\\"localhost\\\"\", charset=\"UTF-8\"")
    );
    let invalid = (401, "basic_invalid".to_owned());
    for credentials in ["bob:", "bob:Builder", "bob:builder ", "Bob:builder", "eve:builder", ":builder", ":", "bob", ""]
    {
        assert_eq!(verdict(&gateway, &Request::get("/").basic(credentials)), invalid, "{credentials}");
    }
    for written in ["Basic", "Basic *", "Basic Ym9iOmJ1aWxkZXI", "Basic /w==", "Basic Ym9iOgBi"] {
        assert_eq!(verdict(&gateway, &Request::get("/").header("Authorization", written)), invalid, "{written}");
    }
    let long = Request::get("/").basic(&format!("bob:{}", "x".repeat(8000)));
    assert_eq!(verdict(&gateway, &long), invalid);
    for other in ["Bearer Ym9iOmJ1aWxkZXI=", "BasicYm9iOmJ1aWxkZXI=", "Negotiate x"] {
        let request = Request::get("/").header("Authorization", other);
        assert_eq!(verdict(&gateway, &request), (401, "basic_missing".to_owned()), "{other}");
    }
    let two = Request::get("/").basic("bob:builder").basic("bob:builder");
    assert_eq!(verdict(&gateway, &two), (400, "credentials_ambiguous".to_owned()));
    assert!(app.received().is_empty());
    let text = format!("{}{}", gateway.log.text(), gateway.access.text());
    assert!(!text.contains("builder") && !text.contains("Ym9i"), "{text}");
}

#[test]
fn a_file_of_users_that_changes_is_read_again_and_a_bad_one_is_not() {
    let app = Upstream::echo();
    let gateway = with_users(&format!("{BOB}\n"), "", &app).start();
    assert_eq!(gateway.send(&Request::get("/").basic("bob:builder")).status, 200);
    gateway.write("users", format!("{ANN}\n"));
    wait::until("bob is gone", || (gateway.send(&Request::get("/").basic("bob:builder")).status == 401).then_some(()));
    assert_eq!(gateway.send(&Request::get("/").basic("ann:annie")).status, 200);
    gateway.write("users", "ann:plain\n");
    gateway.log.find(0, "of the bad file", |line| line.contains("the last good ones stay").then_some(()));
    assert_eq!(gateway.send(&Request::get("/").basic("ann:annie")).status, 200);
    let bad = with_users("ann:$apr1$a$b\n", "", &app);
    let refused = bad.command(&["check", "-c", "portcullis.yaml"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(told.contains("users: line 1") && told.contains("htpasswd -B") && !told.contains("$apr1$a"), "{told}");
}

#[test]
fn a_flood_of_wrong_passwords_keeps_no_other_request_waiting() {
    // A cost of 12: a quarter of a second for each.
    let slow = BOB.replace("$05$", "$12$");
    let issuer = Issuer::of("ES256");
    let app = Upstream::echo();
    let gateway = Gateway::prepare(&format!(
        "{PLAIN}keys: {{ k: [{{ jwks_file: keys.json }}] }}\nrealms: {{ r: {{ keys: k }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
         - {{ match: {{ prefix: / }}, access: {{ basic: {{ users: users }} }}, upstream: app }}\n\
         - {{ match: {{ prefix: /token }}, access: {{ realm: r }}, upstream: app }}\n",
        app.address()
    ))
    .file("users", slow)
    .file("keys.json", issuer.jwks())
    .start();
    let flood: Vec<_> = (0..64)
        .map(|number| {
            let mut client = gateway.client();
            client.send(Request::get("/").basic(&format!("bob:{number}")).octets());
            client
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(gateway.send(&Request::get("/token").bearer(&issuer.token_of("alice"))).status, 200);
    }
    let decided = gateway.metrics().sum("portcullis_decisions_total", &["reason=\"basic_invalid\""]);
    assert!(decided < 64.0, "the flood was over before anybody could have waited for it");
    drop(flood);
}

#[test]
fn who_comes_to_a_long_queue_of_passwords_is_told_at_once_and_not_admitted() {
    let app = Upstream::echo();
    let gateway = with_users(&format!("{BOB}\n"), "", &app).start();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asking = |attempt: usize| {
            let gateway = &gateway;
            scope.spawn(move || gateway.send(&Request::get("/").basic(&format!("bob:{attempt}"))).status)
        };
        let all: Vec<_> = (0..200).map(asking).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&503), "the queue is bounded: {statuses:?}");
    assert!(app.received().is_empty());
    assert_eq!(gateway.send(&Request::get("/").basic("bob:builder")).status, 200, "it does not stay shut");
}
