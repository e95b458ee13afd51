//! Does every example load, and is every bad file refused in the right words?
//!
//! `BLESS=1 cargo test --test config` writes the words of the program into the `.txt` files; read them before you commit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot read its files must fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::auth::stage::{Authorizer, StageRequest, StageVerdict, Stages};
use portcullis::cli::token::signing_key;
use portcullis::config;
use portcullis::gateway::live::{self, Loaded};
use portcullis::gateway::metrics::Metrics;
use portcullis::jose::JwsAlgorithm;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no file");
    files
}

fn load(file: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    live::compile(config::load(file, environment), None, &Metrics::new().unwrap(), &stages())
}

/// What `examples/custom_stage.rs` registers.
fn stages() -> Stages {
    let mut stages = Stages::default();
    stages.insert("same_tenant".to_owned(), Arc::new(Everybody));
    stages
}

struct Everybody;

#[async_trait::async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _: &StageRequest) -> StageVerdict {
        StageVerdict::Admit
    }
}

fn words(loaded: &Loaded) -> String {
    loaded.problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A folder with what the examples name: a certificate with its key, and a public key.
fn material() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = openssl::rsa::Rsa::generate(2048).and_then(openssl::pkey::PKey::from_rsa).unwrap();
    let mut certificate = openssl::x509::X509::builder().unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("tls.crt", &certificate.build().to_pem().unwrap());
    write("tls.key", &key.private_key_to_pem_pkcs8().unwrap());
    let jwk = signing_key::generate(JwsAlgorithm::Rs256, "1").unwrap().jwk;
    write("jwt.pub", &key.public_key_to_pem().unwrap());
    write("site.jwks", jwk.to_string().as_bytes());
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    let decryption = openssl::ec::EcKey::generate(&group).and_then(openssl::pkey::PKey::from_ec_key).unwrap();
    write("decryption.pem", &decryption.private_key_to_pem_pkcs8().unwrap());
    write("signing.jwks", jwk.to_string().as_bytes());
    write("extra.jwk", jwk.to_string().as_bytes());
    write("decryption.jwks", br#"{"kty":"oct","alg":"dir","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#);
    write("users.htpasswd", b"bob:$2y$05$KBCwKxOzLha2MUDgW0PjXerv.vgGLtPDlufGLr9BiQ2ihi12gTMgO\n");
    folder
}

#[test]
fn every_example_loads() {
    let material = material();
    let file = |name: &str| Some(material.path().join(name).to_str().unwrap().to_owned());
    let environment = |name: &str| match name {
        "KEYS" => file(""),
        "CERT" => file("tls.crt"),
        "KEY" => file("tls.key"),
        "JWKS" => file("site.jwks"),
        "JWT_PUB" => file("jwt.pub"),
        "PARTNERS" => file("tls.crt"),
        "DECRYPTION_KEY" => file("decryption.pem"),
        "PARTNER_SECRET" => Some("00112233445566778899aabbccddeeff".repeat(2)),
        _ => None,
    };
    for example in files("conf") {
        let loaded = load(&example, &environment);
        assert_eq!(words(&loaded), "", "{}", example.display());
        assert!(loaded.edition.is_some(), "{}", example.display());
    }
}

#[test]
fn every_bad_file_is_refused_in_the_words_beside_it() {
    for bad in files("tests/refused") {
        let loaded = load(&bad, &|_| None);
        assert!(loaded.edition.is_none(), "{} was not refused", bad.display());
        let said = words(&loaded).replace(root().to_str().unwrap(), "");
        let beside = bad.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&beside, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&beside).unwrap_or_default(), "{}", bad.display());
    }
}

#[test]
fn our_reading_of_yaml_agrees_with_another_parser() {
    for example in files("conf").into_iter().chain(files("tests/refused")) {
        let text = fs::read_to_string(&example).unwrap();
        let other: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let sections = other.as_mapping().unwrap();
        let loaded = load(&example, &|_| None);
        let count = |name: &str| match sections.get(name) {
            Some(serde_yaml::Value::Mapping(named)) => named.len(),
            Some(serde_yaml::Value::Sequence(list)) => list.len(),
            _ => 0,
        };
        assert_eq!(loaded.config.listeners.len(), count("listeners"), "{}", example.display());
        assert_eq!(loaded.config.realms.len(), count("realms"), "{}", example.display());
        assert_eq!(loaded.config.upstreams.len(), count("upstreams"), "{}", example.display());
        assert_eq!(loaded.config.keys.len(), count("keys"), "{}", example.display());
    }
}
