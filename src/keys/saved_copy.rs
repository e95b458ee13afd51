//! Which keys were fetched by the process before this one? `saved_copy`, so that it starts without the endpoint.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::fetch::MOST_OCTETS;

/// The copy, and when it was made.
pub(super) fn read(path: &Path) -> io::Result<(Vec<u8>, SystemTime)> {
    let file = File::open(path)?;
    let made = file.metadata()?.modified()?;
    let mut copy = Vec::new();
    file.take(MOST_OCTETS.saturating_add(1)).read_to_end(&mut copy)?;
    if copy.len() as u64 > MOST_OCTETS {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
    }
    Ok((copy, made))
}

/// Puts a new copy in the place of the old one, all or nothing, for this user alone.
pub(super) fn write(path: &Path, copy: &[u8]) -> io::Result<()> {
    let mut beside = PathBuf::from(path).into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_anew(&beside, copy).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_anew(path: &Path, copy: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(copy)?;
    file.sync_all()
}

/// Says that the copy is as good as new, without writing it again.
pub(super) fn touch(path: &Path, now: SystemTime) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_copy_is_replaced_whole_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.jwks");
        assert!(read(&path).is_err());
        for copy in [b"first".as_slice(), b"second"] {
            write(&path, copy).unwrap();
            assert_eq!(read(&path).unwrap().0, copy);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        touch(&path, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(read(&path).unwrap().1, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn what_cannot_be_a_copy_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        fs::write(&path, vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(read(&path).is_err());
        assert!(write(&folder.path().join("no/such/folder"), b"x").is_err());
    }
}
