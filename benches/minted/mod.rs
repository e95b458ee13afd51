//! What did another library mint? Run `make test-tools` first: tokens and keys are joserfc's, new in every run.

use std::path::Path;
use std::process::Command;

use portcullis::jose::{JwkSet, WeakKeys};
use serde_json::Value;

/// Keys, and tokens of every algorithm.
pub struct Minted {
    document: Value,
}

impl Minted {
    /// Mints.
    pub fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = std::env::var("PORTCULLIS_TEST_TOOLS").map_or_else(|_| root.join("target/test-tools"), Into::into);
        let mut python = Command::new(tools.join("venv/bin/python"));
        let minted = python.arg(root.join("tests/fixtures/mint_encrypted.py")).arg("joserfc").output().unwrap();
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        Self { document: serde_json::from_slice(&minted.stdout).unwrap() }
    }

    /// The keys to decrypt or to verify with.
    pub fn keys(&self, of: &str) -> JwkSet {
        JwkSet::parse(self.document[of].to_string().as_bytes(), WeakKeys::Refuse).unwrap()
    }

    /// The tokens of a kind that are not compressed: algorithm, curve or "", content encryption or "", and the text.
    pub fn tokens(&self, kind: &str) -> Vec<[String; 4]> {
        let tokens = self.document["tokens"].as_array().unwrap().iter();
        let text = |token: &Value, name: &str| token[name].as_str().unwrap_or_default().to_owned();
        tokens
            .filter(|token| token["type"] == kind && token["zip"].is_null())
            .map(|token| ["alg", "curve", "enc", "token"].map(|name| text(token, name)))
            .collect()
    }
}
