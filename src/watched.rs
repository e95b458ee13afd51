//! Has this file changed since it was read? For files that are read again while the process runs.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use zeroize::Zeroizing;

/// Larger files are not read.
const MOST_OCTETS: u64 = 1024 * 1024;

/// A file, and what it was when it was last read.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// When a file that has been read before is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// If the file is not what it was: a bad one is reported once.
    IfChanged,
    /// Also if it was bad: for an operator who waits for an answer.
    UnlessGood,
}

/// What came of looking at a file again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// It is what it was.
    Unchanged,
    /// What it holds now is in use.
    Loaded {
        /// What there is to say of it, one line each.
        warnings: Vec<String>,
    },
    /// It cannot be used, in words; what it last held stays in use.
    Failed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Good(Stamp),
    Bad(Option<Stamp>),
}

/// Tells whether a file is still the one that was read: also when another took its name, as a mounted secret does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Watched {
    /// A file that has not been read yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(Seen::Bad(None)) }
    }

    /// Which file it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file, if there is reason to: up to 1 MiB, which `take` makes something of. Problems name the file.
    pub fn read<T>(&self, reread: Reread, take: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<Result<T, String>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.path);
        match (*seen, reread) {
            (Seen::Good(before), _) if Some(before) == stamp => return None,
            (Seen::Bad(before), Reread::IfChanged) if before == stamp => return None,
            (Seen::Good(_) | Seen::Bad(_), _) => {}
        }
        let octets = octets_of(&self.path);
        let read =
            octets.and_then(|octets| take(&octets).map_err(|problem| format!("{}: {problem}", self.path.display())));
        if reread == Reread::IfChanged && self::stamp(&self.path) != stamp {
            return None; // somebody is writing it: half of a list would be another list
        }
        *seen = match (&read, stamp) {
            (Ok(_), Some(stamp)) => Seen::Good(stamp),
            (Ok(_), None) | (Err(_), _) => Seen::Bad(stamp),
        };
        Some(read)
    }
}

/// What tells this file from another one of its name; `None` if there is none.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    Some(Stamp { modified: file.modified().ok(), length: file.len(), inode: file.ino() })
}

/// A file may hold secrets: what was read is wiped.
fn octets_of(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let mut octets = Zeroizing::new(Vec::new());
    file.take(MOST_OCTETS.saturating_add(1)).read_to_end(&mut octets).map_err(cannot)?;
    if octets.len() as u64 > MOST_OCTETS {
        return Err(format!("{} is larger than 1 MiB", path.display()));
    }
    Ok(octets)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn text(octets: &[u8]) -> Result<String, String> {
        let text = String::from_utf8_lossy(octets).into_owned();
        if text == "bad" { Err("it is bad".to_owned()) } else { Ok(text) }
    }

    #[test]
    fn a_file_is_read_when_it_changes_and_a_bad_one_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"));
        let look = |reread| watched.read(reread, text);
        assert!(look(Reread::UnlessGood).unwrap().unwrap_err().starts_with("cannot read "));
        assert_eq!(look(Reread::IfChanged), None, "that it is not there was told");
        fs::write(watched.path(), "one").unwrap();
        assert_eq!(look(Reread::IfChanged), Some(Ok("one".to_owned())));
        assert_eq!(look(Reread::UnlessGood), None);
        fs::write(watched.path(), "bad").unwrap();
        let told = look(Reread::IfChanged).unwrap().unwrap_err();
        assert!(told.ends_with("file: it is bad"), "{told}");
        assert_eq!(look(Reread::IfChanged), None);
        assert!(look(Reread::UnlessGood).unwrap().is_err(), "who waits for an answer gets one");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_left_for_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"));
        fs::write(watched.path(), "half of").unwrap();
        let meanwhile = |octets: &[u8]| {
            fs::write(watched.path(), "half of a list").unwrap();
            text(octets)
        };
        assert_eq!(watched.read(Reread::IfChanged, meanwhile), None);
        assert_eq!(watched.read(Reread::IfChanged, text), Some(Ok("half of a list".to_owned())));
    }

    #[test]
    fn another_file_of_the_same_name_and_length_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"));
        fs::write(watched.path(), "one").unwrap();
        watched.read(Reread::IfChanged, text);
        fs::write(folder.path().join("new"), "two").unwrap();
        fs::rename(folder.path().join("new"), watched.path()).unwrap();
        assert_eq!(watched.read(Reread::IfChanged, text), Some(Ok("two".to_owned())));
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"));
        fs::write(watched.path(), vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(watched.read(Reread::IfChanged, text).unwrap().unwrap_err().ends_with("larger than 1 MiB"));
    }
}
