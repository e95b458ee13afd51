//! Which functions do expressions have beyond CEL's own?

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cel::{Context, DeclarationError, ExecutionError, Value};
use ipnet::IpNet;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The functions of CEL's standard library that the interpreter has, and ours.
const KNOWN: [&str; 30] = [
    "base64",
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "in_cidr",
    "int",
    "lower",
    "matches",
    "size",
    "split",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
    "url_encode",
];

/// Whether a call of this name can be evaluated; operators have names that are no identifiers.
pub fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || !name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Ours, which take everything as arguments and nothing as a target.
const OURS: [&str; 5] = ["base64", "in_cidr", "lower", "split", "url_encode"];

/// Whether a function is ours.
pub fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// Adds our functions to a context.
pub fn add(context: &mut Context<'_, '_>) -> Result<(), DeclarationError> {
    context.add_function("url_encode", |text: Arc<String>| utf8_percent_encode(&text, RESERVED).to_string())?;
    context.add_function("base64", |text: Arc<String>| STANDARD.encode(text.as_bytes()))?;
    context.add_function("lower", |text: Arc<String>| text.to_lowercase())?;
    context.add_function("split", |text: Arc<String>, separator: Arc<String>| -> Value {
        text.split(separator.as_str()).collect::<Vec<_>>().into()
    })?;
    context.add_function("in_cidr", |address: Arc<String>, network: Arc<String>| in_cidr(&address, &network))
}

/// An address that is none fails, and so what asked is false.
fn in_cidr(address: &str, network: &str) -> Result<bool, ExecutionError> {
    let address: IpAddr = address.parse().map_err(|_| ExecutionError::function_error("in_cidr", "not an address"))?;
    let network: IpNet = network.parse().map_err(|_| ExecutionError::function_error("in_cidr", "not a network"))?;
    Ok(network.contains(&address.to_canonical()))
}
