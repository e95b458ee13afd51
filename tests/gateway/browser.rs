//! Do people and programs share a host as the example says? A real Chromium logs in; curl is never sent anywhere.

use std::process::Command;

use serde_json::json;

use crate::harness::application::Application;
use crate::harness::curl::curl;
use crate::harness::tools::crate_folder;
use crate::harness::{Gateway, Issuer, KeyServer, Request, Upstream};

struct Site {
    gateway: Gateway,
    app: Upstream,
    issuer: Issuer,
    _running: (Application, KeyServer),
}

impl Site {
    fn start() -> Self {
        let issuer = Issuer::of("RS256");
        let keys = KeyServer::publishing(&issuer.jwks());
        let (login, app) = (Application::of("flask_login.py"), Upstream::echo());
        let yaml = std::fs::read_to_string(crate_folder().join("conf/browser-and-api.yaml")).unwrap();
        let gateway = Gateway::prepare(&yaml)
            .env("LISTEN", "127.0.0.1:0")
            .env("ADMIN", "127.0.0.1:0")
            .env("OAUTH2_PROXY_AUTH", format!("http://{}/oauth2/auth", login.address))
            .env("OAUTH2_PROXY", login.address)
            .env("JWKS_URL", keys.url("/jwks.json"))
            .env("UPSTREAM", app.address())
            .start();
        Self { gateway, app, issuer, _running: (login, keys) }
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.gateway.address())
    }

    /// The status that curl gets, and whether it is sent elsewhere.
    fn curl(&self, target: &str, header: &str) -> (u16, bool) {
        let url = self.url(target);
        let answer = curl(&["--silent", "--include", "--header", header, &url]);
        (answer.status, answer.body.to_ascii_lowercase().contains("\nlocation:"))
    }
}

#[test]
fn chromium_is_sent_to_the_login_and_comes_back_to_its_page() {
    let site = Site::start();
    let profile = tempfile::tempdir().unwrap();
    let page = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(site.url("/report?year=2026&q=a%20b"))
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("GET /report?year=2026&amp;q=a%20b HTTP/1.1"), "{page}");
    let got = site.app.received();
    let got = &got.iter().find(|request| request.head.start.contains("/report")).unwrap().head;
    assert_eq!(got.value("x-user-id"), Some("alice"));
    assert_eq!(got.value("x-user-mail"), Some("alice@example.com"));
    assert!(got.value("sec-fetch-mode").is_some(), "this was a browser");
}

#[test]
fn a_page_load_without_a_session_goes_to_the_login_with_the_right_way_back() {
    let site = Site::start();
    let load =
        Request::get("/report?year=2026&q=a%20b/c").header("Accept", "text/html").header("Sec-Fetch-Mode", "navigate");
    let sent = site.gateway.send(&load);
    assert_eq!(sent.status, 302);
    assert_eq!(sent.header("location"), Some("/oauth2/start?rd=%2Freport%3Fyear%3D2026%26q%3Da%2520b%2Fc"));
    assert_eq!(sent.header("vary"), Some("Accept, Sec-Fetch-Mode"));
    assert_eq!((sent.header("cache-control"), sent.header("www-authenticate")), (Some("no-store"), None));
    assert!(site.app.received().is_empty());
}

#[test]
fn curl_with_no_token_or_a_bad_one_gets_401_and_no_redirect_anywhere() {
    let site = Site::start();
    for target in ["/", "/report", "/api", "/api/x"] {
        for header in ["X-A: b", "Authorization: Bearer bad", "Authorization: Basic YTpi", "Accept: application/json"] {
            assert_eq!(site.curl(target, header), (401, false), "{target} {header}");
        }
    }
    // At /api nobody is sent to a login, not even a browser.
    assert_eq!(site.curl("/api", "Accept: text/html"), (401, false));
    assert!(site.app.received().is_empty());
}

#[test]
fn a_good_token_or_a_session_opens_the_api() {
    let site = Site::start();
    let token = site.issuer.token(&json!({ "sub": "job-7", "exp": 4_102_444_800_u64 }));
    assert_eq!(site.curl("/api/x", &format!("Authorization: Bearer {token}")).0, 200);
    assert_eq!(site.app.last().head.value("x-user-id"), Some("job-7"));
    let session = "Cookie: _oauth2_proxy=session-of-alice";
    assert_eq!(site.curl("/api/x", session).0, 200);
    assert_eq!(site.app.last().head.value("x-user-id"), Some("alice"));
    assert_eq!(site.curl("/", session).0, 200);
    // class 29: a bearer that is no good is no login, and a good session beside it is one of its own.
    let both = Request::get("/api/x").bearer("bad").header("Cookie", "_oauth2_proxy=session-of-alice");
    assert_eq!(site.gateway.send(&both).status, 200);
    assert_eq!(site.app.last().head.value("x-user-id"), Some("alice"));
}
