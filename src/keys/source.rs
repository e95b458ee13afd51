//! Where do keys come from, and have they changed since?

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::fetch::FetchError;
use super::line::Line;
use super::load::{self, KeyFormat, KeyPolicy, Keys, SourceError};
use super::remote::{Content, Remote, RemoteDefinition};
use super::{Generation, LoadedKeys};
use crate::watched::{Refresh, Reread, Watched};

/// Everything that the configuration says of a source. Sources of equal definition have the same keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// Where the octets are.
    pub origin: Origin,
    /// What they are.
    pub format: KeyFormat,
    /// What their keys are for.
    pub policy: KeyPolicy,
}

/// Where the octets of a source are.
#[derive(PartialEq, Eq)]
pub enum Origin {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// In the configuration.
    Inline(Zeroizing<Vec<u8>>),
    /// At an endpoint, which is asked again and again.
    Remote(RemoteDefinition),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.write_str("Inline(…)"),
            Self::Remote(definition) => f.debug_tuple("Remote").field(definition).finish(),
        }
    }
}

/// One place where keys come from.
#[derive(Debug)]
pub struct KeySource {
    name: String,
    definition: Definition,
    current: ArcSwap<LoadedKeys>,
    feed: Feed,
}

/// What has to be known for reading a source again.
#[derive(Debug)]
enum Feed {
    Inline,
    File(Watched),
    Remote(Box<Remote>),
}

/// What came of fetching.
#[derive(Debug)]
pub enum Fetch {
    /// Keys are published as before.
    Unchanged,
    /// Other keys are in use.
    Loaded {
        /// What there is to say of them, one line each.
        warnings: Vec<String>,
    },
    /// Nothing usable is published, or nobody answers; the last good keys stay.
    Failed(FetchError),
}

impl KeySource {
    /// Reads a source for the first time; gives warnings with it, one line each. Nothing is fetched: a remote source
    /// has the keys of its saved copy, or none.
    pub fn open(name: String, definition: Definition, now: SystemTime) -> Result<(Self, Vec<String>), SourceError> {
        let (feed, keys, warnings) = match &definition.origin {
            Origin::Remote(remote) => {
                let line = Line::new(remote, 1)?;
                let remote = Remote::new(remote.clone(), Arc::new(line));
                let (keys, warnings) = saved_keys(&remote, &definition, now);
                (Feed::Remote(Box::new(remote)), keys, warnings)
            }
            Origin::Inline(octets) => {
                let loaded = load::keys(definition.format, octets, &definition.policy)?;
                (Feed::Inline, loaded.keys, loaded.warnings)
            }
            Origin::File(path) => {
                let file = Watched::new(path.clone());
                let read = file.read(Reread::UnlessGood, |octets| definition.keys_in(octets));
                let loaded = read.unwrap_or_else(|| Err("was read before".to_owned())).map_err(SourceError::new)?;
                (Feed::File(file), loaded.keys, loaded.warnings)
            }
        };
        let current = ArcSwap::from_pointee(LoadedKeys::new(keys));
        Ok((Self { name, definition, current, feed }, warnings))
    }

    /// A source without keys yet, which shares its line with others.
    pub(super) fn on_line(name: String, remote: RemoteDefinition, policy: KeyPolicy, line: Arc<Line>) -> Self {
        let feed = Feed::Remote(Box::new(Remote::new(remote.clone(), line)));
        let definition = Definition { origin: Origin::Remote(remote), format: KeyFormat::Jwks, policy };
        Self { name, definition, current: ArcSwap::from_pointee(LoadedKeys::new(Keys::default())), feed }
    }

    /// The endpoint, if the source is remote.
    pub fn remote(&self) -> Option<&Remote> {
        match &self.feed {
            Feed::Remote(remote) => Some(remote),
            Feed::Inline | Feed::File(_) => None,
        }
    }

    /// Its place in the configuration, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the configuration says of it.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The keys now in use.
    pub fn current(&self) -> Arc<LoadedKeys> {
        self.current.load_full()
    }

    /// Which load of the source is in use.
    pub fn generation(&self) -> Generation {
        self.current.load().generation()
    }

    /// Reads the file again, if there is reason to. One that became bad leaves the last good keys in use.
    pub fn refresh(&self, reread: Reread) -> Refresh {
        let file = match &self.feed {
            Feed::Inline => return Refresh::Unchanged,
            // The keys are for the schedule; here it is the authorities that may have changed.
            Feed::Remote(remote) => return remote.line().renew(reread),
            Feed::File(file) => file,
        };
        match file.read(reread, |octets| self.definition.keys_in(octets)) {
            None => Refresh::Unchanged,
            Some(Ok(loaded)) => {
                self.current.store(Arc::new(LoadedKeys::new(loaded.keys)));
                Refresh::Loaded { warnings: loaded.warnings }
            }
            Some(Err(problem)) => Refresh::Failed(problem),
        }
    }

