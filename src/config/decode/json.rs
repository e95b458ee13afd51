//! What is a part of the file as JSON?
//!
//! Plain scalars get the types of YAML's core schema (YAML 1.2.2 §10.3.2), scalars in quotes are text. Numbers keep
//! their digits: `656670838050885` never becomes `6.56e14`.

use zeroize::Zeroizing;

use super::super::place::path_of_item;
use super::super::yaml::Node;
use super::super::yaml::{Kind, Style, is_null_word};
use super::{Decoder, Value};

/// The JSON text of `value` in the order of the file, wiped when dropped since it may hold keys.
pub(super) fn json(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Zeroizing<String>> {
    let mut written = Zeroizing::new(String::new());
    write(value, &mut written, decoder).then_some(written)
}

/// Whether everything could be written.
fn write(value: &Value<'_>, out: &mut String, decoder: &mut Decoder<'_>) -> bool {
    match &value.node().kind {
        Kind::Broken => false,
        Kind::Scalar { text, style: Style::Quoted } => write_text(text, out),
        Kind::Scalar { text, style: Style::Plain | Style::Filled } => write_plain(text, value, out, decoder),
        Kind::Sequence(items) => write_items(items, value, out, decoder),
        Kind::Mapping(entries) => {
            let mut complete = true;
            out.push('{');
            for (index, (key, node)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                complete &= write_text(&key.text, out);
                out.push(':');
                complete &= write(&Value::of_key(value.path(), key, node), out, decoder);
            }
            out.push('}');
            complete
        }
    }
}

fn write_items(items: &[Node], value: &Value<'_>, out: &mut String, decoder: &mut Decoder<'_>) -> bool {
    let mut complete = true;
    out.push('[');
    for (index, node) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        complete &= write(&Value::at(path_of_item(value.path(), index), node), out, decoder);
    }
    out.push(']');
    complete
}

fn write_text(text: &str, out: &mut String) -> bool {
    match serde_json::to_string(text).map(Zeroizing::new) {
        Ok(quoted) => {
            out.push_str(&quoted);
            true
        }
        Err(_) => false,
    }
}

fn write_plain(text: &str, value: &Value<'_>, out: &mut String, decoder: &mut Decoder<'_>) -> bool {
    match text {
        _ if is_null_word(text) => out.push_str("null"),
        "true" | "True" | "TRUE" => out.push_str("true"),
        "false" | "False" | "FALSE" => out.push_str("false"),
        _ if is_not_finite(text) => {
            value.problem("JSON has no infinity and no \"not a number\"; in quotes it is text", decoder);
            return false;
        }
        _ => match number(text) {
            Some(number) => out.push_str(&number),
            None => return write_text(text, out),
        },
    }
    true
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// A number of the core schema as a number of JSON (RFC 8259 §6).
fn number(text: &str) -> Option<String> {
    let radix = |digits: &str, radix| {
        let valid = digits.chars().all(|c| c.is_digit(radix));
        u128::from_str_radix(digits, radix).ok().filter(|_| valid).map(|number| number.to_string())
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = |text: &str| {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        !unsigned.is_empty() && digits(unsigned)
    };
    let valid = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(exponent_digits);
    if !valid {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = exponent.map(|digits| format!("e{digits}")).unwrap_or_default();
    Some(format!("{sign}{whole}{point}{fraction}{exponent}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::path::Path;

    use super::super::super::report::Report;
    use super::super::super::yaml;
    use super::*;

    /// The JSON, or the problems.
    fn converted(text: &str) -> Result<String, Vec<String>> {
        let mut report = Report::default();
        let root = yaml::read(text, &mut report).unwrap();
        let mut decoder = Decoder::new(Path::new(""), &mut report);
        let converted = json(&Value::root(&root), &mut decoder);
        let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        converted.filter(|_| problems.is_empty()).map(|text| text.as_str().to_owned()).ok_or(problems)
    }

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (yaml, json) in [
            ("[1, -1, +1, 007, 656670838050885]", "[1,-1,1,7,656670838050885]"),
            ("[0x1F, 0o17, 1.50, .5, 1., 1e3, -.5E-2, +12e+3]", "[31,15,1.50,0.5,1,1e3,-0.5e-2,12e+3]"),
            ("[true, False, null, ~, ]", "[true,false,null,null]"),
            (
                "[yes, off, 1_000, 1.2.3, 0x, 0xg, '-', '.', e5, 1e, 0x+1]",
                r#"["yes","off","1_000","1.2.3","0x","0xg","-",".","e5","1e","0x+1"]"#,
            ),
            ("['1', \"true\", 'null', '']", r#"["1","true","null",""]"#),
        ] {
            assert_eq!(converted(yaml).as_deref(), Ok(json), "{yaml}");
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
        }
    }

    #[test]
    fn mappings_keep_their_order_and_text_is_escaped() {
        assert_eq!(
            converted("b: { error: \"Invalid \\\"token\\\"\\n\" }\na: [é]\n1:\n").as_deref(),
            Ok(r#"{"b":{"error":"Invalid \"token\"\n"},"a":["é"],"1":null}"#)
        );
    }

    #[test]
    fn what_json_cannot_say_is_a_problem_at_its_place() {
        for word in [".inf", "-.Inf", ".nan"] {
            let problems = converted(&format!("a: [1, {word}]")).unwrap_err();
            assert!(problems[0].starts_with("1:8: a[1]: JSON has no"), "{problems:?}");
        }
    }
}
