//! Do the rules hold over HTTP/2 as they do over HTTP/1.1? Refusals, paths, credentials and the log.

use crate::harness::certificates::Certificate;
use crate::harness::curl::{Answer, curl};
use crate::harness::{Gateway, Issuer, Upstream};

const RULES: &str = r#"
listeners:
  - { address: "127.0.0.1:0", http2: true }
  - { address: "127.0.0.1:0", tls: { certificates: [{ certificate: c.crt, key: c.key }] } }
  - { address: "127.0.0.1:0", http2: false, tls: { certificates: [{ certificate: c.crt, key: c.key }] } }
  - { address: "127.0.0.1:0" }
keys: { site: [{ jwks_file: keys.json }] }
realms: { site: { keys: site, identity_headers: { X-User-ID: "{claims.sub}" } } }
upstreams: { app: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { host: inner.example, prefix: / }, access: public, respond: { status: 200, text: inner } }
  - { match: { prefix: /public }, access: public, upstream: app }
  - { match: { prefix: / }, access: { realm: site }, upstream: app }
"#;

struct Site {
    gateway: Gateway,
    upstream: Upstream,
    issuer: Issuer,
}

impl Site {
    fn open() -> Self {
        let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
        let certificate = Certificate::authority("test").vouch_for("localhost");
        let gateway = Gateway::prepare(RULES)
            .file("c.crt", certificate.pem())
            .file("c.key", certificate.key_pem())
            .file("keys.json", issuer.jwks())
            .env("UPSTREAM", upstream.address())
            .start();
        Self { gateway, upstream, issuer }
    }

    /// Over HTTP/2 in plaintext.
    fn curl(&self, path: &str, more: &[&str]) -> Answer {
        let url = format!("http://{}{path}", self.gateway.address());
        let answer = curl(&[&["--http2-prior-knowledge", "--path-as-is", &url], more].concat());
        assert_eq!(answer.version, "2");
        answer
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.issuer.token_of("alice"))
    }
}

#[test]
fn a_token_lets_in_and_nothing_else_does() {
    let site = Site::open();
    let good = site.bearer();
    assert_eq!(site.curl("/", &["-H", &good]).status, 200);
    assert_eq!(site.upstream.last().head.lookalikes("x-user-id"), ["alice"]);
    for bad in ["X: y", "Authorization: Bearer bad", "Authorization: Bearer"] {
        let answer = site.curl("/", &["-H", bad]);
        assert_eq!(answer.status, 401, "{bad}: {}", answer.body);
    }
    let other = format!("authorization: Bearer {}", site.issuer.token_of("bob"));
    assert_eq!(site.curl("/", &["-H", &good, "-H", &other]).status, 400);
    assert_eq!(site.upstream.received().len(), 1);
}

#[test]
fn class_27_paths_are_read_once_and_in_one_way() {
    let site = Site::open();
    for (sent, seen) in [
        ("/public/../public/%61", "GET /public/a HTTP/1.1"),
        ("/public//x?a=%2F..", "GET /public/x?a=%2F.. HTTP/1.1"),
        ("/x/%2e%2e/public", "GET /public HTTP/1.1"),
    ] {
        assert_eq!(site.curl(sent, &[]).status, 200, "{sent}");
        assert_eq!(site.upstream.last().head.start, seen);
    }
    for (sent, status) in [
        ("/public/../admin", 401),
        ("/public/%2e%2e/admin", 401),
        ("/public%2F..%2Fadmin", 400),
        ("/public/%00", 400),
        ("/../public", 400),
        ("/public/..;/admin", 400),
    ] {
        assert_eq!(site.curl(sent, &[]).status, status, "{sent}");
    }
}

#[test]
fn the_authority_is_the_host() {
    let site = Site::open();
    let inner = site.curl("/", &["-H", "Host: Inner.Example"]);
    assert_eq!((inner.status, inner.body.as_str()), (200, "inner"));
    site.curl("/public", &["-H", "Host: outer.example:99"]);
    let seen = site.upstream.last().head;
    assert_eq!(seen.value("host"), Some("outer.example:99"));
    assert_eq!(seen.value("x-forwarded-host"), Some("outer.example:99"));
}

#[test]
fn a_refused_upload_is_answered_and_large_bodies_pass() {
    let site = Site::open();
    let upload = |name: &str, octets: usize| {
        let body = vec![b'x'; octets];
        let file = site.gateway.folder().join(name);
        std::fs::write(&file, &body).unwrap();
        (body, format!("@{}", file.display()))
    };
    // A longer one is answered too, and its stream reset with NO_ERROR (RFC 9113 §8.1), which older curls call an error.
    let refused = site.curl("/", &["--data-binary", &upload("small", 60 * 1024).1]);
    assert_eq!(refused.status, 401, "{}", refused.body);
    let (body, large) = upload("large", 1024 * 1024);
    assert_eq!(site.curl("/public", &["--data-binary", &large]).status, 200);
    assert!(site.upstream.last().body == body, "the upload changed on its way");
}

#[test]
fn one_connection_carries_refusals_and_answers() {
    let site = Site::open();
    let url = |path: &str| format!("https://localhost:{}{path}", site.gateway.listener(1).port());
    let mut curl = std::process::Command::new("curl");
    curl.args(["-sk", "--http2", "-w", "%{num_connects} %{http_code} %{http_version}\n"]);
    for path in ["/admin", "/public", "/admin", "/public"] {
        curl.args(["-o", "/dev/null", &url(path)]);
    }
    let told = String::from_utf8(curl.output().unwrap().stdout).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), ["1 401 2", "0 200 2", "0 401 2", "0 200 2"]);
}

#[test]
fn the_log_names_protocol_and_tls() {
    let site = Site::open();
    let url = |place: usize, scheme: &str, path: &str| {
        format!("{scheme}://localhost:{}{path}", site.gateway.listener(place).port())
    };
    for (arguments, path, protocol, tls) in [
        (vec!["--http2-prior-knowledge", &url(0, "http", "/public/0")], "/public/0", "HTTP/2", ""),
        (vec!["--http1.1", &url(0, "http", "/public/1")], "/public/1", "HTTP/1.1", ""),
        (vec!["--http2", &url(1, "https", "/public/2")], "/public/2", "HTTP/2", "TLSv1.3"),
        (vec!["--http1.1", &url(1, "https", "/public/3")], "/public/3", "HTTP/1.1", "TLSv1.3"),
        (vec!["--http2", &url(2, "https", "/public/4")], "/public/4", "HTTP/1.1", "TLSv1.3"),
        (vec!["--tls-max", "1.2", &url(1, "https", "/public/5")], "/public/5", "HTTP/2", "TLSv1.2"),
        (vec!["--http2", &url(3, "http", "/public/6")], "/public/6", "HTTP/1.1", ""),
        (vec!["--http1.0", &url(3, "http", "/public/7")], "/public/7", "HTTP/1.0", ""),
    ] {
        assert_eq!(curl(&arguments).status, 200, "{arguments:?}");
        let line = site.gateway.line_where(|line| line["path"] == path);
        assert_eq!(line["protocol"], protocol, "{line}");
        assert_eq!(line["tls"].as_str().unwrap_or_default(), tls, "{line}");
        let scheme = if tls.is_empty() { "http" } else { "https" };
        assert_eq!(site.upstream.last().head.value("x-forwarded-proto"), Some(scheme));
    }
}
