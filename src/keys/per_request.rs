//! Which keys belong to what a request names? One source for each name, opened on first use, bounded in number.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;

use super::line::Line;
use super::load::{KeyFormat, KeyPolicy, SourceError};
use super::remote::{Needed, Presence, Remote, RemoteDefinition};
use super::source::{Definition, KeySource, Origin};
use crate::watched::{Refresh, Reread};

/// Names that are remembered. Those that are asked for once go first, so a flood of them drives out no tenant.
const MOST_NAMES: usize = 1000;
/// How long it is believed that a file is not there, or cannot be read.
const BELIEVED: Duration = Duration::from_secs(2);
/// Endpoints of one source that are asked at the same time.
const MOST_FETCHES: usize = 16;

/// What the configuration says of a source whose place differs by request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerRequestDefinition {
    /// The template of the name, for telling sources apart.
    pub template: String,
    /// What is named.
    pub place: PerRequestPlace,
    /// What the octets are.
    pub format: KeyFormat,
    /// What their keys are for.
    pub policy: KeyPolicy,
    /// How long a name's keys are used before they are looked for again.
    pub lifetime: Duration,
}

/// What a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PerRequestPlace {
    /// A file in a folder.
    File(PathBuf),
    /// An endpoint, which is like this one but for its URL.
    Remote(RemoteDefinition),
}

/// Sources of one definition: one for each name.
pub struct PerRequestSource {
    name: String,
    definition: PerRequestDefinition,
    known: Cache<String, Known>,
    /// The way to all of its endpoints.
    line: Option<Arc<Line>>,
}

#[derive(Clone)]
struct Known {
    keys: Result<Arc<KeySource>, NoKeys>,
    /// Until then it is believed. An endpoint knows itself when it is to be asked again.
    until: Option<SystemTime>,
}

/// Why a name has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKeys {
    /// There are none.
    Absent,
    /// There are some, and they cannot be read.
    Unreadable,
}

/// What is to be done, or was done, for the keys of a name.
#[derive(Debug)]
pub enum Looked {
    /// They are in use.
    Found {
        /// What was left out, one line each.
        warnings: Vec<String>,
    },
    /// There are none.
    Absent,
    /// They cannot be used; those that were used before stay in use.
    Failed(SourceError),
    /// Their endpoint has to be asked.
    ToFetch(Arc<KeySource>),
}

impl PerRequestSource {
    /// A source that knows no name yet. Reads the file of authorities, if there is one.
    pub fn new(name: String, definition: PerRequestDefinition) -> Result<Self, SourceError> {
        let line = match &definition.place {
            PerRequestPlace::File(_) => None,
            PerRequestPlace::Remote(remote) => Some(Arc::new(Line::new(remote, MOST_FETCHES)?)),
        };
        Ok(Self { name, definition, known: Cache::new(MOST_NAMES), line })
    }

    /// Its place in the configuration, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the configuration says of it.
    pub fn definition(&self) -> &PerRequestDefinition {
        &self.definition
    }

    /// The source of a name; `None` if it has to be looked for first. Keys of an endpoint whose time is over are used
    /// once more, for no longer than another lifetime, while others are fetched.
    pub fn find(&self, named: &str, now: SystemTime) -> Option<Result<Arc<KeySource>, NoKeys>> {
        let known = self.known.get(named)?;
        if let Some(remote) = known.keys.as_ref().ok().and_then(|source| source.remote()) {
            if remote.is_due(now) {
                let bearable = self.definition.lifetime.saturating_mul(2);
                remote.age(now).filter(|age| *age < bearable)?;
                remote.want();
            }
            return Some(known.keys.and_then(|source| usable(source, now)));
        }
        known.until.is_some_and(|until| now < until).then_some(known.keys)
    }

    /// The source of a name that was looked for a moment ago, whatever its time.
    pub fn find_again(&self, named: &str, now: SystemTime) -> Result<Arc<KeySource>, NoKeys> {
        let known = self.known.get(named).ok_or(NoKeys::Unreadable)?;
        known.keys.and_then(|source| if source.remote().is_some() { usable(source, now) } else { Ok(source) })
    }

