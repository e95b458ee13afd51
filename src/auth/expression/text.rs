//! What does a value look like when it is put in text?

use std::borrow::Cow;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

use super::facts::Reading;
use crate::jose::Json;

/// Why a value cannot be put in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProblem {
    /// The expression failed: the value is not there in the form that it needs.
    Failed,
    /// The token holds a value that must not be passed on, so the request is refused (`claim_unusable`).
    Unusable(&'static str),
}

/// The text of what was read; `None` for a value that is not there.
pub fn of_reading(reading: Reading<'_>) -> Result<Option<Cow<'_, str>>, TextProblem> {
    match reading {
        Reading::Text(text) => Ok(Some(text)),
        Reading::Integer(number) => Ok(Some(number.to_string().into())),
        Reading::Time(time) => Ok(Some(timestamp(time).into())),
        Reading::Json(json) => of_json(json),
        Reading::Absent => Ok(None),
        Reading::Ambiguous => Err(TextProblem::Failed),
    }
}

/// A string as it is; a number exactly as it was written; an array joined by commas; an object as compact JSON.
pub fn of_json(json: &Json) -> Result<Option<Cow<'_, str>>, TextProblem> {
    Ok(Some(match json {
        Json::Null => return Ok(None),
        Json::Bool(true) => "true".into(),
        Json::Bool(false) => "false".into(),
        Json::Number(number) => number.as_str().into(),
        Json::String(text) => (&**text).into(),
        Json::Object(_) => json.to_compact().into(),
        Json::Array(elements) => joined(elements)?.into(),
    }))
}

fn joined(elements: &[Json]) -> Result<String, TextProblem> {
    let mut text = String::new();
    for (index, element) in elements.iter().enumerate() {
        let element = of_json(element)?.unwrap_or_default();
        if element.contains(',') {
            return Err(TextProblem::Unusable("an element of an array holds a comma"));
        }
        if index > 0 {
            text.push(',');
        }
        text.push_str(&element);
    }
    Ok(text)
}

/// RFC 3339, to the second, in UTC.
pub fn timestamp(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_the_form_they_had_in_the_token() {
        for (json, expected) in [
            (r#""a b""#, Ok(Some("a b"))),
            ("656670838050885", Ok(Some("656670838050885"))),
            ("1.10", Ok(Some("1.10"))),
            ("1e3", Ok(Some("1e3"))),
            ("123456789012345678901234567890", Ok(Some("123456789012345678901234567890"))),
            ("true", Ok(Some("true"))),
            ("null", Ok(None)),
            (r#"["a", 1, true]"#, Ok(Some("a,1,true"))),
            ("[]", Ok(Some(""))),
            (r#"{ "a" : [ 1.50 ] }"#, Ok(Some(r#"{"a":[1.50]}"#))),
            (r#"["a,b"]"#, Err(TextProblem::Unusable("an element of an array holds a comma"))),
            (r#"[{"a":1,"b":2}]"#, Err(TextProblem::Unusable("an element of an array holds a comma"))),
        ] {
            let json = Json::parse(json.as_bytes()).unwrap();
            let text = of_json(&json);
            assert_eq!(text.as_ref().map(Option::as_deref).map_err(|problem| *problem), expected);
        }
    }
}
