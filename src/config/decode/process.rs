//! How does the process itself run, log and report?

use std::net::SocketAddr;

use super::super::place::{Located, quoted};
use super::super::schema::{AccessLog, LogFormat, LogTarget, Process};
use super::super::suggest::{did_you_mean, suggest};
use super::scalar::{count, duration, file, located_text, socket_address};
use super::{Decoder, Section, Value};

/// Far more than any machine has cores; a slip beyond it would only exhaust the memory at start.
const MOST_THREADS: u64 = 1024;

/// `admin`
pub(super) fn admin(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<SocketAddr>> {
    let mut section = Section::open(value, decoder)?;
    let address = section.required("address", decoder, socket_address);
    section.close(decoder);
    address
}

/// `access_log`
pub(super) fn access_log(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<AccessLog> {
    let mut section = Section::open(value, decoder)?;
    let to = section.optional("to", decoder, log_target);
    let format = section.optional("format", decoder, log_format);
    section.close(decoder);
    Some(AccessLog { to: to.unwrap_or_default(), format: format.unwrap_or_default() })
}

fn log_target(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<LogTarget> {
    let name = located_text(value, decoder)?;
    match name.as_str() {
        "stdout" => return Some(LogTarget::Stdout),
        "stderr" => return Some(LogTarget::Stderr),
        "off" => return Some(LogTarget::Off),
        _ => {}
    }
    if let Some(word) = suggest(&name, ["stdout", "stderr", "off"]) {
        let words = format!("{} is taken for the name of a file; did you mean {word:?}?", quoted(&name));
        decoder.warning(value.place(), words);
    }
    file(value, decoder).map(LogTarget::File)
}

fn log_format(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<LogFormat> {
    let format = located_text(value, decoder)?;
    if format.as_str() == "json" {
        return Some(LogFormat::Json);
    }
    if format.contains('{') {
        return Some(LogFormat::Template(format));
    }
    let meant = did_you_mean(&format, ["json"]);
    let words = format!("expected \"json\" or a template like '{{client.ip}} …', found {}{meant}", quoted(&format));
    value.problem(words, decoder);
    None
}

/// `process`
pub(super) fn process(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Process> {
    let mut section = Section::open(value, decoder)?;
    let usual = Process::default();
    let threads = section.optional("threads", decoder, count(0..=MOST_THREADS));
    let shutdown_timeout = section.optional("shutdown_timeout", decoder, duration);
    let upgrade_socket = section.optional("upgrade_socket", decoder, file);
    section.close(decoder);
    Some(Process {
        threads: threads.unwrap_or(usual.threads),
        shutdown_timeout: shutdown_timeout.unwrap_or(usual.shutdown_timeout),
        upgrade_socket,
    })
}