    /// The endpoints whose keys are used although it is time to fetch others.
    pub fn wanted(&self) -> Vec<Arc<KeySource>> {
        let endpoints = self.known.iter().filter_map(|(_, known)| known.keys.ok());
        endpoints.filter(|source| source.remote().is_some_and(Remote::take_wanted)).collect()
    }

    /// Looks for the keys of a name. Reads a file, or says which endpoint to ask.
    pub fn look(&self, named: &str, now: SystemTime) -> Looked {
        match &self.definition.place {
            PerRequestPlace::File(folder) => self.look_for_file(named, folder.join(named), now),
            PerRequestPlace::Remote(definition) => match self.endpoint(named, definition) {
                Ok(source) => Looked::ToFetch(source),
                Err(error) => Looked::Failed(error),
            },
        }
    }

    /// The endpoint of a name: however many ask for it at once, there is one.
    fn endpoint(&self, named: &str, definition: &RemoteDefinition) -> Result<Arc<KeySource>, SourceError> {
        let line = self.line.as_ref().ok_or_else(|| SourceError::new("there is no way to this endpoint"))?;
        let known = self.known.get_or_insert_with(named, || {
            let endpoint = definition.endpoint.at(named);
            let remote = RemoteDefinition { endpoint, needed: Needed::ForOneName, ..definition.clone() };
            let policy = self.definition.policy.clone();
            let source = KeySource::on_line(self.name.clone(), remote, policy, Arc::clone(line));
            Ok::<_, SourceError>(Known { keys: Ok(Arc::new(source)), until: None })
        })?;
        known.keys.map_err(|_| SourceError::new("this name stands for a file"))
    }

    fn look_for_file(&self, named: &str, path: PathBuf, now: SystemTime) -> Looked {
        if is_gone(&path) {
            self.remember(named, Err(NoKeys::Absent), now, BELIEVED);
            return Looked::Absent;
        }
        if let Some(Ok(source)) = self.known.get(named).map(|known| known.keys) {
            let refresh = source.refresh(Reread::UnlessGood);
            self.remember(named, Ok(source), now, self.definition.lifetime);
            return match refresh {
                Refresh::Unchanged => Looked::Found { warnings: Vec::new() },
                Refresh::Loaded { warnings } => Looked::Found { warnings },
                Refresh::Failed(problem) => Looked::Failed(SourceError::new(problem)),
            };
        }
        match self.open(Origin::File(path), now) {
            Ok((source, warnings)) => {
                self.remember(named, Ok(source), now, self.definition.lifetime);
                Looked::Found { warnings }
            }
            Err(error) => {
                self.remember(named, Err(NoKeys::Unreadable), now, BELIEVED);
                Looked::Failed(error)
            }
        }
    }

    fn open(&self, origin: Origin, now: SystemTime) -> Result<(Arc<KeySource>, Vec<String>), SourceError> {
        let policy = self.definition.policy.clone();
        let definition = Definition { origin, format: self.definition.format, policy };
        let (source, warnings) = KeySource::open(self.name.clone(), definition, now)?;
        Ok((Arc::new(source), warnings))
    }

    /// Reads files again that changed since, of every name that is known. One that is gone takes its keys along.
    pub fn refresh(&self, mut report: impl FnMut(Refresh)) {
        let folder = match (&self.definition.place, &self.line) {
            (PerRequestPlace::File(folder), _) => folder,
            (PerRequestPlace::Remote(_), Some(line)) => return report(line.renew(Reread::IfChanged)),
            (PerRequestPlace::Remote(_), None) => return,
        };
        for (named, known) in self.known.iter() {
            let Ok(source) = known.keys else { continue };
            if is_gone(&folder.join(&*named)) {
                self.known.remove(&named);
            } else {
                report(source.refresh(Reread::IfChanged));
            }
        }
    }

    fn remember(&self, named: &str, keys: Result<Arc<KeySource>, NoKeys>, now: SystemTime, lifetime: Duration) {
        self.known.insert(named.into(), Known { keys, until: now.checked_add(lifetime) });
    }
}

