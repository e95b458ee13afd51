//! How often may one caller ask?

use super::super::schema::Limit;
use super::super::value::rate;
use super::scalar::{located_text, number, parsed};
use super::{Decoder, Section, Value};

/// `limit` of a location.
pub(super) fn limit(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Limit> {
    let mut section = Section::open(value, decoder)?;
    let key = section.required("key", decoder, located_text);
    let rate = section.required("rate", decoder, |value, decoder| parsed("a rate like 100/s", value, decoder, rate));
    let burst = section.optional("burst", decoder, number(1..=1_000_000));
    section.close(decoder);
    let (requests, per) = rate?;
    let burst = burst.and_then(|burst| u32::try_from(burst).ok()).unwrap_or(requests);
    Some(Limit { key: key?, requests, per, burst })
}
