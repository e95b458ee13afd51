//! What do the environment's variables put into the values of the file?
//!
//! Done on the tree and not on the text, so that a value can never change the structure.

use zeroize::Zeroizing;

use super::place::{Place, path_of_item, path_of_key};
use super::report::Report;
use super::yaml::{Kind, Node, Style};

/// Looks up a variable of the environment.
pub(super) type Lookup<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Replaces `${NAME}` and `${NAME:-default}` in every scalar value below `node`; `$${` becomes `${`. A value with a
/// problem becomes [`Kind::Broken`], so that nobody complains about it again.
pub(super) fn fill(node: &mut Node, path: &str, environment: Lookup<'_>, report: &mut Report) {
    match &mut node.kind {
        Kind::Broken => {}
        Kind::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &path_of_item(path, index), environment, report);
            }
        }
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                fill(value, &path_of_key(path, &key.text), environment, report);
            }
        }
        Kind::Scalar { text, .. } if !text.contains("${") => {}
        Kind::Scalar { text, style } => {
            let place = Place { path: path.to_owned(), line: node.line, column: node.column };
            let style = if *style == Style::Plain { Style::Filled } else { *style };
            node.kind = match replaced(text, &place, environment, report) {
                Some(text) => Kind::Scalar { text, style },
                None => Kind::Broken,
            };
        }
    }
}

/// Every variable of one text; `None` if there was a problem. All problems of the text are reported.
fn replaced(text: &str, place: &Place, environment: Lookup<'_>, report: &mut Report) -> Option<Zeroizing<String>> {
    let mut whole = Some(Zeroizing::new(String::new()));
    let mut push = |part: Option<&str>| match (&mut whole, part) {
        (Some(text), Some(part)) => text.push_str(part),
        (_, None) => whole = None,
        (None, Some(_)) => {}
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            push(Some(before));
            push(Some("${"));
            rest = after;
            continue;
        }
        push(Some(before));
        let Some((reference, behind)) = after.split_once('}') else {
            report.problem(place.clone(), format!("a \"${{\" without its \"}}\"; {HOW_TO_WRITE}"));
            return None;
        };
        push(value(reference, place, environment, report).as_deref().map(String::as_str));
        rest = behind;
    }
    push(Some(rest));
    whole
}

const HOW_TO_WRITE: &str = "write ${NAME} or ${NAME:-default}, and $${ for the characters themselves";

/// The value of what stands between `${` and `}`. Its text is not quoted in problems: it may be half a secret.
fn value(reference: &str, place: &Place, environment: Lookup<'_>, report: &mut Report) -> Option<Zeroizing<String>> {
    let end = reference.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(reference.len());
    let (name, rest) = reference.split_at_checked(end)?;
    let default = rest.strip_prefix(":-");
    let named = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if !named || (default.is_none() && !rest.is_empty()) {
        report.problem(place.clone(), format!("a malformed \"${{\": {HOW_TO_WRITE}"));
        return None;
    }
    let found = environment(name).map(Zeroizing::new);
    match (found, default) {
        (Some(found), None) => Some(found),
        (Some(found), Some(_)) if !found.is_empty() => Some(found),
        (Some(_) | None, Some(default)) => {
            if default.contains("${") {
                let nested = format!("the default of ${{{name}}} ends at the first \"}}\": variables do not nest");
                report.warning(place.clone(), nested);
            }
            Some(Zeroizing::new(default.to_owned()))
        }
        (None, None) => {
            let missing = format!("the environment has no variable {name}; set it, or give a default: ${{{name}:-…}}");
            report.problem(place.clone(), missing);
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("app.internal".to_owned()),
            "_P2" => Some("${HOST}".to_owned()),
            "EMPTY" => Some(String::new()),
            "YAML" => Some("[a, {b: c}]".to_owned()),
            _ => None,
        }
    }

    /// The text after filling, or the problems.
    fn filled(text: &str) -> Result<String, Vec<String>> {
        let kind = Kind::Scalar { text: Zeroizing::new(text.to_owned()), style: Style::Plain };
        let mut node = Node { kind, line: 3, column: 9 };
        let mut report = Report::default();
        fill(&mut node, "a.b", &environment, &mut report);
        match node.kind {
            Kind::Scalar { text, .. } if report.problems.is_empty() => Ok(text.as_str().to_owned()),
            Kind::Scalar { .. } | Kind::Sequence(_) | Kind::Mapping(_) | Kind::Broken => {
                Err(report.problems.iter().map(ToString::to_string).collect())
            }
        }
    }

    #[test]
    fn variables_and_defaults_are_replaced() {
        for (text, expected) in [
            ("plain $ {x} $x", "plain $ {x} $x"),
            ("${HOST}", "app.internal"),
            ("http://${HOST}:${PORT:-80}/", "http://app.internal:80/"),
            ("${_P2}", "${HOST}"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${NOBODY:-}", ""),
            ("${NOBODY:-a:-b $x {y}", "a:-b $x {y"),
            ("$${HOST}", "${HOST}"),
            ("$$${HOST}", "$${HOST}"),
            ("${HOST}$${x}${HOST}", "app.internal${x}app.internal"),
            ("${YAML}", "[a, {b: c}]"),
            ("{claims.sub}${HOST}", "{claims.sub}app.internal"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_variable_is_named_with_its_place() {
        let problem = "3:9: a.b: the environment has no variable NOBODY; set it, or give a default: ${NOBODY:-…}";
        assert_eq!(filled("x${NOBODY}"), Err(vec![problem.to_owned()]));
        assert_eq!(filled("${NOBODY}${NO2}").unwrap_err().len(), 2);
    }

    #[test]
    fn a_malformed_reference_is_told_and_never_quoted() {
        for text in ["${hunter2", "${}", "${2A}", "${A-x}", "${A:x}", "${ A }", "${é}", "${A:}", "x${"] {
            let problems = filled(text).unwrap_err();
            assert_eq!(problems.len(), 1, "{text}");
            assert!(problems[0].contains("write ${NAME}") && !problems[0].contains("hunter2"), "{}", problems[0]);
        }
    }

    #[test]
    fn keys_are_never_touched() {
        let mut report = Report::default();
        let mut root = super::super::yaml::read("${HOST}: [ '${HOST}' ]", &mut report).unwrap();
        fill(&mut root, "", &environment, &mut report);
        let Kind::Mapping(entries) = &root.kind else { panic!("no mapping") };
        let Kind::Sequence(items) = &entries[0].1.kind else { panic!("no list") };
        assert_eq!(entries[0].0.text, "${HOST}");
        assert!(
            matches!(&items[0].kind, Kind::Scalar { text, style: Style::Quoted } if text.as_str() == "app.internal")
        );
    }

    #[test]
    fn a_default_that_seems_to_nest_is_warned_about() {
        let mut report = Report::default();
        let mut root = super::super::yaml::read("'${A:-${HOST}}'", &mut report).unwrap();
        fill(&mut root, "", &environment, &mut report);
        assert_eq!(report.warnings.len(), 1);
        assert!(matches!(&root.kind, Kind::Scalar { text, .. } if text.as_str() == "${HOST}"));
    }
}