/// The keys of an endpoint that is not to be asked now.
fn usable(source: Arc<KeySource>, now: SystemTime) -> Result<Arc<KeySource>, NoKeys> {
    source.give_up_stale(now);
    let presence = source.remote().map_or(Presence::Absent, Remote::presence);
    match presence {
        Presence::Absent => Err(NoKeys::Absent),
        Presence::Supposed if source.current().is_empty() => Err(NoKeys::Unreadable),
        Presence::Supposed => Ok(source),
    }
}

fn is_gone(path: &Path) -> bool {
    let gone = |error: std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    std::fs::metadata(path).is_err_and(gone)
}

impl fmt::Debug for PerRequestSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerRequestSource").field("name", &self.name).field("known", &self.known.len()).finish()
    }
}

/// Whether a value may stand in a name: one plain segment of a path, of ASCII letters, digits, `-`, `_`, `.` and `~`,
/// which does not begin with a dot.
pub fn is_plain_segment(value: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'~');
    (1..=255).contains(&value.len()) && !value.starts_with('.') && value.bytes().all(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::fs;

    use super::*;
    use crate::jose::WeakKeys;
    use crate::keys::{Purpose, SecretEncoding};

    const SECRET: &str = "a-string-secret-at-least-256-bits-long";

    fn source(folder: &std::path::Path) -> PerRequestSource {
        let definition = PerRequestDefinition {
            template: "{request.host}".into(),
            place: PerRequestPlace::File(folder.to_owned()),
            format: KeyFormat::Secret(SecretEncoding::Utf8),
            policy: KeyPolicy { algorithms: None, kid: None, weak: WeakKeys::Refuse, purpose: Purpose::Verify },
            lifetime: Duration::from_secs(600),
        };
        PerRequestSource::new("keys.tenants[0]".into(), definition).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_keys_of_a_name_are_looked_for_once_and_again_after_their_lifetime() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), SECRET).unwrap();
        let source = source(folder.path());
        assert!(source.find("a", at(0)).is_none());
        assert!(matches!(source.look("a", at(0)), Looked::Found { .. }));
        let first = source.find("a", at(599)).unwrap().unwrap().generation();
        assert!(source.find("a", at(600)).is_none());
        assert!(matches!(source.look("a", at(600)), Looked::Found { .. }));
        assert_eq!(source.find("a", at(601)).unwrap().unwrap().generation(), first, "the same keys are no new load");
    }

    #[test]
    fn a_name_without_keys_is_not_the_same_as_one_whose_keys_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bad"), "short").unwrap();
        let source = source(folder.path());
        assert!(matches!(source.look("none", at(0)), Looked::Absent));
        assert_eq!(source.find("none", at(1)).unwrap().unwrap_err(), NoKeys::Absent);
        assert!(source.find("none", at(2)).is_none(), "a tenant may come at any time");
        assert!(matches!(source.look("bad", at(0)), Looked::Failed(_)));
        assert_eq!(source.find("bad", at(1)).unwrap().unwrap_err(), NoKeys::Unreadable);
    }

    #[test]
    fn a_file_that_became_bad_leaves_its_keys_and_one_that_is_gone_takes_them_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, SECRET).unwrap();
        let source = source(folder.path());
        source.look("a", at(0));
        fs::write(&file, "bad").unwrap();
        let mut reports = Vec::new();
        source.refresh(|report| reports.push(report));
        assert!(matches!(reports.as_slice(), [Refresh::Failed(_)]));
        assert!(source.find("a", at(1)).unwrap().is_ok());
        fs::remove_file(&file).unwrap();
        source.refresh(|_| {});
        assert!(source.find("a", at(1)).is_none());
    }

    #[test]
    fn names_are_bounded_in_number() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        for tenant in 0..5000 {
            source.look(&format!("t{tenant}"), at(0));
        }
        assert!(source.known.len() <= MOST_NAMES);
    }

    #[test]
    fn class_05_no_value_leaves_its_folder() {
        for good in ["a", "example.com", "tenant-1", "A_b~c", "a..b"] {
            assert!(is_plain_segment(good), "{good}");
        }
        for bad in
            ["", ".", "..", "../a", "a/b", "/a", "a\\b", ".hidden", "a\0b", "a b", "ä", "%2e%2e", "a%2fb", "a?b", "a#b"]
        {
            assert!(!is_plain_segment(bad), "{bad}");
        }
        assert!(!is_plain_segment(&"a".repeat(256)));
    }
}
