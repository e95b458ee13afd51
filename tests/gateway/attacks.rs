//! Does any known attack on gateways of this kind get through? Classes of threats.md, over the wire.

mod claims;
mod keys;
mod texts;

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::jwks;
use crate::harness::{Gateway, Issuer, Request, Response, Upstream};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }], other: [{ jwks_file: other.json }] }
realms:
  site: { keys: site, identity_headers: { X-User-ID: "{claims.sub}" } }
  app: { keys: site, audience: app }
  shop: { keys: site, audience: [shop] }
  exact: { keys: [site, other], issuer: https://id.example }
  one: { keys: site, issuer: https://one.example }
  recent: { keys: site, max_age: 1h }
  two: { keys: other, issuer: https://two.example }
upstreams: { up: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { prefix: /public }, access: public, upstream: up }
  - { match: { prefix: /app }, access: { realm: app }, upstream: up }
  - { match: { prefix: /shop }, access: { realm: shop }, upstream: up }
  - { match: { prefix: /exact }, access: { realm: exact }, upstream: up }
  - { match: { prefix: /recent }, access: { realm: recent }, upstream: up }
  - { match: { prefix: /one }, access: { realm: one }, upstream: up }
  - { match: { prefix: /two }, access: { realm: two }, upstream: up }
  - { match: { prefix: / }, access: { realm: site }, upstream: up }
"#;

struct Site {
    gateway: Gateway,
    upstream: Upstream,
    rsa: Issuer,
    ec: Issuer,
    /// A stranger whose key has the same id as ours.
    stranger: Issuer,
    other: Issuer,
}

impl Site {
    fn open() -> Self {
        let upstream = Upstream::echo();
        let (rsa, ec) = (Issuer::with_kid("RS256", "rsa"), Issuer::with_kid("ES256", "ec"));
        let other = Issuer::with_kid("ES256", "other");
        let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}"))
            .file("keys.json", jwks(&[&rsa, &ec]))
            .file("other.json", other.jwks())
            .env("UPSTREAM", upstream.address())
            .start();
        Self { gateway, upstream, rsa, ec, stranger: Issuer::with_kid("RS256", "rsa"), other }
    }

    fn with(&self, path: &str, token: &str) -> Response {
        self.gateway.send(&Request::get(path).bearer(token))
    }

    /// Refused for one of these reasons, and nothing that was learned from it lets anything else in.
    fn refuses(&self, class: &str, token: &str, reasons: &[&str]) {
        let answer = self.with("/", token);
        assert_eq!(answer.status, 401, "class {class}: {token:.200}: {}", answer.text());
        let reason = self.gateway.reason_of(&answer);
        assert!(reasons.contains(&reason.as_str()), "class {class}: {reason}, not {reasons:?}: {token:.200}");
        let good = self.with("/", &self.rsa.token_of("alice"));
        assert_eq!(good.status, 200, "class {class} and 31: a good token after {token:.200}");
        let forged = self.with("/", &self.stranger.token_of("root"));
        assert_eq!(forged.status, 401, "class {class} and 2: a forged token after {token:.200}");
        assert_eq!(self.gateway.reason_of(&forged), "signature_invalid");
    }
}
