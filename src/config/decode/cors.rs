//! Whose pages may ask and read?

use super::super::schema::{Cors, Origins};
use super::super::value::{self, origin};
use super::list::{methods, some};
use super::scalar::{boolean, duration, parsed};
use super::{Decoder, Section, Value};

/// `cors` of a location.
pub(super) fn cors(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Cors> {
    let mut section = Section::open(value, decoder)?;
    let origins = section.required("origins", decoder, origins);
    let methods = section.optional("methods", decoder, methods);
    let headers = section.optional("headers", decoder, |value, decoder| {
        some("leave it out, if no header is to be allowed", value, decoder, |item, decoder| {
            parsed("the name of a header", item, decoder, value::header_name)
        })
    });
    let credentials = section.optional("credentials", decoder, boolean) == Some(true);
    let max_age = section.optional("max_age", decoder, duration);
    if credentials && origins == Some(Origins::Any) {
        let text = "\"credentials: true\" for any origin would let every page act as the user: name the origins";
        decoder.problem(section.place_of_key("credentials"), text);
    }
    section.close(decoder);
    Some(Cors {
        origins: origins?,
        methods,
        headers: headers.unwrap_or_default(),
        credentials: credentials.into(),
        max_age,
    })
}

/// Origins, or `"*"` alone.
fn origins(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Origins> {
    let written = some("no page could read anything", value, decoder, |item, decoder| {
        parsed("an origin like https://app.example.com", item, decoder, |text| {
            if text == "*" { Ok(None) } else { origin(text).map(Some) }
        })
    })?;
    match written.iter().filter(|origin| origin.is_none()).count() {
        0 => Some(Origins::These(written.into_iter().flatten().collect())),
        1 if written.len() == 1 => Some(Origins::Any),
        _ => {
            value.problem("\"*\" is every origin: it stands alone", decoder);
            None
        }
    }
}
