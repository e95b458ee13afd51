//! What kind of thing stands at a place of the file?

use super::super::place::{Place, path_of_item, path_of_key};
use super::super::yaml::{Key, Kind, Node};
use super::Decoder;

/// A node of the file, with the way to it.
pub(super) struct Value<'n> {
    node: &'n Node,
    path: String,
}

impl<'n> Value<'n> {
    /// The file itself.
    pub fn root(node: &'n Node) -> Self {
        Self { node, path: String::new() }
    }

    /// A node at a path that is known already.
    pub fn at(path: String, node: &'n Node) -> Self {
        Self { node, path }
    }

    /// The value of a key below `path`.
    pub fn of_key(path: &str, key: &Key, node: &'n Node) -> Self {
        Self { node, path: path_of_key(path, &key.text) }
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { path: self.path.clone(), line: self.node.line, column: self.node.column }
    }

    /// The way to it through the keys.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is, for those who read every kind.
    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// Reports a problem of this value.
    pub fn problem(&self, text: impl Into<String>, decoder: &mut Decoder<'_>) {
        decoder.problem(self.place(), text);
    }

    /// Whether it is a list, where one value may stand alone as well.
    pub fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::Sequence(_))
    }

    /// Whether it is a mapping, where a scalar may stand for a short form.
    pub fn is_mapping(&self) -> bool {
        matches!(self.node.kind, Kind::Mapping(_))
    }

    /// The text of a scalar, for those who look before they read.
    pub fn scalar(&self) -> Option<&'n str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Some(text.as_str()),
            Kind::Sequence(_) | Kind::Mapping(_) | Kind::Broken => None,
        }
    }

    /// The text of a scalar; null is none. `expected` names what is wanted, as in "expected a duration".
    pub fn text(&self, expected: &str, decoder: &mut Decoder<'_>) -> Option<&'n str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } if !self.node.is_null() => Some(text.as_str()),
            Kind::Scalar { .. } | Kind::Sequence(_) | Kind::Mapping(_) | Kind::Broken => {
                self.mismatch(expected, decoder)
            }
        }
    }

    /// The values of a list.
    pub fn items(&self, expected: &str, decoder: &mut Decoder<'_>) -> Option<Vec<Value<'n>>> {
        match &self.node.kind {
            Kind::Sequence(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, node)| Value { node, path: path_of_item(&self.path, index) })
                    .collect(),
            ),
            Kind::Scalar { .. } | Kind::Mapping(_) | Kind::Broken => self.mismatch(expected, decoder),
        }
    }

    /// The keys and values of a mapping.
    pub fn entries(&self, expected: &str, decoder: &mut Decoder<'_>) -> Option<&'n [(Key, Node)]> {
        match &self.node.kind {
            Kind::Mapping(entries) => Some(entries),
            Kind::Scalar { .. } | Kind::Sequence(_) | Kind::Broken => self.mismatch(expected, decoder),
        }
    }

    /// Says what was found instead of what was expected. Never quotes a value: it may be a secret at the wrong place.
    fn mismatch<T>(&self, expected: &str, decoder: &mut Decoder<'_>) -> Option<T> {
        let found = match &self.node.kind {
            Kind::Broken => return None,
            Kind::Scalar { .. } if self.node.is_null() => "nothing",
            Kind::Scalar { .. } => "text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(entries) if is_unquoted_template(entries) => {
                "a mapping (text that begins with \"{\" must be in quotes)"
            }
            Kind::Mapping(_) => "a mapping",
        };
        self.problem(format!("expected {expected}, found {found}"), decoder);
        None
    }
}

/// `X-User-ID: {claims.sub}` without quotes is, to YAML, a mapping with one key and no value.
fn is_unquoted_template(entries: &[(Key, Node)]) -> bool {
    matches!(entries, [(_, value)] if value.is_null())
}
