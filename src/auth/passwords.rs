//! Who are the users, and what are their passwords? A file as `htpasswd` writes it, read again when it changes.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use super::password_hash::PasswordHash;
use crate::watched::{Refresh, Reread, Watched};

/// Passwords that are remembered to be right.
const MOST_REMEMBERED: usize = 10_000;

/// The users of a file.
pub struct Users {
    file: Watched,
    table: ArcSwap<Table>,
    /// Of passwords that were right; the key is made anew with each process and leaves it never.
    right: Cache<Box<[u8]>, ()>,
    key: hmac::Key,
}

#[derive(Default)]
struct Table {
    hashes: HashMap<Box<str>, Arc<PasswordHash>>,
    /// For users who are not there: what takes longest.
    nobody: Option<Arc<PasswordHash>>,
}

/// A user name with a password that is to be judged. It redacts itself.
#[derive(Clone)]
pub struct Attempt {
    users: Arc<Users>,
    name: String,
    password: Zeroizing<String>,
    hash: Arc<PasswordHash>,
}

/// Whether a password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many others wait for theirs.
    Unavailable,
}

/// What is known of a password before it is hashed.
#[derive(Debug)]
pub enum Known {
    /// It was right before.
    Right,
    /// It has to be hashed.
    Unknown(Attempt),
    /// The file has no user at all.
    NoUsers,
}

impl Users {
    /// Reads the file for the first time.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let file = Watched::new(path);
        let table = file.read(Reread::UnlessGood, Table::parse).unwrap_or_else(|| Err("was read before".to_owned()))?;
        let mut secret = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(&mut *secret).map_err(|_| "there is no randomness".to_owned())?;
        Ok(Self {
            file,
            table: ArcSwap::from_pointee(table),
            right: Cache::new(MOST_REMEMBERED),
            key: hmac::Key::new(hmac::HMAC_SHA256, &*secret),
        })
    }

    /// Which file it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads the file again, if there is reason to. One that became bad leaves the last good users.
    pub fn refresh(&self, reread: Reread) -> Refresh {
        match self.file.read(reread, Table::parse) {
            None => Refresh::Unchanged,
            Some(Ok(table)) => {
                self.table.store(Arc::new(table));
                Refresh::Loaded { warnings: Vec::new() }
            }
            Some(Err(problem)) => Refresh::Failed(problem),
        }
    }

    /// What is known of a password without hashing it.
    pub fn know(self: &Arc<Self>, name: &str, password: &str) -> Known {
        let table = self.table.load();
        let hash = table.hashes.get(name);
        if let Some(hash) = hash
            && self.right.get(&self.mark(name, password, hash)).is_some()
        {
            return Known::Right;
        }
        let Some(hash) = hash.or(table.nobody.as_ref()) else { return Known::NoUsers };
        let (hash, password) = (Arc::clone(hash), Zeroizing::new(password.to_owned()));
        Known::Unknown(Attempt { users: Arc::clone(self), name: name.to_owned(), password, hash })
    }

    /// Stands for a password that is right. The hash is in it, so that a new password ends what is remembered of the old.
    fn mark(&self, name: &str, password: &str, hash: &PasswordHash) -> Box<[u8]> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [name, password, hash.text()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().into()
    }
}

impl Attempt {
    /// Hashes the password and compares. Takes its time: not for an event loop.
    pub fn judge(&self) -> PasswordVerdict {
        if !self.hash.is_of(self.password.as_bytes()) {
            return PasswordVerdict::Wrong;
        }
        self.users.right.insert(self.users.mark(&self.name, &self.password, &self.hash), ());
        PasswordVerdict::Right
    }

    /// Whether both are of the same user in the same file: one request has one password.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.users, &other.users) && self.name == other.name
    }
}

