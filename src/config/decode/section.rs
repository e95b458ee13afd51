//! Which keys does a mapping have, which does it lack, and which does nobody know?

use super::super::place::{Located, Place, quoted_key};
use super::super::suggest::suggest;
use super::super::yaml::{Key, Node};
use super::{Decoder, Value};

/// A mapping that is read key by key. Whatever has not been asked for by [`Section::close`] is unknown.
pub(super) struct Section<'n> {
    entries: &'n [(Key, Node)],
    path: String,
    place: Place,
    /// The keys asked for, present or not.
    known: Vec<&'static str>,
    missing: Vec<Missing>,
}

/// Told at the end only: a misspelt key is one problem, not one unknown key and one missing.
struct Missing {
    /// Each of them would have done.
    names: Vec<&'static str>,
    text: String,
}

impl<'n> Section<'n> {
    /// The section that `value` is. Whoever opens one closes it, or its unknown keys go untold.
    pub fn open(value: &Value<'n>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let entries = value.entries("a mapping (\"key: value\")", decoder)?;
        let path = value.path().to_owned();
        Some(Self { entries, path, place: value.place(), known: Vec::new(), missing: Vec::new() })
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Whether `name` is written. It stays unknown until it is asked for.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key.text == name)
    }

    /// The value of `name`.
    pub fn value(&mut self, name: &'static str) -> Option<Value<'n>> {
        self.known.push(name);
        self.entry(name).map(|(key, node)| Value::of_key(&self.path, key, node))
    }

    /// Makes `name` known without reading it, where the problem is that it has nothing to belong to.
    pub fn allow(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// The place of the key `name` itself, or of the section.
    pub fn place_of_key(&self, name: &str) -> Place {
        match self.entry(name) {
            Some((key, _)) => self.place_at(key),
            None => self.place(),
        }
    }

    /// Reads `name` if it is there. `None` also after a problem, which has been reported.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        decoder: &mut Decoder<'_>,
        read: impl FnOnce(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
    ) -> Option<T> {
        self.value(name).and_then(|value| read(&value, decoder))
    }

    /// Reads `name`, which has to be there.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        decoder: &mut Decoder<'_>,
        read: impl FnOnce(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
    ) -> Option<T> {
        self.required_or(name, &format!("{name:?} is missing"), decoder, read)
    }

    /// Reads `name`, which has to be there; `missing` says so in words of its own.
    pub fn required_or<T>(
        &mut self,
        name: &'static str,
        missing: &str,
        decoder: &mut Decoder<'_>,
        read: impl FnOnce(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.value(name) {
            Some(value) => read(&value, decoder),
            None => {
                self.missing.push(Missing { names: vec![name], text: missing.to_owned() });
                None
            }
        }
    }

    /// The one of `choices` that is written. More than one is a problem, and so is none, unless one of `instead`
    /// stands in its place.
    pub fn one_of<T: Copy>(
        &mut self,
        choices: &[(&'static str, T)],
        instead: &[&'static str],
        decoder: &mut Decoder<'_>,
    ) -> Option<(T, Value<'n>)> {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let mut written: Vec<_> =
            choices.iter().filter_map(|(name, choice)| Some((*name, *choice, self.value(name)?))).collect();
        written.sort_by_key(|(name, ..)| self.entries.iter().position(|(key, _)| key.text == *name));
        let mut written = written.into_iter();
        match (written.next(), written.next()) {
            (None, _) => {
                if !instead.iter().any(|name| self.has(name)) {
                    let text = format!("one of {} is needed", listed(&names));
                    let names = names.iter().chain(instead).copied().collect();
                    self.missing.push(Missing { names, text });
                }
                None
            }
            (Some((_, choice, value)), None) => Some((choice, value)),
            (Some((first, ..)), Some((second, ..))) => {
                let text = format!("{first:?} and {second:?} together: exactly one of {} is allowed", listed(&names));
                decoder.problem(self.place_of_key(second), text);
                None
            }
        }
    }

    /// Reports every key that nobody asked for, and what is missing.
    pub fn close(self, decoder: &mut Decoder<'_>) {
        let mut meant = Vec::new();
        for (key, value) in self.entries {
            let name = key.text.as_str();
            if self.known.contains(&name) {
                continue;
            }
            let candidates = self.known.iter().copied();
            let glued = name.split_once(':').filter(|_| value.is_null()).map(|(name, _)| name);
            let suggestion = match glued {
                Some(name) => candidates.clone().find(|known| *known == name),
                None => suggest(name, candidates),
            };
            let text = match (glued, suggestion) {
                (Some(_), Some(name)) => {
                    format!("unknown key {}; a space is missing after \"{name}:\"", quoted_key(&key.text))
                }
                (None, Some(name)) => format!("unknown key {}; did you mean {name:?}?", quoted_key(&key.text)),
                (Some(_) | None, None) => format!("unknown key {}", quoted_key(&key.text)),
            };
            decoder.problem(self.place_at(key), text);
            meant.extend(suggestion);
        }
        for missing in &self.missing {
            if !missing.names.iter().any(|name| meant.contains(name)) {
                decoder.problem(self.place(), missing.text.clone());
            }
        }
    }

    fn entry(&self, name: &str) -> Option<&'n (Key, Node)> {
        self.entries.iter().find(|(key, _)| key.text == name)
    }

    fn place_at(&self, key: &Key) -> Place {
        Place { path: self.path.clone(), line: key.line, column: key.column }
    }
}

/// Reads a mapping whose keys are names that the operator chose.
pub(super) fn named<'n, T>(
    value: &Value<'n>,
    decoder: &mut Decoder<'_>,
    read: impl Fn(Located<String>, &Value<'n>, &mut Decoder<'_>) -> T,
) -> Option<Vec<T>> {
    let entries = value.entries("a mapping of names (\"name: …\")", decoder)?;
    let mut all = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        let entry = Value::of_key(value.path(), key, node);
        let place = Place { path: entry.path().to_owned(), line: key.line, column: key.column };
        if key.text.is_empty() {
            decoder.problem(place.clone(), "a name is empty");
        }
        all.push(read(Located::new(key.text.clone(), place), &entry, decoder));
    }
    Some(all)
}

/// `"a", "b" or "c"`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("{only:?}"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|name| format!("{name:?}")).collect();
            format!("{} or {last:?}", first.join(", "))
        }
    }
}
