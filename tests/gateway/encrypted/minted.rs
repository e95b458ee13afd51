//! What did other people's libraries mint? Each runs once in a run of the tests, and its keys are new every time.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::harness::tools::{fixture, run, tool};

/// Who mints.
pub const LIBRARIES: [&str; 5] = ["jwcrypto", "joserfc", "authlib", "jose", "node-jose"];

/// The kinds of content encryption (RFC 7518 §5.1).
pub const CONTENT: [&str; 6] = ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"];

/// What a library says that it cannot do: algorithm, curve or "", content encryption or "" for all.
///
/// Two lines of joserfc are ours: it is given RSA-OAEP-384 and -512 as two more rows of its own table, because of the
/// five only npm's jose comes with them.
pub const CANNOT: &[(&str, &str, &str, &str)] = &[
    ("jwcrypto", "RSA-OAEP-384", "", ""),
    ("jwcrypto", "RSA-OAEP-512", "", ""),
    ("authlib", "RSA-OAEP-384", "", ""),
    ("authlib", "RSA-OAEP-512", "", ""),
    ("authlib", "RSA1_5", "", ""),
    ("authlib", "PBES2-HS256+A128KW", "", ""),
    ("authlib", "PBES2-HS384+A192KW", "", ""),
    ("authlib", "PBES2-HS512+A256KW", "", ""),
    ("jose", "RSA1_5", "", ""),
    ("jose", "ECDH-ES", "X448", ""),
    ("jose", "ECDH-ES+A128KW", "X448", ""),
    ("jose", "ECDH-ES+A192KW", "X448", ""),
    ("jose", "ECDH-ES+A256KW", "X448", ""),
    ("node-jose", "RSA-OAEP-384", "", ""),
    ("node-jose", "RSA-OAEP-512", "", ""),
    ("node-jose", "ECDH-ES", "P-256", "A192CBC-HS384"),
    ("node-jose", "ECDH-ES", "P-384", "A192CBC-HS384"),
    ("node-jose", "ECDH-ES", "P-521", "A192CBC-HS384"),
    ("node-jose", "ECDH-ES", "P-256", "A256CBC-HS512"),
    ("node-jose", "ECDH-ES", "P-384", "A256CBC-HS512"),
    ("node-jose", "ECDH-ES", "P-521", "A256CBC-HS512"),
    ("node-jose", "ECDH-ES", "X25519", ""),
    ("node-jose", "ECDH-ES+A128KW", "X25519", ""),
    ("node-jose", "ECDH-ES+A192KW", "X25519", ""),
    ("node-jose", "ECDH-ES+A256KW", "X25519", ""),
    ("node-jose", "ECDH-ES", "X448", ""),
    ("node-jose", "ECDH-ES+A128KW", "X448", ""),
    ("node-jose", "ECDH-ES+A192KW", "X448", ""),
    ("node-jose", "ECDH-ES+A256KW", "X448", ""),
];

/// Signatures that a library cannot make: algorithm and curve.
pub const CANNOT_SIGN: &[(&str, &str, &str)] = &[
    ("jose", "ES256K", "secp256k1"),
    ("jose", "EdDSA", "Ed448"),
    ("node-jose", "ES256K", "secp256k1"),
    ("node-jose", "EdDSA", "Ed25519"),
    ("node-jose", "EdDSA", "Ed448"),
];

/// The keys and the tokens of one library.
#[derive(Debug, Deserialize)]
pub struct Minted {
    /// Its name.
    pub library: String,
    /// A JWK Set of private keys and secrets.
    pub decryption_keys: Value,
    /// The private keys among them in PEM, by their ids; Python's libraries only.
    #[serde(default)]
    pub pem: BTreeMap<String, String>,
    /// A JWK Set of public keys and secrets.
    pub verification_keys: Value,
    /// Every token that it could make.
    pub tokens: Vec<Token>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A JWS.
    Signed,
    /// Claims in a JWE.
    Encrypted,
    /// A JWS in a JWE.
    Nested,
}

