//! `portcullis token mint`: a token for tests.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::signing_key::{self, algorithm};
use crate::config::value::duration;
use crate::jose::JwsAlgorithm;

/// What the token says, and who signs it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What it is signed with
    #[arg(long, default_value = "ES256", value_parser = algorithm)]
    algorithm: JwsAlgorithm,
    /// The private key (PKCS#8, PEM), or the file of the secret of an HS algorithm
    #[arg(long, value_name = "FILE", default_value = "private.key")]
    key: PathBuf,
    /// The key id in its header
    #[arg(long)]
    kid: Option<String>,
    /// All claims, as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    claims: String,
    /// One claim, as often as needed; the value is JSON, else text
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    more: Vec<(String, Value)>,
    /// When it expires, from now; 0s: never
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires_in: Duration,
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is written NAME=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// Mints it.
pub fn mint(arguments: &Arguments) -> Result<String, String> {
    let mut claims: Map<String, Value> = serde_json::from_str(&arguments.claims)
        .map_err(|error| format!("the claims are not a JSON object: {error}"))?;
    claims.extend(arguments.more.iter().cloned());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    claims.entry("iat").or_insert_with(|| now.as_secs().into());
    if !arguments.expires_in.is_zero() {
        claims.entry("exp").or_insert_with(|| (now + arguments.expires_in).as_secs().into());
    }
    let key =
        std::fs::read(&arguments.key).map_err(|error| format!("cannot read {}: {error}", arguments.key.display()))?;
    let token = signing_key::sign(arguments.algorithm, arguments.kid.as_deref(), &key, &claims.into())?;
    Ok(format!("{token}\n"))
}