impl Table {
    fn parse(octets: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(octets).map_err(|_| "not UTF-8".to_owned())?;
        let mut table = Self::default();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(problem) = table.add(line) {
                problems.push(format!("line {number}: {problem}"));
            }
        }
        if table.hashes.is_empty() && problems.is_empty() {
            problems.push("there is no user in it".to_owned());
        }
        let slowest = table.hashes.values().max_by_key(|hash| hash.effort());
        table.nobody = slowest.map(|hash| Arc::new(hash.of_nobody()));
        if problems.is_empty() { Ok(table) } else { Err(problems.join("; ")) }
    }

    /// `name:hash`, and perhaps `:` with a comment after it.
    fn add(&mut self, line: &str) -> Result<(), String> {
        let (name, rest) = line.split_once(':').ok_or("expected NAME:HASH")?;
        let hash = rest.split(':').next().unwrap_or_default();
        if name.is_empty() || name.contains(char::is_control) {
            return Err("this is not a user name".to_owned());
        }
        let cure = "make a bcrypt hash with `htpasswd -B`";
        let hash = PasswordHash::parse(hash).map_err(|problem| format!("user {name:?}: {problem}; {cure}"))?;
        match self.hashes.insert(name.into(), Arc::new(hash)) {
            None => Ok(()),
            Some(_) => Err(format!("user {name:?} is there twice")),
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("file", &self.file.path()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::fs;

    use super::*;

    fn hash(password: &str) -> String {
        bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().to_string()
    }

    fn users(folder: &Path, text: &str) -> Result<Arc<Users>, String> {
        fs::write(folder.join("users"), text).unwrap();
        Users::open(folder.join("users")).map(Arc::new)
    }

    fn judged(users: &Arc<Users>, name: &str, password: &str) -> PasswordVerdict {
        match users.know(name, password) {
            Known::Right => PasswordVerdict::Right,
            Known::Unknown(attempt) => attempt.judge(),
            Known::NoUsers => PasswordVerdict::Wrong,
        }
    }

    #[test]
    fn a_right_password_is_hashed_once_and_a_wrong_one_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path(), &format!("# staff\n\nalice:{}:Alice A.\n", hash("wonder"))).unwrap();
        assert!(matches!(users.know("alice", "wonder"), Known::Unknown(_)));
        assert_eq!(judged(&users, "alice", "wonder"), PasswordVerdict::Right);
        assert!(matches!(users.know("alice", "wonder"), Known::Right));
        for (name, password) in [("alice", "wander"), ("alice", ""), ("Alice", "wonder"), ("bob", "wonder"), ("", "")] {
            assert_eq!(judged(&users, name, password), PasswordVerdict::Wrong, "{name}");
            assert!(matches!(users.know(name, password), Known::Unknown(_)), "{name} costs a hash again");
        }
    }

    #[test]
    fn class_21_an_unknown_user_costs_a_hash_of_the_same_effort() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path(), &format!("alice:{}\n", hash("wonder"))).unwrap();
        let (Known::Unknown(known), Known::Unknown(unknown)) = (users.know("alice", "x"), users.know("eve", "x"))
        else {
            panic!("both have to be hashed")
        };
        assert_eq!(known.hash.effort(), unknown.hash.effort());
        assert_ne!(known.hash, unknown.hash);
    }

    #[test]
    fn a_new_password_ends_what_is_remembered_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path(), &format!("alice:{}\n", hash("old"))).unwrap();
        assert_eq!(judged(&users, "alice", "old"), PasswordVerdict::Right);
        fs::write(users.path(), format!("alice:{}\nbob:{}\n", hash("new"), hash("b"))).unwrap();
        assert!(matches!(users.refresh(Reread::IfChanged), Refresh::Loaded { .. }));
        assert_eq!(judged(&users, "alice", "old"), PasswordVerdict::Wrong);
        assert_eq!(judged(&users, "alice", "new"), PasswordVerdict::Right);
        fs::write(users.path(), "alice:plain\n").unwrap();
        assert!(matches!(users.refresh(Reread::IfChanged), Refresh::Failed(_)));
        assert_eq!(judged(&users, "alice", "new"), PasswordVerdict::Right, "the last good users stay");
    }

    #[test]
    fn every_bad_line_of_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = users(folder.path(), "alice\nbob:plain\ncarol:$apr1$a$b\n:x\n").unwrap_err();
        for words in ["line 1: expected NAME:HASH", "line 2: user \"bob\"", "line 3: user \"carol\": MD5", "line 4: "] {
            assert!(told.contains(words), "{told}");
        }
        assert!(users(folder.path(), "# nobody\n").unwrap_err().contains("no user"));
        let twice = format!("alice:{0}\nalice:{0}\n", hash("x"));
        assert!(users(folder.path(), &twice).unwrap_err().contains("twice"));
    }

    #[test]
    fn nothing_of_a_password_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path(), &format!("alice:{}\n", hash("wonder"))).unwrap();
        let shown = format!("{users:?} {:?}", users.know("alice", "hunter2"));
        assert!(!shown.contains("hunter2") && !shown.contains("$2"), "{shown}");
    }
}