/// A token, and what its makers know of it.
#[derive(Debug, Deserialize)]
pub struct Token {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// `alg` of the outer header.
    pub alg: String,
    /// `enc`.
    pub enc: Option<String>,
    /// The curve of the key.
    pub curve: Option<String>,
    /// The key that signed what is inside.
    pub inner: Option<String>,
    /// `zip`.
    pub zip: Option<String>,
    /// The text.
    pub token: String,
    /// The claims.
    pub claims: Value,
}

impl Token {
    /// For messages.
    pub fn words(&self) -> String {
        let parts = [self.enc.as_deref(), self.curve.as_deref(), self.inner.as_deref(), self.zip.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        format!("{:?} {} {}", self.kind, self.alg, parts.join(" "))
    }

    /// Whether realms take it only when they name its algorithms, or allow compression.
    pub fn must_be_named(&self) -> bool {
        self.alg == "RSA1_5" || self.alg.starts_with("PBES2") || self.zip.is_some()
    }
}

impl Minted {
    /// The tokens of a kind and an algorithm, with this content encryption.
    pub fn find(&self, kind: Kind, alg: &str, enc: &str) -> &Token {
        let fits = |token: &&Token| token.kind == kind && token.alg == alg && token.enc.as_deref() == Some(enc);
        self.tokens.iter().filter(|token| token.zip.is_none()).find(fits).expect("the library made one")
    }

    /// A member of one of its keys, decoded.
    pub fn octets_of(&self, kid: &str, member: &str) -> Vec<u8> {
        let keys = self.decryption_keys["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == kid).expect("a key of this id");
        URL_SAFE_NO_PAD.decode(key[member].as_str().unwrap()).unwrap()
    }
}

/// What a library minted.
pub fn by(library: &str) -> &'static Minted {
    static MINTED: [OnceLock<Minted>; LIBRARIES.len()] = [const { OnceLock::new() }; LIBRARIES.len()];
    let place = LIBRARIES.iter().position(|known| *known == library).expect("a library of the list");
    MINTED[place].get_or_init(|| serde_json::from_str(&run(&mut minter(library), b"")).unwrap())
}

fn minter(library: &str) -> Command {
    if library.contains("jose") && library != "joserfc" {
        let mut node = Command::new("node");
        node.arg(fixture("mint_jose/encrypted.mjs")).arg(tool("mint_jose")).arg(library);
        return node;
    }
    let mut python = Command::new(tool("venv/bin/python"));
    python.arg(fixture("mint_encrypted.py")).arg(library);
    python
}

/// A pair of key management and content encryption, on a curve or "".
pub type Pair = (String, String, String);

/// Every pair that there is: 15 algorithms, four more on each of five curves, with six kinds of content encryption.
pub fn every_pair() -> BTreeSet<Pair> {
    let plain = "RSA-OAEP RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512 RSA1_5 A128KW A192KW A256KW A128GCMKW A192GCMKW \
                 A256GCMKW PBES2-HS256+A128KW PBES2-HS384+A192KW PBES2-HS512+A256KW dir";
    let agreements = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
    let curves = ["P-256", "P-384", "P-521", "X25519", "X448"];
    let on_curves = agreements.iter().flat_map(|alg| curves.iter().map(move |curve| (*alg, *curve)));
    let all = plain.split_whitespace().map(|alg| (alg, "")).chain(on_curves);
    all.flat_map(|(alg, curve)| CONTENT.map(|enc| (alg.to_owned(), curve.to_owned(), enc.to_owned()))).collect()
}

/// The pairs that a library made tokens of, all plain or all nested.
pub fn pairs_of(minted: &Minted, kind: Kind) -> BTreeSet<Pair> {
    let tokens = minted.tokens.iter().filter(|token| token.kind == kind && token.zip.is_none());
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    tokens.map(|token| (token.alg.clone(), text(&token.curve), text(&token.enc))).collect()
}
