//! What do the gateway's own answers look like, status by status?

use super::super::place::{Located, Place, quoted_key};
use super::super::schema::CustomResponse;
use super::super::value::number;
use super::body::{FORMS, body};
use super::{Decoder, Section, Value};

/// Keys of one status that are part of the language and not built yet.
const NOT_BUILT: &[&str] = &["browser"];

/// `responses`, at the top or in a location.
pub(super) fn responses(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<CustomResponse>> {
    let mut responses = Vec::new();
    for (key, node) in value.entries("a mapping of statuses (\"401: …\")", decoder)? {
        let entry = Value::of_key(value.path(), key, node);
        let status = number(&key.text, 400..=599).ok().and_then(|status| u16::try_from(status).ok());
        let place = Place { path: entry.path().to_owned(), line: key.line, column: key.column };
        if status.is_none() {
            let words = format!("expected a status from 400 to 599, found {}", quoted_key(&key.text));
            decoder.problem(place.clone(), words);
        }
        let Some(mut section) = Section::open(&entry, decoder) else {
            continue;
        };
        let form = section.one_of(&FORMS, NOT_BUILT, decoder);
        let body = form.and_then(|(form, value)| body(form, &value, &mut section, decoder));
        section.allow("type");
        section.close(NOT_BUILT, decoder);
        if let (Some(status), Some(body)) = (status, body) {
            responses.push(CustomResponse { status: Located::new(status, place), body });
        }
    }
    Some(responses)
}
