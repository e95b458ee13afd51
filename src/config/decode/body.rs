//! What does an answer of the gateway say?

use std::path::Path;

use super::super::schema::{Content, ResponseBody};
use super::super::value::media_type;
use super::json::json;
use super::scalar::{file, parsed, text_or_empty};
use super::{Decoder, Section, Value};

/// The ways to write a body.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Json,
    Text,
    Html,
    File,
}

/// The key of each form.
pub(super) const FORMS: [(&str, Form); 4] =
    [("json", Form::Json), ("text", Form::Text), ("html", Form::Html), ("file", Form::File)];

/// The body that `value` is in the given form, with the `type` of its section.
pub(super) fn body(
    form: Form,
    value: &Value<'_>,
    section: &mut Section<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<ResponseBody> {
    let written =
        section.optional("type", decoder, |value, decoder| parsed("a media type", value, decoder, media_type));
    let (content, usual) = match form {
        Form::Json => (Content::Text(json(value, decoder)?.as_str().to_owned()), "application/json"),
        Form::Text => (Content::Text(text_or_empty(value, decoder)?), "text/plain; charset=utf-8"),
        Form::Html => (Content::Text(text_or_empty(value, decoder)?), "text/html; charset=utf-8"),
        Form::File => {
            let file = file(value, decoder)?;
            let usual = type_of_file(&file);
            (Content::File(file), usual)
        }
    };
    Some(ResponseBody { media_type: written.unwrap_or_else(|| usual.to_owned()), content })
}

/// By the end of its name; `type:` says it for all others.
fn type_of_file(file: &Path) -> &'static str {
    match file.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("xml") => "application/xml",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}
