//! What do the gateway's own answers look like, status by status?

use super::super::place::{Located, Place, quoted_key};
use super::super::schema::CustomResponse;
use super::super::value::number;
use super::body::{FORMS, body};
use super::scalar::located_text;
use super::{Decoder, Section, Value};

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
        let form = section.one_of(&FORMS, &["browser"], decoder);
        let body = form.and_then(|(form, value)| body(form, &value, &mut section, decoder));
        let browser = section.optional("browser", decoder, browser);
        section.allow("type");
        section.close(decoder);
        if let (Some(status), true) = (status, body.is_some() || browser.is_some()) {
            responses.push(CustomResponse { status: Located::new(status, place), browser, body });
        }
    }
    Some(responses)
}

/// `{ redirect: … }`: where a browser goes that loads a page.
fn browser(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<String>> {
    let mut section = Section::open(value, decoder)?;
    let to = section.required("redirect", decoder, located_text);
    section.close(decoder);
    to
}
