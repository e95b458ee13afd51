//! Is a service that is asked who may enter asked rightly, and never taken for more than it said?

mod faults;

use serde_json::json;

use crate::harness::certificates::Certificate;
use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::upstream::{BlackHole, CLOSED_PORT};
use crate::harness::{Behaviour, Client, Gateway, Request, Response, Upstream, wait};

const CHROMIUM: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// A gateway before an echo, where a service at this URL decides; `more` are further keys of the service.
fn asking(url: &str, more: &str, app: &Upstream) -> Prepared {
    Gateway::prepare(&format!(
        "{PLAIN}forward_auth:\n  verifier:\n    url: \"{url}\"\n    \
         identity_headers: {{ X-User-ID: \"{{auth.headers['x-user-id']}}\" }}\n{more}\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: {{ forward_auth: verifier }}, upstream: app }}]\n",
        app.address()
    ))
}

struct Site {
    verifier: Upstream,
    app: Upstream,
    gateway: Gateway,
}

impl Site {
    fn of(behaviour: Behaviour, more: &str) -> Self {
        let (verifier, app) = (Upstream::with(behaviour), Upstream::echo());
        let gateway = asking(&format!("http://{}/verify?a=b", verifier.address()), more, &app).start();
        Self { verifier, app, gateway }
    }

    fn saying(answer: &str, more: &str) -> Self {
        Self::of(Behaviour::Says(answer.as_bytes().to_vec()), more)
    }

