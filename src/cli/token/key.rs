//! `portcullis token key`: make a key.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::signing_key::{self, algorithm};
use crate::jose::{JwsAlgorithm, KeyFamily};

/// What key to make, and where to put it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What it signs with
    #[arg(long, default_value = "ES256", value_parser = algorithm)]
    algorithm: JwsAlgorithm,
    /// Its key id
    #[arg(long, default_value = "1")]
    kid: String,
    /// File for the private key (PKCS#8, PEM), or for the secret of an HS algorithm; never overwritten
    #[arg(long, value_name = "FILE", default_value = "private.key")]
    private: PathBuf,
    /// File for the public key (JWK Set); not written for an HS algorithm
    #[arg(long, value_name = "FILE", default_value = "public.jwks")]
    public: PathBuf,
}

/// Makes a key and says how it is used.
pub fn make(arguments: &Arguments) -> Result<String, String> {
    let key = signing_key::generate(arguments.algorithm, &arguments.kid)?;
    write(&arguments.private, 0o600, key.private.as_bytes())?;
    let private = arguments.private.display();
    let algorithm = arguments.algorithm;
    if algorithm.belongs_to(KeyFamily::Secret) {
        return Ok(format!("{private}: the secret; in the configuration: `- secret_file: {private}`\n"));
    }
    let set = json!({ "keys": [key.jwk] });
    write(&arguments.public, 0o644, format!("{set:#}\n").as_bytes())?;
    let public = arguments.public.display();
    Ok(format!(
        "{private}: the private key, for `portcullis token mint --algorithm {algorithm} --key {private}`\n\
         {public}: the public key; in the configuration: `- jwks_file: {public}`\n"
    ))
}

fn write(path: &Path, mode: u32, octets: &[u8]) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(cannot)?;
    file.write_all(octets).map_err(cannot)
}
