//! `portcullis token show`: what does a token say?

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat};

use crate::jose::Json;

/// The token to show.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The token; `-` reads it from standard input
    #[arg(default_value = "-", allow_hyphen_values = true)]
    token: String,
}

/// Shows header, claims and times. The signature is only measured.
pub fn show(arguments: &Arguments) -> Result<String, String> {
    let mut token = arguments.token.clone();
    if token == "-" {
        token.clear();
        std::io::stdin().read_to_string(&mut token).map_err(|error| format!("standard input: {error}"))?;
    }
    let parts: Vec<&str> = token.trim().split('.').collect();
    match parts.as_slice() {
        [header, claims, signature] => {
            let (header, claims) = (json(header, "header")?, json(claims, "claims")?);
            let signature = octets(signature, "signature")?;
            let mut text = format!("header     {}\nclaims     {}\n", header.to_compact(), claims.to_compact());
            for name in ["iat", "nbf", "exp"] {
                text.push_str(&time(&claims, name));
            }
            Ok(format!("{text}signature  {} octets, not verified\n", signature.len()))
        }
        [header, _, _, _, _] => Ok(format!(
            "header     {}\nencrypted: the rest cannot be read without its key\n",
            json(header, "header")?.to_compact()
        )),
        _ => Err(format!("a token has three parts, or five if it is encrypted; this has {}", parts.len())),
    }
}

fn octets(part: &str, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| format!("the {name} is not base64url (RFC 7515, section 2)"))
}

fn json(part: &str, name: &str) -> Result<Json, String> {
    Json::parse(&octets(part, name)?).map_err(|error| format!("the {name} is not JSON: {error}"))
}

fn time(claims: &Json, name: &str) -> String {
    let Some(Json::Number(number)) = claims.member(name) else {
        return String::new();
    };
    #[allow(clippy::cast_possible_truncation, reason = "a time that does not fit is not shown")]
    let time = number.as_f64().and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0));
    time.map_or_else(String::new, |time| format!("{name:<10} {}\n", time.to_rfc3339_opts(SecondsFormat::Secs, true)))
}
