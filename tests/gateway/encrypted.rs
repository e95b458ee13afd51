//! Are encrypted and nested tokens of other people's libraries understood, and no others?

mod admitted;
mod forged;
mod kinds;
mod minted;
mod refused;
pub mod sealed;

use std::cell::{Cell, RefCell};

use crate::harness::gateway::PLAIN;
use crate::harness::{Client, Gateway, Request, Response};
use minted::{Kind, Minted, Token};

/// What is told of the caller, wherever a token is taken.
const HEADERS: &str = r#"
      X-User-ID: "{claims.sub}"
      X-Mail: '{claims.info["e-mail"]}'
      X-Title: '{claims.info["job title"]}'
      X-Roles: "{claims.roles}"
      X-Expires: "{claims.exp}"
"#;

const ALL_KEY_MANAGEMENT: &str = "RSA-OAEP, RSA-OAEP-256, RSA-OAEP-384, RSA-OAEP-512, A128KW, A192KW, A256KW, dir, \
     ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, A128GCMKW, A192GCMKW, A256GCMKW, RSA1_5, \
     PBES2-HS256+A128KW, PBES2-HS384+A192KW, PBES2-HS512+A256KW";

/// Fewer than a connection may carry.
const REQUESTS_PER_CONNECTION: usize = 500;

/// A gateway with the keys of one library. `/signed`, `/encrypted` and `/nested` ask for that and are as they come;
/// `/all/encrypted` and `/all/nested` take what must be named.
struct Site {
    gateway: Gateway,
    minted: &'static Minted,
    client: RefCell<Client>,
    sent: Cell<usize>,
}

impl Site {
    fn of(library: &str) -> Self {
        let minted = minted::by(library);
        let gateway = Gateway::prepare(&format!("{PLAIN}{}", rules()))
            .file("decryption.json", minted.decryption_keys.to_string())
            .file("verification.json", minted.verification_keys.to_string())
            .start();
        let client = RefCell::new(gateway.client());
        Self { gateway, minted, client, sent: Cell::new(0) }
    }

    /// One request over the connection of this site.
    fn send(&self, path: &str, token: &str) -> Response {
        self.sent.set(self.sent.get() + 1);
        if self.sent.get().is_multiple_of(REQUESTS_PER_CONNECTION) {
            self.client.replace(self.gateway.client());
        }
        self.client.borrow_mut().exchange(&Request::get(path).bearer(token))
    }

    /// The reason, after making sure that the token is refused as any bad token is.
    fn refusal(&self, path: &str, token: &str, what: &str) -> String {
        let answer = self.send(path, token);
        assert_eq!(answer.status, 401, "{what} at {path}: {token:.300}: {}", answer.text());
        reason(&answer)
    }

    fn refuses(&self, path: &str, token: &str, what: &str, reasons: &[&str]) {
        let reason = self.refusal(path, token, what);
        assert!(reasons.contains(&reason.as_str()), "{what}: {reason}, not {reasons:?}: {token:.300}");
    }

    /// A good token, still.
    fn admits_as_ever(&self) {
        let token = self.minted.find(Kind::Encrypted, "A256KW", "A256GCM");
        let answer = self.send("/encrypted", &token.token);
        assert_eq!(answer.status, 200, "a good token: {}", answer.text());
    }
}

/// Where a realm that knows its algorithms waits for this token.
fn place_of(token: &Token) -> &'static str {
    match (token.kind, token.must_be_named()) {
        (Kind::Signed, _) => "/signed",
        (Kind::Encrypted, false) => "/encrypted",
        (Kind::Nested, false) => "/nested",
        (Kind::Encrypted, true) => "/all/encrypted",
        (Kind::Nested, true) => "/all/nested",
    }
}

/// The code in the body of a refusal: `Unauthorized (CODE)`.
fn reason(answer: &Response) -> String {
    let text = answer.text();
    let code = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    code.unwrap_or_else(|| panic!("no reason in {text}")).0.to_owned()
}

fn rules() -> String {
    let realm = |name: &str, kind: &str, named: &str| {
        format!(
            "  {name}:\n    type: {kind}\n    keys: theirs\n{named}    required_claims: [sub, exp]\n    \
             identity_headers:{HEADERS}"
        )
    };
    let ours = "    decryption_keys: ours\n";
    let all = format!("{ours}    key_management: [{ALL_KEY_MANAGEMENT}]\n    compression: true\n");
    let realms = [
        realm("signed", "signed", ""),
        realm("encrypted", "encrypted", ours),
        realm("nested", "nested", ours),
        realm("all_encrypted", "encrypted", &all),
        realm("all_nested", "nested", &all),
    ];
    let places = ["signed", "encrypted", "nested", "all/encrypted", "all/nested"].map(|place| {
        let realm = place.replace('/', "_");
        format!("  - {{ match: {{ prefix: /{place} }}, access: {{ realm: {realm} }}, echo: true }}\n")
    });
    format!(
        "keys: {{ ours: [{{ jwks_file: decryption.json }}], theirs: [{{ jwks_file: verification.json }}] }}\n\
         realms:\n{}locations:\n{}",
        realms.concat(),
        places.concat()
    )
}
