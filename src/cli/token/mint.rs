//! `portcullis token mint`: a token for tests.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::signing_key::{self, algorithm};
use crate::config::value::duration;
use crate::jose::{Json, JwsAlgorithm, Object};

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
    more: Vec<(String, Json)>,
    /// When it expires, from now; 0s: never
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires_in: Duration,
}

/// The value as JSON text; what is no JSON is a string.
fn claim(text: &str) -> Result<(String, Json), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is written NAME=VALUE")?;
    Ok((name.to_owned(), Json::parse(value.as_bytes()).unwrap_or_else(|_| Json::String(value.into()))))
}

/// Mints it. Every number keeps its digits.
pub fn mint(arguments: &Arguments) -> Result<String, String> {
    let claims = Json::parse(arguments.claims.as_bytes()).ok();
    let claims = claims.as_ref().and_then(Json::as_object).ok_or("the claims are not a JSON object")?;
    let mut members: Vec<(Box<str>, Json)> = Vec::new();
    let mut set = |name: &str, value: Json| {
        members.retain(|(other, _)| **other != *name);
        members.push((name.into(), value));
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    set("iat", seconds(now)?);
    if !arguments.expires_in.is_zero() {
        set("exp", seconds(now + arguments.expires_in)?);
    }
    claims.iter().for_each(|(name, value)| set(name, value.clone()));
    arguments.more.iter().for_each(|(name, value)| set(name, value.clone()));
    let claims = Object::from_members(members).map(Json::Object).ok_or("a claim is there twice")?;
    let key =
        std::fs::read(&arguments.key).map_err(|error| format!("cannot read {}: {error}", arguments.key.display()))?;
    let token = signing_key::sign(arguments.algorithm, arguments.kid.as_deref(), &key, &claims.to_compact())?;
    Ok(format!("{token}\n"))
}

fn seconds(time: Duration) -> Result<Json, String> {
    Json::parse(time.as_secs().to_string().as_bytes()).map_err(|error| error.to_string())
}
