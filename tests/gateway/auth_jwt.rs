//! Does the file with every idea of nginx's auth_jwt do what its comments say?

use serde_json::json;

use crate::encrypted::sealed::{Sealed, random};
use crate::harness::gateway::Prepared;
use crate::harness::issuer::{base64url, now};
use crate::harness::{Gateway, Issuer, KeyServer, Request, Response, Upstream, tools};

fn file() -> String {
    std::fs::read_to_string(tools::crate_folder().join("conf/auth-jwt.yaml")).unwrap()
}

/// `bob:builder`, made with `htpasswd -nbB -C 5`; `ann:annie`, made with `openssl passwd -6`.
const USERS: &str = "bob:$2y$05$KBCwKxOzLha2MUDgW0PjXerv.vgGLtPDlufGLr9BiQ2ihi12gTMgO\n\
     ann:$6$salt$J1ylGbXT/I2AHtGIYk9FpkkU2kHopR3dVIOpr4/glUrGzLa0cOAlFWwm1YFckjhoYrPvRcWQ.Hob6yOv9JysW.\n";

struct Site {
    gateway: Gateway,
    app: Upstream,
    _idp: KeyServer,
    signing: Issuer,
    extra: Issuer,
    remote: Issuer,
    tenant: Issuer,
    secret: Vec<u8>,
}

impl Site {
    fn start() -> Self {
        let [signing, extra, remote, tenant] =
            [("RS256", "signing"), ("ES384", "extra"), ("PS256", "idp"), ("EdDSA", "tenant")]
                .map(|(algorithm, kid)| Issuer::with_kid(algorithm, kid));
        let app = Upstream::echo();
        let idp = KeyServer::publishing(&remote.jwks());
        let secret = random(32);
        let decryption = json!({ "keys": [{ "kty": "oct", "kid": "box", "alg": "dir", "k": base64url(&secret) }] });
        let prepared: Prepared = Gateway::prepare(&file())
            .env("LISTEN", "127.0.0.1:0")
            .env("ADMIN", "127.0.0.1:0")
            .env("KEYS", "keys")
            .env("UPSTREAM", app.address())
            .env("JWKS_URL", idp.url("/jwks.json"));
        std::fs::create_dir_all(prepared.folder().join("keys/tenants")).unwrap();
        let gateway = prepared
            .file("keys/signing.jwks", signing.jwks())
            .file("keys/extra.jwk", extra.jwk.to_string())
            .file("keys/decryption.jwks", decryption.to_string())
            .file("keys/tenants/red.example.jwks", tenant.jwks())
            .file("keys/users.htpasswd", USERS)
            .start();
        Self { gateway, app, _idp: idp, signing, extra, remote, tenant, secret }
    }

    fn sealed(&self, header: &serde_json::Value, content: &str) -> String {
        Sealed::gcm(header, b"", &self.secret, content.as_bytes()).token()
    }

    fn get(&self, target: &str, token: &str) -> Response {
        self.gateway.send(&Request::get(target).bearer(token))
    }

    /// What the application got in a header of the last request.
    fn got(&self, name: &str) -> Option<String> {
        self.app.last().head.value(name).map(str::to_owned)
    }
}

fn claims() -> serde_json::Value {
    json!({
        "sub": "u-1", "exp": now() + 600, "roles": ["admin", "ops"], "role": "admin", "iss": "good",
        "info": { "e-mail": "a@example.com", "job title": "Chief of \"Staff\"" },
    })
}

#[test]
fn signed_tells_the_application_of_claims_at_any_depth_and_of_the_header() {
    let site = Site::start();
    for issuer in [&site.signing, &site.extra] {
        assert_eq!(site.get("/signed", &issuer.token(&claims())).status, 200);
        assert_eq!(site.got("x-user-id").unwrap(), "u-1");
        assert_eq!(site.got("x-mail").unwrap(), "a@example.com");
        assert_eq!(site.got("x-job").unwrap(), "Chief of \"Staff\"");
        assert_eq!(site.got("x-roles").unwrap(), "admin,ops");
        assert_eq!(site.got("x-key").unwrap(), issuer.kid);
    }
    let refused = site.get("/signed", "");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer realm=\"closed site\""));
    assert_eq!(site.get("/signed", &site.remote.token(&claims())).status, 401, "another issuer's key");
}

