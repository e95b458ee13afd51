//! What does CEL see of our values, and what do we make of its results?

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::Key;
use http::HeaderName;

use super::facts::{Facts, Reading};
use super::fields::Field;
use super::{Prepared, Variable};
use crate::jose::{Json, Object};

/// The name and value of a variable; `None` leaves it undeclared, so that what reads it fails.
pub(super) fn value_of(variable: Variable, facts: &Facts<'_>) -> Option<(&'static str, Value)> {
    let fields = |fields: &[(&str, Field)]| -> Value {
        let read = fields.iter().filter_map(|(name, field)| Some((*name, value_of_reading(facts.read(field))?)));
        Value::from(read.collect::<HashMap<&str, Value>>())
    };
    Some(match variable {
        Variable::Request => ("request", request_value(facts)),
        Variable::Client => {
            ("client", fields(&[("ip", Field::ClientIp), ("certificate", Field::Certificate(Vec::new()))]))
        }
        Variable::Claims => {
            ("claims", facts.identity?.prepared_claims(|claims| Prepared(value_of_json(claims))).0.clone())
        }
        Variable::Jose => ("jose", value_of_json(facts.identity?.header())),
        Variable::JoseOuter => ("jose_outer", value_of_json(facts.identity?.outer_header()?)),
        Variable::Payload => ("payload", facts.identity?.payload().into()),
        Variable::Realm => ("realm", facts.identity?.realm().into()),
        Variable::Response => {
            ("response", fields(&[("status", Field::ResponseStatus), ("bytes", Field::ResponseBytes)]))
        }
        Variable::Auth => ("auth", auth_value(facts)),
        Variable::Upstream => (
            "upstream",
            fields(&[
                ("address", Field::UpstreamAddress),
                ("status", Field::UpstreamStatus),
                ("time", Field::UpstreamTime),
            ]),
        ),
    })
}

/// What the log knows, or the headers of the service that admitted.
fn auth_value(facts: &Facts<'_>) -> Value {
    let mut members: HashMap<&str, Value> = HashMap::new();
    for (name, field) in [("status", Field::AuthStatus), ("reason", Field::AuthReason), ("subject", Field::AuthSubject)]
    {
        members.extend(value_of_reading(facts.read(&field)).map(|value| (name, value)));
    }
    if let Some(answer) = facts.service {
        let read = |name: &HeaderName| value_of_reading(facts.read(&Field::ServiceHeader(name.clone())));
        let headers = answer.headers.keys().filter_map(|name| Some((name.as_str().to_owned(), read(name)?)));
        members.insert("headers", headers.collect::<HashMap<String, Value>>().into());
    }
    members.into()
}

fn request_value(facts: &Facts<'_>) -> Value {
    let request = facts.request;
    let mut members: HashMap<&str, Value> = HashMap::new();
    for (name, field) in [
        ("method", Field::Method),
        ("scheme", Field::Scheme),
        ("host", Field::Host),
        ("path", Field::Path),
        ("query", Field::Query),
        ("uri", Field::Uri),
        ("time", Field::Time),
    ] {
        members.extend(value_of_reading(facts.read(&field)).map(|value| (name, value)));
    }
    let headers = request.head.headers.keys();
    let headers = headers.filter_map(|name| Some((name.as_str().to_owned(), value_of_reading(facts.header(name))?)));
    members.insert("headers", headers.collect::<HashMap<String, Value>>().into());
    // A repeated cookie or argument is left out, so that reading it fails.
    members.insert("cookies", facts.cookies().collect::<HashMap<String, String>>().into());
    members.insert("args", facts.arguments().collect::<HashMap<String, String>>().into());
    members.into()
}

fn value_of_reading(reading: Reading<'_>) -> Option<Value> {
    Some(match reading {
        Reading::Text(text) => text.into_owned().into(),
        Reading::Integer(number) => number.into(),
        Reading::Time(time) => Value::Timestamp(chrono::DateTime::<chrono::Utc>::from(time).fixed_offset()),
        Reading::Json(json) => value_of_json(json),
        Reading::Absent | Reading::Ambiguous => return None,
    })
}

/// JSON as CEL sees it: whole numbers are `int` or `uint`, all others `double`.
fn value_of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::Int(number),
            (None, Some(number), _) => Value::UInt(number),
            (None, None, Some(number)) => Value::Float(number),
            (None, None, None) => Value::Null,
        },
        Json::String(text) => Value::from(&**text),
        Json::Array(elements) => Value::List(Arc::new(elements.iter().map(value_of_json).collect())),
        Json::Object(object) => {
            let members = object.iter().map(|(name, value)| (Key::from(name), value_of_json(value)));
            Value::from(members.collect::<HashMap<Key, Value>>())
        }
    }
}

/// A result as JSON, so that all values are put in text by the same rules.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is CEL's, and everything else has no text")]
pub(super) fn json_of(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::String(text) => Json::String(text.as_str().into()),
        Value::Int(number) => number_of(number)?,
        Value::UInt(number) => number_of(number)?,
        Value::Float(number) => number_of(number)?,
        Value::List(elements) => Json::Array(elements.iter().map(json_of).collect::<Option<_>>()?),
        Value::Map(map) => object_of(map)?,
        _ => return None,
    })
}

fn object_of(map: &cel::objects::Map) -> Option<Json> {
    let member = |(name, value): (&Key, &Value)| Some((name.to_string().into_boxed_str(), json_of(value)?));
    let mut members: Vec<_> = map.map.iter().map(member).collect::<Option<_>>()?;
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Object::from_members(members).map(Json::Object)
}

/// A number in the digits that Rust gives it: no exponent, the shortest that reads back the same.
fn number_of(number: &impl ToString) -> Option<Json> {
    Json::parse(number.to_string().as_bytes()).ok()
}
