//! What does one scalar stand for, given what its key expects?

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::super::place::{Located, quoted};
use super::super::suggest::did_you_mean;
use super::super::value as scalar;
use super::section::listed;
use super::{Decoder, Value};

/// Text of at least one character.
pub(super) fn text(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    parsed("text", value, decoder, |text| Ok(text.to_owned()))
}

/// Text, which may be empty if it is written as `""`.
pub(super) fn text_or_empty(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    value.text("text (\"\" for empty text)", decoder).map(str::to_owned)
}

/// A scalar that `parse` understands. Empty text never is what is expected.
pub(super) fn parsed<T>(
    expected: &str,
    value: &Value<'_>,
    decoder: &mut Decoder<'_>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = value.text(expected, decoder)?;
    let outcome = if text.is_empty() { Err(format!("expected {expected}, found empty text")) } else { parse(text) };
    outcome.map_err(|words| value.problem(words, decoder)).ok()
}

/// Makes a reading function keep the place.
pub(super) fn located<'n, T>(
    read: impl FnOnce(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
) -> impl FnOnce(&Value<'n>, &mut Decoder<'_>) -> Option<Located<T>> {
    |value, decoder| read(value, decoder).map(|read| Located::new(read, value.place()))
}

/// [`text`] with its place.
pub(super) fn located_text(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    located(text)(value, decoder)
}

/// `true` or `false`, and none of the other words that YAML once had for them.
pub(super) fn boolean(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<bool> {
    parsed("true or false", value, decoder, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let meant = match text.to_ascii_lowercase().as_str() {
                "yes" | "y" | "on" | "1" | "true" => "; write true",
                "no" | "n" | "off" | "0" | "false" => "; write false",
                _ => "",
            };
            Err(format!("expected true or false, found {}{meant}", quoted(text)))
        }
    })
}

/// A key that can only be switched on: `echo: true`.
pub(super) fn only_true(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<()> {
    if boolean(value, decoder)? {
        return Some(());
    }
    value.problem("this can only be true; leave it out otherwise", decoder);
    None
}

/// A whole number in a range.
pub(super) fn number(range: RangeInclusive<u64>) -> impl FnOnce(&Value<'_>, &mut Decoder<'_>) -> Option<u64> {
    move |value, decoder| {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        parsed(&expected, value, decoder, |text| scalar::number(text, range))
    }
}

/// A number that counts things in memory.
pub(super) fn count(range: RangeInclusive<u64>) -> impl FnOnce(&Value<'_>, &mut Decoder<'_>) -> Option<usize> {
    |value, decoder| number(range)(value, decoder).and_then(|number| usize::try_from(number).ok())
}

/// A TCP port that something can listen on.
pub(super) fn port(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<u16> {
    number(1..=u64::from(u16::MAX))(value, decoder).and_then(|number| u16::try_from(number).ok())
}

/// A size, in octets.
pub(super) fn size(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<u64> {
    parsed("a size", value, decoder, scalar::size)
}

/// `250ms`, `30s`, `15m`, `1h`.
pub(super) fn duration(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Duration> {
    parsed("a duration", value, decoder, scalar::duration)
}

/// A duration that is not shorter than this.
pub(super) fn duration_from(least: Duration) -> impl FnOnce(&Value<'_>, &mut Decoder<'_>) -> Option<Duration> {
    move |value, decoder| {
        let written = duration(value, decoder)?;
        if written < least {
            value.problem(format!("{written:?} is too short: {least:?} at least"), decoder);
            return None;
        }
        Some(written)
    }
}

/// An address that we listen on.
pub(super) fn socket_address(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<SocketAddr>> {
    located(|value: &Value<'_>, decoder: &mut Decoder<'_>| {
        parsed("an address like 127.0.0.1:80", value, decoder, scalar::socket_address)
    })(value, decoder)
}

/// A file name; relative ones are relative to the folder of the configuration.
pub(super) fn file(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<PathBuf>> {
    let name = parsed("a file name", value, decoder, |text| {
        if text.contains('\0') {
            Err("a file name cannot hold a NUL character".to_owned())
        } else {
            Ok(text.to_owned())
        }
    })?;
    Some(Located::new(decoder.base.join(name), value.place()))
}

/// One of a few words.
pub(super) fn word<T: Copy>(words: &[(&'static str, T)]) -> impl FnOnce(&Value<'_>, &mut Decoder<'_>) -> Option<T> {
    |value, decoder| {
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let expected = listed(&names);
        parsed(&expected, value, decoder, |text| {
            let found = words.iter().find(|(name, _)| *name == text);
            found.map(|(_, meaning)| *meaning).ok_or_else(|| {
                format!("expected {expected}, found {}{}", quoted(text), did_you_mean(text, names.iter().copied()))
            })
        })
    }
}

/// A path of a request, or a prefix of one.
pub(super) fn request_path(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    parsed("a path like /api", value, decoder, |text| {
        if !text.starts_with('/') {
            Err(format!("a path begins with \"/\": {}", quoted(text)))
        } else if let Some(mark) = text.chars().find(|c| matches!(c, '?' | '#')) {
            Err(format!("{} can never match: a path ends before its {mark:?}", quoted(text)))
        } else {
            Ok(text.to_owned())
        }
    })
}
