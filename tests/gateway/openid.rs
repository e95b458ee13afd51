//! Do the keys of real servers arrive? An OpenID provider that rotates them, and nginx that serves them as a file.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::curl::curl;
use crate::harness::gateway::PLAIN;
use crate::harness::log::Log;
use crate::harness::tools::{crate_folder, fixture, tool};
use crate::harness::{Client, Gateway, Issuer, Nginx, Request, Upstream, wait};

/// An OpenID provider that runs, until it is dropped.
struct Provider {
    child: Child,
    said: Log,
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        let mut child = Command::new("node")
            .arg(fixture("openid_provider/provider.mjs"))
            .arg(tool("openid_provider"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = Log::of(child.stderr.take().unwrap());
        let said = Log::of(child.stdout.take().unwrap());
        let issuer = said.find(0, "of the issuer", |line| line.starts_with("http://").then(|| line.to_owned()));
        let issuer = issuer.unwrap_or_else(|| panic!("the provider did not start: {}", complaints.to_end()));
        Self { child, said, issuer }
    }

    fn rotate(&mut self) {
        let from = self.said.len();
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.said.find(from, "of the rotation", |line| (line == "rotated").then_some(()));
    }

    /// An access token for a program (RFC 6749 §4.4).
    fn token(&self, scope: &str) -> String {
        let answer = curl(&[
            "--silent",
            "--user",
            "job:job-secret-of-the-tests",
            "--data",
            &format!("grant_type=client_credentials&scope={scope}"),
            &format!("{}/token", self.issuer),
        ]);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token in {answer}")).to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_example_takes_access_tokens_of_a_provider_through_a_rotation_and_an_outage() {
    let mut provider = Provider::start();
    let app = Upstream::echo();
    let state = tempfile::tempdir().unwrap();
    let yaml = std::fs::read_to_string(crate_folder().join("conf/openid-provider.yaml")).unwrap();
    let prepare = || {
        Gateway::prepare(&yaml)
            .env("LISTEN", "127.0.0.1:0")
            .env("ADMIN", "127.0.0.1:0")
            .env("ISSUER", &provider.issuer)
            .env("STATE_DIRECTORY", state.path().display())
            .env("UPSTREAM", app.address())
    };
    let gateway = prepare().start();
    let ready = |gateway: &Gateway| Client::connect(gateway.admin()).exchange(&Request::get("/ready")).status == 200;
    wait::until("the keys are there", || ready(&gateway).then_some(()));
    let first = provider.token("read");
    assert_eq!(gateway.send(&Request::get("/").bearer(&first)).status, 200);
    let head = app.last().head;
    assert_eq!((head.value("x-client"), head.value("x-scope")), (Some("job"), Some("read")));
    assert_eq!(gateway.send(&Request::get("/admin").bearer(&first)).status, 403, "the scope does not reach so far");
    let restart = prepare();
    provider.rotate();
    let second = provider.token("read%20write");
    assert_eq!(gateway.send(&Request::get("/admin").bearer(&second)).status, 200, "signed with a new key");
    assert_eq!(gateway.send(&Request::get("/").bearer(&first)).status, 200, "the old key is published still");
    let copy = state.path().join("provider.jwks");
    let is_saved = || std::fs::read_to_string(&copy).is_ok_and(|copy| copy.contains("key-2"));
    wait::until("the copy knows the new key", || is_saved().then_some(()));
    drop((gateway, provider));
    let gateway = restart.start();
    assert!(ready(&gateway), "the copy is enough");
    assert_eq!(gateway.send(&Request::get("/").bearer(&second)).status, 200);
}

#[test]
fn keys_from_nginx_are_fetched_once_whoever_comes() {
    let issuer = Issuer::of("RS256");
    let nginx = Nginx::serving(
        "root FOLDER; add_header Cache-Control max-age=300; gzip on; gzip_types *; gzip_min_length 1;",
        "",
        &[("jwks.json", &issuer.jwks())],
    );
    let url = format!("http://{}/jwks.json", nginx.address());
    let gateway = Gateway::start(&format!(
        "{PLAIN}keys: {{ site: [{{ jwks_url: \"{url}\" }}] }}\nrealms: {{ site: {{ keys: site }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: {{ realm: site }}, respond: {{ status: 200, text: in }} }}]\n"
    ));
    let token = issuer.token_of("alice");
    // The first keys are fetched because it is time, and not for a request: that would have used up its turn.
    gateway.log.find(0, "of the keys", |line| line.contains("1 keys are in use").then_some(()));
    for _ in 0..20 {
        assert_eq!(gateway.send(&Request::get("/").bearer(&token)).status, 200);
    }
    assert_eq!(nginx.requests().len(), 1);
    std::fs::remove_file(nginx.folder().join("jwks.json")).unwrap();
    let stranger = Issuer::with_kid("RS256", "stranger").token_of("mallory");
    for _ in 0..20 {
        assert_eq!(gateway.send(&Request::get("/").bearer(&stranger)).status, 401);
    }
    assert_eq!(gateway.send(&Request::get("/").bearer(&token)).status, 200, "a 404 takes no key away");
    assert_eq!(nginx.requests().len(), 2);
}
