//! How do the parser's events become a tree, within which limits?

use std::collections::HashMap;

use saphyr_parser::{Event, ScalarStyle, ScanError, Span, Tag};
use zeroize::Zeroizing;

use super::super::place::{Place, path_of_item, path_of_key, quoted_key};
use super::super::report::Report;
use super::{Key, Kind, Node, Style};

/// How many nodes aliases may add in all: a few lines of aliases to aliases would fill the memory otherwise.
const MOST_COPIES: usize = 10_000;
/// How deep lists and mappings may be nested: every later step walks the tree by recursion.
const DEEPEST: usize = 64;

/// A problem has been reported after which the rest of the text has no meaning.
pub(super) struct Lost;

/// Line and column, from 1.
type Position = (u32, u32);

fn at(span: &Span) -> Position {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (count(span.start.line()).max(1), count(span.start.col().saturating_add(1)))
}

/// A tree under construction.
pub(super) struct Builder<'r> {
    /// The lists and mappings around the current event, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copies: usize,
    root: Option<Node>,
    documents: usize,
    report: &'r mut Report,
}

struct Open {
    anchor: usize,
    position: Position,
    inside: Inside,
}

enum Inside {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Key, Node)>, next: Next },
}

/// What a mapping waits for.
enum Next {
    Key,
    ValueOf(Key),
    /// The key was refused: its value is read and dropped.
    ValueOfNothing,
}

impl<'r> Builder<'r> {
    /// Nothing built yet; problems go to `report`.
    pub fn new(report: &'r mut Report) -> Self {
        Self { open: Vec::new(), anchors: HashMap::new(), copies: 0, root: None, documents: 0, report }
    }

    /// The tree, if there was a document.
    pub fn finish(self) -> Option<Node> {
        self.root
    }

    /// Goes on with one event.
    pub fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Lost> {
        let position = at(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(position),
            Event::Alias(anchor) => self.alias(anchor, position),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), position);
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                let kind = Kind::Scalar { text: Zeroizing::new(text.into_owned()), style };
                self.attach(kind, anchor, position);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), position);
                self.open(anchor, position, Inside::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), position);
                self.open(anchor, position, Inside::Mapping { entries: Vec::new(), next: Next::Key })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close();
                Ok(())
            }
        }
    }

    fn document(&mut self, position: Position) -> Result<(), Lost> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        self.problem(position, "a second document begins here; a configuration is one document");
        Err(Lost)
    }

    fn open(&mut self, anchor: usize, position: Position, inside: Inside) -> Result<(), Lost> {
        if self.open.len() >= DEEPEST {
            self.problem(position, format!("nested deeper than {DEEPEST} levels"));
            return Err(Lost);
        }
        self.open.push(Open { anchor, position, inside });
        Ok(())
    }

    fn close(&mut self) {
        let Some(Open { anchor, position, inside }) = self.open.pop() else {
            return;
        };
        let kind = match inside {
            Inside::Sequence(items) => Kind::Sequence(items),
            Inside::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        self.attach(kind, anchor, position);
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Lost> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.problem(position, "an alias inside the value that it stands for");
            self.attach(Kind::Broken, 0, position);
            return Ok(());
        };
        let (nodes, levels) = node.extent();
        self.copies = self.copies.saturating_add(nodes);
        if self.copies > MOST_COPIES {
            self.problem(position, format!("aliases repeat more than {MOST_COPIES} values"));
            return Err(Lost);
        }
        if self.open.len().saturating_add(levels) > DEEPEST {
            self.problem(position, format!("this alias nests values deeper than {DEEPEST} levels"));
            return Err(Lost);
        }
        self.place_node(node);
        Ok(())
    }

    fn attach(&mut self, kind: Kind, anchor: usize, (line, column): Position) {
        let node = Node { kind, line, column };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place_node(node);
    }

    fn place_node(&mut self, node: Node) {
        let refused = match self.open.last_mut().map(|open| &mut open.inside) {
            None => {
                self.root = Some(node);
                None
            }
            Some(Inside::Sequence(items)) => {
                items.push(node);
                None
            }
            Some(Inside::Mapping { entries, next }) => continue_mapping(node, entries, next).err(),
        };
        if let Some((position, text)) = refused {
            self.problem(position, text);
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, position: Position) {
        if tag.is_some() {
            self.problem(
                position,
                "tags (\"!\") are not part of this language: each key decides the type of its value",
            );
        }
    }

    /// Ends with what the parser says.
    pub fn syntax_error(&mut self, error: &ScanError) -> Result<(), Lost> {
        let position = at(&Span::empty(*error.marker()));
        self.problem(position, format!("this is not valid YAML: {}", error.info()));
        Err(Lost)
    }

    fn problem(&mut self, (line, column): Position, text: impl Into<String>) {
        let path = self.open.iter().fold(String::new(), |path, open| match &open.inside {
            Inside::Sequence(items) => path_of_item(&path, items.len()),
            Inside::Mapping { next: Next::ValueOf(key), .. } => path_of_key(&path, &key.text),
            Inside::Mapping { next: Next::Key | Next::ValueOfNothing, .. } => path,
        });
        self.report.problem(Place { path, line, column }, text);
    }
}

/// Puts `node` where the mapping waits for it, as a key or a value.
fn continue_mapping(node: Node, entries: &mut Vec<(Key, Node)>, next: &mut Next) -> Result<(), (Position, String)> {
    match std::mem::replace(next, Next::Key) {
        Next::ValueOf(key) => entries.push((key, node)),
        Next::ValueOfNothing => {}
        Next::Key => {
            // Also when the key is refused: its value still follows.
            *next = Next::ValueOfNothing;
            *next = Next::ValueOf(key(node, entries)?);
        }
    }
    Ok(())
}

/// The key that `node` is, unless it cannot stand beside `entries`.
fn key(node: Node, entries: &[(Key, Node)]) -> Result<Key, (Position, String)> {
    let position = (node.line, node.column);
    let Kind::Scalar { text, style } = node.kind else {
        return Err((position, "a key is text, not a list or a mapping".to_owned()));
    };
    if style == Style::Plain && text.as_str() == "<<" {
        return Err((position, "merge keys (\"<<\") are not part of this language: repeat what is meant".to_owned()));
    }
    if let Some((first, _)) = entries.iter().find(|(key, _)| key.text == *text) {
        let (line, column) = (first.line, first.column);
        let shown = quoted_key(&text);
        return Err((position, format!("duplicate key {shown}: it stands at {line}:{column} already")));
    }
    Ok(Key { text: text.as_str().to_owned(), line: position.0, column: position.1 })
}
