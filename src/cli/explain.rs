//! `portcullis explain`: why is this request admitted, or refused?

use std::io::Read;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::DateTime;
use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::json;

use super::Exit;
use super::steps::Steps;
use crate::auth::stage::Stages;
use crate::gateway::explain::{Explanation, Outcome, Question, explain as decide};
use crate::gateway::live;
use crate::gateway::metrics::Metrics;

/// The request that is asked about.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Sent as `Authorization: Bearer TOKEN`; `-` reads it from standard input
    #[arg(long, value_name = "TOKEN|-", allow_hyphen_values = true)]
    token: Option<String>,
    /// URL or path of the request
    #[arg(long, default_value = "/")]
    url: Uri,
    /// Method of the request
    #[arg(long, default_value = "GET")]
    method: Method,
    /// A header of the request, as often as needed
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The client's address
    #[arg(long, default_value = "127.0.0.1")]
    client: IpAddr,
    /// When the request comes: RFC 3339, or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,
    /// Name or place (from 0) of the listener that it comes in by [default: the first of the URL's scheme]
    #[arg(long)]
    listener: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| "this is not the name of a header")?;
    let value = value.trim().parse().map_err(|_| "this is not the value of a header")?;
    Ok((name, value))
}

fn time(text: &str) -> Result<SystemTime, String> {
    let known = match text.parse::<i64>() {
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
    };
    known.map(SystemTime::from).ok_or_else(|| "write RFC 3339, or seconds since 1970".to_owned())
}

/// Prints each step and the outcome.
pub fn explain(arguments: &Arguments, stages: &Stages) -> Exit {
    let Ok(metrics) = Metrics::new() else {
        return Exit::Failure;
    };
    let loaded = live::load(&arguments.config, None, &metrics, stages);
    let Some(edition) = loaded.edition else {
        for problem in &loaded.problems {
            eprintln!("{}", problem.in_file(&arguments.config));
        }
        return Exit::BadConfiguration;
    };
    let question = match question(arguments, &loaded.config) {
        Ok(question) => question,
        Err(what) => {
            eprintln!("{what}");
            return Exit::BadConfiguration;
        }
    };
    let mut steps = Steps::default();
    match decide(Arc::new(edition), &metrics, &question, &mut steps) {
        Ok(explanation) => {
            if arguments.json {
                println!("{}", as_json(&explanation, &steps));
            } else {
                print!("{}", as_text(&explanation, &steps));
            }
            if matches!(explanation.outcome, Outcome::Refused { .. }) { Exit::Failure } else { Exit::Success }
        }
        Err(error) => {
            eprintln!("this request cannot be made: {error}");
            Exit::BadConfiguration
        }
    }
}

fn question(arguments: &Arguments, config: &crate::config::Config) -> Result<Question, String> {
    let mut headers = arguments.headers.clone();
    if let Some(token) = &arguments.token {
        let token = if token == "-" { from_stdin()? } else { token.clone() };
        let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
        headers.push((http::header::AUTHORIZATION, value.map_err(|_| "this token cannot stand in a header")?));
    }
    Ok(Question {
        method: arguments.method.clone(),
        url: arguments.url.clone(),
        headers,
        client: arguments.client,
        at: arguments.at.unwrap_or_else(SystemTime::now),
        listener: listener(arguments, config)?,
    })
}

fn from_stdin() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
    Ok(text)
}

fn listener(arguments: &Arguments, config: &crate::config::Config) -> Result<usize, String> {
    let mut listeners = config.listeners.iter();
    match &arguments.listener {
        None => {
            let over_tls = arguments.url.scheme_str() == Some("https");
            Ok(listeners.position(|listener| listener.tls.is_some() == over_tls).unwrap_or(0))
        }
        Some(wanted) => {
            let named = listeners.position(|listener| listener.name.as_ref().is_some_and(|name| name.value == *wanted));
            let by_place = || wanted.parse().ok().filter(|place| *place < config.listeners.len());
            named.or_else(by_place).ok_or_else(|| format!("no listener {wanted:?}"))
        }
    }
}

fn as_json(explanation: &Explanation, steps: &Steps) -> serde_json::Value {
    let headers: serde_json::Map<_, _> =
        explanation.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut shown = json!({ "location": explanation.location, "steps": steps.lines, "headers": headers });
    let outcome = match &explanation.outcome {
        Outcome::Admitted { action } => json!({ "admitted": true, "action": action }),
        Outcome::RedirectedToHttps => json!({ "admitted": true, "action": "redirected to https by the listener" }),
        Outcome::Refused { status, reason, meaning, challenges } => json!({
            "admitted": false, "status": status, "reason": reason, "meaning": meaning, "challenges": challenges,
        }),
    };
    if let (Some(shown), Some(outcome)) = (shown.as_object_mut(), outcome.as_object()) {
        shown.extend(outcome.clone());
    }
    shown
}

fn as_text(explanation: &Explanation, steps: &Steps) -> String {
    let mut text = format!("location  {}\n", explanation.location.as_deref().unwrap_or("none"));
    for line in &steps.lines {
        let mark = match line.passed {
            Some(true) => "ok  ",
            Some(false) => "FAIL",
            None => "    ",
        };
        text.push_str(&format!("{mark}  {:<9} {}\n", line.step, line.what));
    }
    if !explanation.headers.is_empty() {
        text.push_str("headers for the upstream\n");
        for (name, value) in &explanation.headers {
            text.push_str(&format!("      {name}: {value}\n"));
        }
    }
    match &explanation.outcome {
        Outcome::Admitted { action } => text.push_str(&format!("ADMITTED: {action}\n")),
        Outcome::RedirectedToHttps => text.push_str("REDIRECTED to https by the listener\n"),
        Outcome::Refused { status, reason, meaning, challenges } => {
            text.push_str(&format!("REFUSED {status} {reason}: {meaning}\n"));
            for challenge in challenges {
                text.push_str(&format!("      www-authenticate: {challenge}\n"));
            }
        }
    }
    text
}