    /// Asks the endpoint of a remote source, and waits for its answer. A set without usable keys replaces nothing.
    pub fn fetch(&self, now: SystemTime) -> Fetch {
        let Feed::Remote(remote) = &self.feed else {
            return Fetch::Unchanged;
        };
        let published = match remote.fetch() {
            Ok(published) => published,
            Err(error) => {
                remote.end(Err(()), now);
                return Fetch::Failed(error);
            }
        };
        // Keys that were given up are read again, also from the same body.
        let content = if self.current().is_empty() { Content::New } else { remote.compare(&published.body) };
        let loaded = match content {
            Content::Same => Ok(Vec::new()),
            Content::New => self.take(&published.body),
        };
        remote.end(loaded.as_ref().map(|_| &published).map_err(|_| ()), now);
        match loaded {
            Ok(warnings) => {
                remote.loaded_from(published.body);
                remote.to_be_saved();
                match content {
                    Content::Same => Fetch::Unchanged,
                    Content::New => Fetch::Loaded { warnings },
                }
            }
            Err(error) => {
                let endpoint = &remote.definition().endpoint;
                Fetch::Failed(FetchError::Failed(format!("GET {endpoint}: {error}")))
            }
        }
    }

    /// Takes published keys into use, and gives warnings.
    fn take(&self, body: &[u8]) -> Result<Vec<String>, SourceError> {
        let loaded = load::keys(self.definition.format, body, &self.definition.policy)?;
        self.current.store(Arc::new(LoadedKeys::new(loaded.keys)));
        Ok(loaded.warnings)
    }

    /// Gives up the keys of a remote source that have been good for too long; tells whether it did.
    pub fn give_up_stale(&self, now: SystemTime) -> bool {
        let stale = self.remote().is_some_and(|remote| remote.gives_up(now));
        if stale {
            self.current.store(Arc::new(LoadedKeys::new(Keys::default())));
        }
        stale
    }
}

/// The keys of the copy that was saved, if there is a good one.
fn saved_keys(remote: &Remote, definition: &Definition, now: SystemTime) -> (Keys, Vec<String>) {
    let (copy, made) = match remote.saved(now) {
        None => return (Keys::default(), Vec::new()),
        Some(Err(error)) => return (Keys::default(), vec![error.to_string()]),
        Some(Ok(saved)) => saved,
    };
    match load::keys(definition.format, &copy, &definition.policy) {
        Ok(loaded) => {
            remote.loaded_from_copy(copy, made, now);
            (loaded.keys, loaded.warnings)
        }
        Err(error) => (Keys::default(), vec![format!("the saved copy is not used: {error}")]),
    }
}

impl Definition {
    /// The keys that a file holds.
    fn keys_in(&self, octets: &[u8]) -> Result<load::Loaded, String> {
        let content = match self.format {
            KeyFormat::Secret(_) => without_newline(octets),
            KeyFormat::Jwks | KeyFormat::Pem => octets,
        };
        load::keys(self.format, content, &self.policy).map_err(|error| error.to_string())
    }
}

/// One newline at the end of a secret's file belongs to the editor, not to the secret.
fn without_newline(octets: &[u8]) -> &[u8] {
    octets.strip_suffix(b"\r\n").or_else(|| octets.strip_suffix(b"\n")).unwrap_or(octets)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::jose::WeakKeys;
    use crate::keys::{Purpose, SecretEncoding};

    fn secret_file(path: &Path) -> Definition {
        Definition {
            origin: Origin::File(path.to_owned()),
            format: KeyFormat::Secret(SecretEncoding::Utf8),
            policy: KeyPolicy { algorithms: None, kid: None, weak: WeakKeys::Refuse, purpose: Purpose::Verify },
        }
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_a_secret() {
        assert_eq!(without_newline(b"abc\n"), b"abc");
        assert_eq!(without_newline(b"abc\r\n"), b"abc");
        assert_eq!(without_newline(b"abc\n\n"), b"abc\n");
        assert_eq!(without_newline(b"abc"), b"abc");
    }

    #[test]
    fn class_32_a_file_that_became_bad_leaves_the_last_good_keys_and_is_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(KeySource::open("s".into(), secret_file(&path), SystemTime::UNIX_EPOCH).is_err());
        fs::write(&path, "a-string-secret-at-least-256-bits-long\n").unwrap();
        let (source, _) = KeySource::open("s".into(), secret_file(&path), SystemTime::UNIX_EPOCH).unwrap();
        let first = source.generation();
        assert_eq!(source.refresh(Reread::IfChanged), Refresh::Unchanged);
        assert_eq!(source.refresh(Reread::UnlessGood), Refresh::Unchanged);

        fs::write(&path, "short").unwrap();
        assert!(matches!(source.refresh(Reread::IfChanged), Refresh::Failed(_)));
        assert_eq!(source.refresh(Reread::IfChanged), Refresh::Unchanged);
        assert!(matches!(source.refresh(Reread::UnlessGood), Refresh::Failed(_)));
        assert_eq!(source.generation(), first);

        fs::remove_file(&path).unwrap();
        assert!(matches!(source.refresh(Reread::IfChanged), Refresh::Failed(_)));
        assert_eq!(source.generation(), first);

        fs::write(&path, "another-secret-of-at-least-256-bits-of-length").unwrap();
        assert!(matches!(source.refresh(Reread::IfChanged), Refresh::Loaded { .. }));
        assert_ne!(source.generation(), first);
    }
}