#[test]
fn encrypted_and_nested_hand_on_the_payload() {
    let site = Site::start();
    let header = json!({ "alg": "dir", "enc": "A256GCM", "kid": "box" });
    let text = "{ \"sub\": \"u-2\",\n \"n\": 656670838050885 }";
    assert_eq!(site.get("/encrypted", &site.sealed(&header, text)).status, 200);
    assert_eq!(site.got("x-user-id").unwrap(), "u-2");
    assert_eq!(site.got("x-payload").unwrap(), "{\"sub\":\"u-2\",\"n\":656670838050885}");
    let inner = site.signing.token(&claims());
    let nested = json!({ "alg": "dir", "enc": "A256GCM", "kid": "box", "cty": "JWT" });
    assert_eq!(site.get("/nested", &site.sealed(&nested, &inner)).status, 200);
    assert_eq!(site.got("x-inner").unwrap(), inner);
    for (place, token) in [
        ("/encrypted", inner.clone()),
        ("/nested", inner.clone()),
        ("/nested", site.sealed(&header, text)),
        ("/encrypted", site.sealed(&nested, &inner)),
        ("/signed", site.sealed(&nested, &inner)),
    ] {
        let answer = site.get(place, &token);
        assert_eq!((answer.status, site.gateway.reason_of(&answer).as_str()), (401, "token_kind"), "{place}");
    }
}

#[test]
fn the_token_may_come_in_a_cookie_or_the_query_and_the_realm_names_the_host() {
    let site = Site::start();
    let token = site.signing.token(&claims());
    let by_cookie = Request::get("/cookie").header("Cookie", format!("a=b; auth_token={token}"));
    assert_eq!(site.gateway.send(&by_cookie).status, 200);
    let by_query = Request::get(&format!("/cookie?a=b&token={token}"));
    assert_eq!(site.gateway.send(&by_query).status, 200);
    assert_eq!(site.app.last().head.start, "GET /cookie?a=b HTTP/1.1", "a token in the query goes no further");
    let without = site.gateway.send(&Request::get("/cookie").host("red.example"));
    assert_eq!(without.status, 401);
    assert_eq!(without.header("www-authenticate").unwrap(), "Bearer realm=\"site for red.example\"");
    assert_eq!(site.get("/cookie", &token).status, 401, "this realm does not look at Authorization");
}

#[test]
fn strict_gives_each_rule_its_own_status() {
    let site = Site::start();
    let with = |changes: serde_json::Value| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        site.get("/strict", &site.signing.token(&claims)).status
    };
    assert_eq!(with(json!({})), 200);
    assert_eq!(with(json!({ "role": "editor" })), 200);
    assert_eq!(with(json!({ "iss": "bad" })), 401);
    assert_eq!(with(json!({ "role": "guest" })), 403);
    assert_eq!(with(json!({ "exp": now() - 30 })), 200, "within the leeway");
    assert_eq!(with(json!({ "exp": now() - 90 })), 401);
}

#[test]
fn remote_and_tenant_find_their_keys() {
    let site = Site::start();
    assert_eq!(site.get("/remote", &site.remote.token(&claims())).status, 200);
    assert_eq!(site.get("/remote", &site.signing.token(&claims())).status, 401);
    let token = site.tenant.token(&claims());
    let at = |host: &str| site.gateway.send(&Request::get("/tenant").host(host).bearer(&token)).status;
    assert_eq!((at("red.example"), at("blue.example")), (200, 401));
}

#[test]
fn any_all_optional_limited_and_public_are_as_in_nginx() {
    let site = Site::start();
    let good = site.signing.token(&claims());
    let status = |request: Request| site.gateway.send(&request).status;
    assert_eq!(status(Request::get("/satisfy-any")), 401);
    assert_eq!(status(Request::get("/satisfy-any").bearer(&good)), 200);
    let unknown = site.gateway.send(&Request::get("/satisfy-any"));
    let challenges = unknown.head.values("www-authenticate");
    assert_eq!(challenges, ["Basic realm=\"staff\", charset=\"UTF-8\"", "Bearer realm=\"closed site\""]);
    for (user, expected) in [("bob:builder", 200), ("ann:annie", 200), ("bob:wrong", 401), ("eve:builder", 401)] {
        let basic = Request::get("/satisfy-any").basic(user);
        assert_eq!(status(basic), expected, "{user}");
    }
    assert!(
        site.app.received().iter().all(|request| request
            .head
            .values("authorization")
            .iter()
            .all(|value| !value.starts_with("Basic")))
    );
    assert_eq!(status(Request::get("/satisfy-all")), 401);
    assert_eq!(status(Request::get("/satisfy-all").bearer(&good)), 200);
    assert_eq!(status(Request::get("/optional").header("X-User-ID", "root")), 200);
    assert_eq!(site.got("x-user-id"), None);
    assert_eq!(status(Request::get("/optional").bearer(&good)), 200);
    assert_eq!(site.got("x-user-id").unwrap(), "u-1");
    assert_eq!(status(Request::get("/optional").bearer("bad")), 401);
    assert_eq!(status(Request::get("/limited")), 200);
    assert_eq!(status(Request::new("HEAD", "/limited")), 200);
    assert_eq!(status(Request::post("/limited", "x")), 401);
    assert_eq!(status(Request::post("/limited", "x").bearer(&good)), 200);
    assert_eq!(status(Request::get("/public")), 200);
}
