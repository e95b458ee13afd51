//! How is JSON written back without white space, and nothing else changed?

use std::fmt::Write as _;

use super::Json;

pub(super) fn compact(value: &Json) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// Drops the white space between the tokens of a text that is known to be JSON; strings and numbers stay byte for
/// byte. For a text that is not JSON the result means nothing, and is no longer than the text.
#[must_use]
pub fn compact_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (position, part) in text.split_inclusive('"').scan(false, |inside, part| Some((step(inside, part), part))) {
        match position {
            Part::Inside => out.push_str(part),
            Part::Between => out.extend(part.split([' ', '\t', '\n', '\r'])),
        }
    }
    out
}

enum Part {
    Inside,
    Between,
}

/// Where this part lies, and whether the quote that ends it opens or closes a string.
fn step(inside: &mut bool, part: &str) -> Part {
    if !*inside {
        *inside = true;
        return Part::Between;
    }
    let before_quote = part.strip_suffix('"').unwrap_or(part);
    let backslashes = before_quote.bytes().rev().take_while(|byte| *byte == b'\\').count();
    *inside = backslashes % 2 == 1;
    Part::Inside
}

fn write_value(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::String(text) => write_string(out, text),
        Json::Array(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                separate(out, position);
                write_value(out, element);
            }
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            for (position, (name, member)) in object.iter().enumerate() {
                separate(out, position);
                write_string(out, name);
                out.push(':');
                write_value(out, member);
            }
            out.push('}');
        }
    }
}

fn separate(out: &mut String, position: usize) {
    if position > 0 {
        out.push(',');
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}
