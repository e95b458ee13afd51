//! `portcullis demo`: see it work, without an application and without a key.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Exit;
use super::token::signing_key;
use crate::auth::stage::Stages;
use crate::jose::JwsAlgorithm;

/// Where the demo listens.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address of the gateway
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of /metrics, /live and /ready
    #[arg(long, default_value = "127.0.0.1:9145")]
    admin: SocketAddr,
}

/// A token of the demo lives this long, in seconds.
const LIFETIME: u64 = 24 * 60 * 60;

/// Makes a key and a configuration, prints what to try, and serves.
pub fn demo(arguments: &Arguments) -> Exit {
    let folder = std::env::temp_dir().join(format!("portcullis-demo-{}", std::process::id()));
    let exit = match prepare(&folder, arguments) {
        Ok((file, lines)) => {
            print!("{lines}");
            super::run::run(&super::run::Arguments { config: file.clone(), take_over: false }, Stages::default())
        }
        Err(what) => {
            eprintln!("the demo cannot be set up: {what}");
            Exit::Failure
        }
    };
    if let Err(error) = fs::remove_dir_all(&folder) {
        log::debug!("{} is left behind: {error}", folder.display());
    }
    exit
}

fn prepare(folder: &Path, arguments: &Arguments) -> Result<(PathBuf, String), String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", folder.display());
    let key = signing_key::generate(JwsAlgorithm::Es256, "demo")?;
    fs::create_dir(folder).map_err(cannot)?;
    let file = folder.join("portcullis.yaml");
    fs::write(&file, configuration(arguments, &key.jwk)).map_err(cannot)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let sign = |claims: &Value| {
        signing_key::sign(JwsAlgorithm::Es256, Some("demo"), key.private.as_bytes(), &claims.to_string())
    };
    let good = sign(&json!({ "sub": "alice", "iss": "demo", "team": "blue", "exp": now + LIFETIME }))?;
    let expired = sign(&json!({ "sub": "alice", "iss": "demo", "exp": now - 60 }))?;
    Ok((file.clone(), lines(arguments, &file, &good, &expired)))
}

fn configuration(arguments: &Arguments, jwk: &Value) -> String {
    let (listen, admin) = (arguments.listen, arguments.admin);
    format!(
        "listeners:\n  - address: \"{listen}\"\nadmin: {{ address: \"{admin}\" }}\n\
         keys:\n  demo: [{{ jwks: {{ keys: [{jwk}] }} }}]\n\
         realms:\n  demo:\n    keys: demo\n    issuer: demo\n    required_claims: [sub, exp]\n    \
         identity_headers: {{ X-User-ID: \"{{claims.sub}}\", X-Team: \"{{claims.team}}\" }}\n\
         locations:\n  - {{ match: {{ prefix: /public }}, access: public, echo: true }}\n  \
         - {{ match: {{ prefix: / }}, access: {{ realm: demo }}, echo: true }}\n"
    )
}

fn lines(arguments: &Arguments, file: &Path, good: &str, expired: &str) -> String {
    let (gateway, admin, file) = (arguments.listen, arguments.admin, file.display());
    format!(
        "The configuration is {file}; every answer shows what an application would be sent.\n\n\
         # refused: no token\ncurl -i http://{gateway}/\n\n\
         # admitted: the application hears who is calling, in X-User-ID and X-Team\n\
         curl -i -H 'Authorization: Bearer {good}' http://{gateway}/\n\n\
         # a client cannot say who it is: X-User-ID does not arrive\ncurl -i -H 'X-User-ID: root' http://{gateway}/public\n\n\
         # refused: the token has expired\ncurl -i -H 'Authorization: Bearer {expired}' http://{gateway}/\n\n\
         # what operators see\ncurl -s http://{admin}/metrics\n\nCtrl-C ends it.\n\n"
    )
}
