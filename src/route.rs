//! Which location is meant? Host, then path, then method; knows nothing of who may enter.
//!
//! Look-ups cost a few hash probes, however many locations there are; only regular expressions are tried one by one.

use std::collections::HashMap;

use http::Method;
use regex::Regex;

type Map<V> = HashMap<Box<str>, V, foldhash::fast::RandomState>;

/// Which hosts a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostRule {
    /// Any host, and requests without one.
    Any,
    /// This one, in lower case.
    Exact(Box<str>),
    /// Every host that ends with this, which starts with a dot.
    Wildcard(Box<str>),
}

/// Which paths a rule is for, in normal form.
#[derive(Debug, Clone)]
pub enum PathRule {
    /// This path.
    Exact(Box<str>),
    /// This path and what is below it, by whole segments.
    Prefix(Box<str>),
    /// Paths that the expression finds a match in.
    Regex(Regex),
}

/// Stands for one listener of the process.
pub type ListenerId = usize;

/// What a rule asks of a request besides host and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Only requests that came in here; `None`: anywhere.
    pub listener: Option<ListenerId>,
    /// Only these methods; `None`: any.
    pub methods: Option<Vec<Method>>,
}

/// What was found for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'t, T> {
    /// The rule's target.
    Target(&'t T),
    /// Rules for this host and path are there, but for these methods only.
    MethodRefused(Vec<Method>),
    /// No rule.
    Nothing,
}

/// The rule overlaps with one that is already in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap;

/// Rules by host, path and method.
#[derive(Debug)]
pub struct RouteTable<T> {
    exact_hosts: Map<PathTable<T>>,
    wildcard_hosts: Map<PathTable<T>>,
    any_host: PathTable<T>,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { exact_hosts: Map::default(), wildcard_hosts: Map::default(), any_host: PathTable::default() }
    }
}

impl<T> RouteTable<T> {
    /// Adds a rule; refuses one that could not be told from a rule that is there.
    pub fn add(&mut self, host: HostRule, path: PathRule, conditions: Conditions, target: T) -> Result<(), Overlap> {
        let table = match host {
            HostRule::Any => &mut self.any_host,
            HostRule::Exact(host) => self.exact_hosts.entry(host).or_default(),
            HostRule::Wildcard(suffix) => self.wildcard_hosts.entry(suffix).or_default(),
        };
        table.leaf(path).add(conditions, target)
    }

    /// Finds the rule for a request: the most specific host that has a matching rule decides, then an exact path, then
    /// regular expressions in their order, then the longest prefix.
    pub fn find(&self, listener: ListenerId, host: &str, path: &str, method: &Method) -> Found<'_, T> {
        let exact = self.exact_hosts.get(host);
        let wildcards = suffixes(host).filter_map(|suffix| self.wildcard_hosts.get(suffix));
        for table in exact.into_iter().chain(wildcards).chain([&self.any_host]) {
            let found = table.find(listener, path, method);
            if !matches!(found, Found::Nothing) {
                return found;
            }
        }
        Found::Nothing
    }
}

/// `.b.c` and `.c` of `a.b.c`.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').filter_map(|(dot, _)| host.get(dot..)).filter(|suffix| suffix.len() < host.len())
}

#[derive(Debug)]
struct PathTable<T> {
    exact: Map<Leaf<T>>,
    regexes: Vec<(Regex, Leaf<T>)>,
    prefixes: Map<Leaf<T>>,
    longest_prefix: usize,
}

impl<T> Default for PathTable<T> {
    fn default() -> Self {
        Self { exact: Map::default(), regexes: Vec::new(), prefixes: Map::default(), longest_prefix: 0 }
    }
}

impl<T> PathTable<T> {
    fn leaf(&mut self, path: PathRule) -> &mut Leaf<T> {
        match path {
            PathRule::Exact(path) => self.exact.entry(path).or_default(),
            PathRule::Prefix(prefix) => {
                self.longest_prefix = self.longest_prefix.max(prefix.len());
                self.prefixes.entry(prefix).or_default()
            }
            PathRule::Regex(regex) => {
                let same = self.regexes.iter().position(|(other, _)| other.as_str() == regex.as_str());
                let place = same.unwrap_or(self.regexes.len());
                if same.is_none() {
                    self.regexes.push((regex, Leaf::default()));
                }
                #[allow(clippy::indexing_slicing, reason = "the place was just found or just made")]
                &mut self.regexes[place].1
            }
        }
    }

    fn find(&self, listener: ListenerId, path: &str, method: &Method) -> Found<'_, T> {
        let exact = self.exact.get(path).into_iter();
        let regexes = self.regexes.iter().filter(|(regex, _)| regex.is_match(path)).map(|(_, leaf)| leaf);
        let prefixes = self.prefixes_of(path);
        exact
            .chain(regexes)
            .chain(prefixes)
            .map(|leaf| leaf.find(listener, method))
            .find(|found| !matches!(found, Found::Nothing))
            .unwrap_or(Found::Nothing)
    }

    /// Prefixes that hold the path, longest first: `/a/b/` is longer than `/a/b`.
    fn prefixes_of<'t>(&'t self, path: &str) -> impl Iterator<Item = &'t Leaf<T>> {
        // Longer pieces than the longest prefix cannot be in the table: a path of a thousand slashes costs nothing.
        let reach = path.len().min(self.longest_prefix.saturating_add(1));
        let whole = (path.len() <= self.longest_prefix).then_some(path);
        let head = path.get(..reach).unwrap_or(path);
        let below = head.rmatch_indices('/').flat_map(|(slash, _)| [path.get(..=slash), path.get(..slash)]);
        let pieces = whole.into_iter().chain(below.flatten().filter(move |piece| Some(*piece) != whole));
        pieces.filter_map(|piece| self.prefixes.get(piece))
    }
}

/// Rules of equal rank.
#[derive(Debug)]
struct Leaf<T> {
    rules: Vec<(Conditions, T)>,
}

impl<T> Default for Leaf<T> {
    fn default() -> Self {
        Self { rules: Vec::new() }
    }
}

impl<T> Leaf<T> {
    fn add(&mut self, conditions: Conditions, target: T) -> Result<(), Overlap> {
        if self.rules.iter().any(|(other, _)| overlap(other, &conditions)) {
            return Err(Overlap);
        }
        self.rules.push((conditions, target));
        // The first that fits is then the most specific: a listener named before none, methods named before any.
        self.rules.sort_by_key(|(conditions, _)| (conditions.listener.is_none(), conditions.methods.is_none()));
        Ok(())
    }

    fn find(&self, listener: ListenerId, method: &Method) -> Found<'_, T> {
        let mut allowed = Vec::new();
        for (conditions, target) in &self.rules {
            if conditions.listener.is_some_and(|named| named != listener) {
                continue;
            }
            match &conditions.methods {
                Some(methods) if !methods.contains(method) => allowed.extend(methods.iter().cloned()),
                Some(_) | None => return Found::Target(target),
            }
        }
        if allowed.is_empty() { Found::Nothing } else { Found::MethodRefused(allowed) }
    }
}

fn overlap(one: &Conditions, other: &Conditions) -> bool {
    let methods = match (&one.methods, &other.methods) {
        (None, None) => true,
        (Some(these), Some(those)) => these.iter().any(|method| those.contains(method)),
        (Some(_), None) | (None, Some(_)) => false,
    };
    one.listener == other.listener && methods
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