    fn verdict(&self, request: &Request) -> (u16, String) {
        let answer = self.gateway.send(request);
        (answer.status, self.gateway.reason_of(&answer))
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nX-User-ID: 656670838050885\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn the_service_sees_the_request_in_our_words_and_never_its_body() {
    let site = Site::saying(GOOD, "");
    let request = Request::post("/api/../api//x%41?q=%20&r=1", "a body")
        .host("shop.example:8443")
        .header("Authorization", "Bearer abc")
        .header("Cookie", "a=1")
        .header("X-Original-URI", "/public")
        .header("X-Forwarded-For", "10.9.9.9")
        .header("X-Forwarded-Method", "GET")
        .header("X-User-ID", "root")
        .header("X-Other", "not for the service");
    assert_eq!(site.gateway.send(&request).status, 200);
    let asked = site.verifier.last();
    assert_eq!(asked.head.start, "GET /verify?a=b HTTP/1.1");
    assert!(asked.body.is_empty());
    for (name, value) in [
        ("host", site.verifier.address().to_string().as_str()),
        ("authorization", "Bearer abc"),
        ("cookie", "a=1"),
        ("x-original-uri", "/api/xA?q=%20&r=1"),
        ("x-original-method", "POST"),
        ("x-forwarded-uri", "/api/xA?q=%20&r=1"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example:8443"),
    ] {
        assert_eq!(asked.head.values(name), [value], "{name}");
    }
    for absent in ["x-user-id", "x-other", "content-length", "transfer-encoding", "content-type"] {
        assert!(asked.head.values(absent).is_empty(), "{absent}");
    }
    let got = site.app.last();
    assert_eq!(got.body, b"a body");
    assert_eq!(got.head.values("x-user-id"), ["656670838050885"]);
}

#[test]
fn an_address_beyond_ascii_reaches_the_service_as_the_application_will_see_it() {
    let site = Site::saying(GOOD, "");
    for (target, seen) in [("/%C3%BC?q=%C3%BC", "/%C3%BC?q=%C3%BC"), ("/x?q=\u{fc}", "/x?q=\u{fc}")] {
        assert_eq!(site.gateway.send(&Request::get(target)).status, 200, "{target}");
        assert_eq!(site.verifier.last().head.values("x-original-uri"), [seen]);
        assert!(site.app.last().head.start.contains(seen));
    }
}

#[test]
fn class_23_a_service_that_names_nobody_admits_with_no_identity_at_all() {
    let site = Site::saying(&answer("204 No Content", "", ""), "");
    for spelling in ["X-User-ID", "x_user_id", "X-User_Id"] {
        assert_eq!(site.gateway.send(&Request::get("/").header(spelling, "root")).status, 200);
        let got = site.app.last().head;
        assert!(got.values("x-user-id").is_empty() && got.values("x_user_id").is_empty(), "{spelling}");
    }
}

#[test]
fn a_refusal_keeps_its_status_its_challenge_and_its_cookies_and_nothing_else() {
    let refusal =
        answer("401 No", "WWW-Authenticate: Custom x=1\r\nSet-Cookie: s=; Max-Age=0\r\nX-Secret: 1\r\n", "inner");
    let site = Site::saying(&refusal, "");
    let told = site.gateway.send(&Request::get("/"));
    assert_eq!((told.status, site.gateway.reason_of(&told).as_str()), (401, "forward_auth_denied"));
    assert_eq!(told.header("www-authenticate"), Some("Custom x=1"));
    assert_eq!(told.header("set-cookie"), Some("s=; Max-Age=0"));
    assert_eq!(told.header("x-secret"), None);
    assert!(!told.text().contains("inner"), "{}", told.text());
    assert!(site.app.received().is_empty());

    let bare = Site::saying(&answer("401 No", "", ""), "");
    assert_eq!(bare.gateway.send(&Request::get("/")).header("www-authenticate"), Some("Bearer"));
    let named = Site::saying(&answer("401 No", "", ""), "    challenge: Basic realm=\"staff\"\n");
    assert_eq!(named.gateway.send(&Request::get("/")).header("www-authenticate"), Some("Basic realm=\"staff\""));
    let forbidden = Site::saying(&answer("403 No", "", ""), "");
    let told = forbidden.gateway.send(&Request::get("/"));
    assert_eq!((told.status, told.header("www-authenticate")), (403, None));
}

#[test]
fn on_denied_response_passes_the_whole_answer_on() {
    let refusal = answer("403 No", "Content-Type: text/html\r\nX-Why: plan\r\nConnection: close\r\n", "<p>upgrade</p>");
    let site = Site::saying(&refusal, "    on_denied: response\n");
    let told = site.gateway.send(&Request::get("/"));
    assert_eq!((told.status, told.text().as_str()), (403, "<p>upgrade</p>"));
    assert_eq!((told.header("x-why"), told.header("content-type")), (Some("plan"), Some("text/html")));
    assert_eq!(site.gateway.reason_of(&told), "forward_auth_denied");
    let head = site.gateway.send(&Request::new("HEAD", "/"));
    assert_eq!((head.status, head.body.len()), (403, 0));
}

#[test]
fn a_redirect_goes_to_a_browser_that_loads_a_page_and_is_a_401_to_a_program() {
    let site = Site::saying(&answer("302 Found", "Location: https://login.example/\r\nSet-Cookie: csrf=1\r\n", ""), "");
    let browser = Request::get("/page").header("Accept", CHROMIUM).header("Sec-Fetch-Mode", "navigate");
    let sent = site.gateway.send(&browser);
    assert_eq!((sent.status, sent.header("location")), (302, Some("https://login.example/")));
    assert_eq!((sent.header("set-cookie"), sent.header("cache-control")), (Some("csrf=1"), Some("no-store")));
    assert_eq!((sent.header("vary"), sent.header("www-authenticate")), (Some("Accept, Sec-Fetch-Mode"), None));
    for program in [
        Request::get("/page"),
        Request::get("/page").header("Accept", "application/json"),
        Request::post("/page", "x").header("Accept", CHROMIUM),
        Request::get("/page").header("Accept", CHROMIUM).header("Sec-Fetch-Mode", "cors"),
        Request::get("/page").header("Accept", CHROMIUM).header("X-Requested-With", "XMLHttpRequest"),
        Request::get("/page").header("Accept", CHROMIUM).bearer("bad"),
    ] {
        let told = site.gateway.send(&program);
        assert_eq!((told.status, told.header("location")), (401, None), "{program:?}");
        assert_eq!(told.header("www-authenticate"), Some("Bearer"));
        assert_eq!(site.gateway.reason_of(&told), "forward_auth_denied");
    }
}

#[test]
fn a_session_that_is_renewed_reaches_the_client_beside_the_cookies_of_the_application() {
    let renewed =
        answer("200 OK", "Set-Cookie: session=2\r\nSet-Cookie: other=3\r\nX-Plan: gold\r\nX-Secret: 1\r\n", "");
    let (verifier, app) =
        (Upstream::says(renewed), Upstream::says(answer("200 OK", "Set-Cookie: app=1\r\nX-Plan: none\r\n", "hello")));
    let url = format!("http://{}/", verifier.address());
    let gateway = asking(&url, "    response_headers: [Set-Cookie, X-Plan]\n", &app).start();
    let told = gateway.send(&Request::get("/"));
    assert_eq!((told.status, told.text().as_str()), (200, "hello"));
    assert_eq!(told.head.values("set-cookie"), ["app=1", "session=2", "other=3"]);
    assert_eq!((told.head.values("x-plan"), told.header("x-secret")), (vec!["gold"], None));
}

#[test]
fn a_session_that_is_renewed_is_renewed_also_if_the_application_fails() {
    let verifier = Upstream::says(answer("200 OK", "Set-Cookie: session=2\r\n", ""));
    let app = Upstream::says(b"X-Auth-Token secret-of-somebody\r\n\r\n".to_vec());
    let url = format!("http://{}/", verifier.address());
    let gateway = asking(&url, "    response_headers: [Set-Cookie]\n", &app).start();
    let told = gateway.send(&Request::get("/"));
    assert_eq!((told.status, told.header("set-cookie")), (502, Some("session=2")));
    assert!(!gateway.log.text().contains("secret-of-somebody"), "{}", gateway.log.text());
}

#[test]
fn an_answer_that_is_passed_on_whole_has_the_challenges_of_other_branches() {
    let verifier = Upstream::says(answer("401 No", "X-Why: plan\r\n", "login"));
    let app = Upstream::says(answer("200 OK", "", ""));
    let url = format!("http://{}/", verifier.address());
    let gateway = asking(&url, "    on_denied: response\n", &app).start();
    let told = gateway.send(&Request::get("/"));
    assert_eq!((told.status, told.text().as_str(), told.header("x-why")), (401, "login", Some("plan")));
    assert_eq!(told.header("www-authenticate"), Some("Bearer"));
}

#[test]
fn class_30_an_admission_is_remembered_only_where_it_is_asked_for_and_for_the_same_words() {
    let forgetful = Site::saying(GOOD, "");
    let mindful = Site::saying(GOOD, "    cache: 1h\n");
    for _ in 0..5 {
        assert_eq!(forgetful.gateway.send(&Request::get("/").bearer("a")).status, 200);
        assert_eq!(mindful.gateway.send(&Request::get("/").bearer("a")).status, 200);
    }
    assert_eq!((forgetful.verifier.received().len(), mindful.verifier.received().len()), (5, 1));
    assert_eq!(mindful.app.last().head.value("x-user-id"), Some("656670838050885"));
    for other in [
        Request::get("/").bearer("b"),
        Request::get("/?x").bearer("a"),
        Request::post("/", "").bearer("a"),
        Request::get("/").bearer("a").host("other.example"),
        Request::get("/").bearer("a").header("Cookie", "a=1"),
    ] {
        let before = mindful.verifier.received().len();
        assert_eq!(mindful.gateway.send(&other).status, 200);
        assert_eq!(mindful.verifier.received().len(), before + 1, "{other:?}");
    }
    let denied = Site::saying(&answer("401 No", "", ""), "    cache: 1h\n");
    for _ in 0..3 {
        assert_eq!(denied.gateway.send(&Request::get("/")).status, 401);
    }
    assert_eq!(denied.verifier.received().len(), 3);
}

#[test]
fn class_28_two_authorizations_are_shown_to_no_service() {
    let site = Site::saying(GOOD, "");
    let two = Request::get("/").bearer("a").bearer("b");
    assert_eq!(site.verdict(&two), (400, "credentials_ambiguous".to_owned()));
    assert!(site.verifier.received().is_empty());
}

#[test]
fn an_upgrade_is_decided_by_the_service_as_any_request() {
    let site = Site::saying(&answer("401 No", "", ""), "");
    let upgrade = Request::get("/ws").header("Connection", "Upgrade").header("Upgrade", "websocket");
    assert_eq!(site.gateway.send(&upgrade).status, 401);
    assert!(site.app.received().is_empty());
    let asked = site.verifier.last();
    assert!(asked.head.values("upgrade").is_empty());
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let (verifier, gate) = Upstream::held();
    let app = Upstream::echo();
    let gateway = asking(&format!("http://{}/", verifier.address()), "    timeout: 20s\n", &app).start();
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    verifier.wait_until("the service is asked", |received| received.len() == 1);
    drop(client);
    gate.open();
    wait::until("nothing is in flight", || {
        (gateway.metrics().sum("portcullis_requests_in_flight", &[]) <= 1.0).then_some(())
    });
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}

#[test]
fn explain_asks_the_service_and_shows_what_it_said() {
    let app = Upstream::echo();
    let verifier = Upstream::says(GOOD);
    let prepared = asking(&format!("http://{}/", verifier.address()), "", &app);
    let output =
        prepared.command(&["explain", "-c", "portcullis.yaml", "--header", "Cookie: session=secret", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["admitted"], &shown["headers"]["x-user-id"]), (&json!(true), &json!("656670838050885")));
    assert!(shown.to_string().contains("verifier answered 200"), "{shown}");
    assert_eq!(verifier.last().head.value("cookie"), Some("session=secret"));
}

fn reason(answer: &Response, gateway: &Gateway) -> String {
    gateway.reason_of(answer)
}

#[test]
fn all_and_any_know_what_the_service_said() {
    let (verifier, app) = (Upstream::says(GOOD), Upstream::echo());
    let gateway = Gateway::start(&format!(
        "{PLAIN}forward_auth: {{ v: {{ url: \"http://{}/\" }} }}\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
         - match: {{ prefix: /good }}\n  access: [{{ forward_auth: v }}, {{ check: 'auth.headers[\"x-user-id\"] == \"656670838050885\"' }}]\n  \
           upstream: app\n  identity_headers: {{ X-Who: \"{{auth.headers['x-user-id']}}\" }}\n\
         - match: {{ prefix: /bad }}\n  access: [{{ forward_auth: v }}, {{ check: 'auth.headers[\"x-user-id\"] == \"1\"' }}]\n  upstream: app\n\
         - match: {{ prefix: /absent }}\n  access: [{{ forward_auth: v }}, {{ check: 'auth.headers[\"x-none\"] == \"\"' }}]\n  upstream: app\n\
         - match: {{ prefix: /any }}\n  access: {{ any: [{{ ip: 10.0.0.1 }}, {{ forward_auth: v }}] }}\n  upstream: app\n",
        verifier.address(),
        app.address()
    ));
    assert_eq!(gateway.send(&Request::get("/good")).status, 200);
    assert_eq!(app.last().head.value("x-who"), Some("656670838050885"));
    for path in ["/bad", "/absent"] {
        let told = gateway.send(&Request::get(path));
        assert_eq!((told.status, reason(&told, &gateway).as_str()), (403, "check_failed"), "{path}");
    }
    assert_eq!(gateway.send(&Request::get("/any")).status, 200);
}

#[test]
fn of_two_branches_that_admit_the_left_one_does_whatever_has_to_be_asked_for_it() {
    let (verifier, app) = (Upstream::says(GOOD), Upstream::echo());
    let issuer = crate::harness::Issuer::of("ES256");
    let gateway = Gateway::prepare(&format!(
        "{PLAIN}forward_auth: {{ v: {{ url: \"http://{}/\", identity_headers: {{ X-Who: service }} }} }}\n\
         keys: {{ k: [{{ jwks_file: keys.json }}] }}\nrealms: {{ r: {{ keys: k, identity_headers: {{ X-Who: realm }} }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
         - {{ match: {{ prefix: /service }}, access: {{ any: [{{ forward_auth: v }}, {{ realm: r }}] }}, upstream: app }}\n\
         - {{ match: {{ prefix: /realm }}, access: {{ any: [{{ realm: r }}, {{ forward_auth: v }}] }}, upstream: app }}\n",
        verifier.address(),
        app.address()
    ));
    let gateway = gateway.file("keys.json", issuer.jwks()).start();
    let token = issuer.token_of("alice");
    for (path, who) in [("/service", "service"), ("/realm", "realm"), ("/service", "service")] {
        assert_eq!(gateway.send(&Request::get(path).bearer(&token)).status, 200);
        assert_eq!(app.last().head.values("x-who"), [who], "{path}");
    }
    assert_eq!(verifier.received().len(), 2, "the realm admits without asking");
}

#[test]
fn a_word_of_the_service_that_cannot_be_sent_on_refuses_with_a_challenge() {
    let (verifier, app) = (Upstream::says(GOOD), Upstream::echo());
    let prepared = asking(&format!("http://{}/", verifier.address()), "", &app);
    let yaml = std::fs::read_to_string(prepared.folder().join("portcullis.yaml")).unwrap();
    let gateway = prepared.file("portcullis.yaml", yaml.replace("['x-user-id']}", "['x-user-id']} ")).start();
    let told = gateway.send(&Request::get("/"));
    assert_eq!((told.status, gateway.reason_of(&told).as_str()), (401, "claim_unusable"));
    assert_eq!(told.header("www-authenticate"), Some("Bearer"));
    assert!(app.received().is_empty());
}

#[test]
fn class_37_what_the_service_is_shown_is_in_no_log_and_no_body() {
    let app = Upstream::echo();
    let failing = Upstream::says(answer("500 Oops", "X-Debug: Bearer hunter2\r\n", "you sent Bearer hunter2"));
    let denying = Upstream::says(answer("401 No", "", "you sent Bearer hunter2"));
    for verifier in [&failing, &denying] {
        let gateway = asking(&format!("http://{}/", verifier.address()), "", &app).start();
        let request = Request::get("/").bearer("hunter2").header("Cookie", "session=hunter2");
        let told = gateway.send(&request);
        gateway.line_of(&told);
        let everything = format!(
            "{}{}{}{}",
            gateway.log.text(),
            gateway.access.text(),
            String::from_utf8_lossy(&told.head.raw),
            told.text()
        );
        assert!(!everything.contains("hunter2"), "{everything}");
    }
}
