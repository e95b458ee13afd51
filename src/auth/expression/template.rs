//! What text does a template give for a request? `"{claims.sub}"`, compiled at load.

use std::borrow::Cow;

use super::Expression;
use super::facts::Facts;
use super::fields::Scope;
use super::text::TextProblem;

/// Text with CEL expressions in braces; `{{` and `}}` are literal braces.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Expression(Expression),
}

impl Template {
    /// Compiles template text; the error says in words what is wrong.
    pub fn compile(source: &str, scope: Scope) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(brace);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                text.push('}');
                rest = after;
            } else if let Some(inside) = from.strip_prefix('{') {
                let end = expression_end(inside).ok_or("a \"{\" is not closed; a literal brace is written \"{{\"")?;
                let (expression, after) = inside.split_at(end);
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.push(Part::Expression(Expression::compile(expression.trim(), scope)?));
                rest = after.strip_prefix('}').unwrap_or(after);
            } else {
                return Err("a \"}\" closes nothing; a literal brace is written \"}}\"".to_owned());
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(Self { parts })
    }

    /// A template that is this text, whatever characters are in it.
    pub fn of_text(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.into())] }
    }

    /// The text for a request; `None` if an expression in it has no value.
    pub fn render<'t>(&'t self, facts: &Facts<'t>) -> Result<Option<Cow<'t, str>>, TextProblem> {
        match self.parts.as_slice() {
            [] => Ok(Some(Cow::Borrowed(""))),
            [Part::Text(text)] => Ok(Some(Cow::Borrowed(text))),
            [Part::Expression(expression)] => expression.text(facts),
            parts => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(literal) => text.push_str(literal),
                        Part::Expression(expression) => match expression.text(facts)? {
                            Some(value) => text.push_str(&value),
                            None => return Ok(None),
                        },
                    }
                }
                Ok(Some(Cow::Owned(text)))
            }
        }
    }

    /// The text for a request, if every value that is put in it fits.
    pub fn render_if(&self, facts: &Facts<'_>, fits: impl Fn(&str) -> bool) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expression(expression) => {
                    text.push_str(&expression.text(facts).ok().flatten().filter(|value| fits(value))?);
                }
            }
        }
        Some(text)
    }

    /// The text with `value` in the place of every value.
    pub fn render_sample(&self, value: &str) -> String {
        let text = |part: &Part| match part {
            Part::Text(literal) => literal.to_string(),
            Part::Expression(_) => value.to_owned(),
        };
        self.parts.iter().map(text).collect()
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression(expression) => Some(expression),
        })
    }

    /// The text for a log: `-` for every value that is not there, control characters escaped.
    pub fn render_log(&self, facts: &Facts<'_>) -> String {
        let mut line = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Expression(expression) => match expression.text(facts) {
                    Ok(Some(value)) => push_escaped(&mut line, &value),
                    Ok(None) | Err(_) => line.push('-'),
                },
            }
        }
        line
    }

    /// The text itself, if no expression is in it.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// Quotes are escaped as well, so that a value cannot end the quotes of an operator's template.
fn push_escaped(line: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
}

/// Where the expression ends: at the brace that closes it, not at one in a CEL string or a CEL map.
fn expression_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (place, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(place),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}
