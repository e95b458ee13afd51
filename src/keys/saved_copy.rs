//! Which keys were fetched by the process before this one? `saved_copy`, so that it starts without the endpoint.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::fetch::MOST_OCTETS;
use crate::jose::{Json, Object};

/// The member of a copy that says which endpoint it is of (RFC 7517 §5 lets a set have other members).
const ENDPOINT: &str = "portcullis_endpoint";

/// The copy of an endpoint, and when it was made. The copy of another endpoint is that one's word, and not this one's.
pub(super) fn read(path: &Path, endpoint: &str) -> io::Result<(Vec<u8>, SystemTime)> {
    let file = File::open(path)?;
    let made = file.metadata()?.modified()?;
    let mut copy = Vec::new();
    file.take(MOST_OCTETS.saturating_mul(2)).read_to_end(&mut copy)?;
    let json = Json::parse(&copy).map_err(invalid)?;
    if json.member(ENDPOINT).and_then(Json::as_str) != Some(endpoint) {
        return Err(invalid("it is of another endpoint"));
    }
    Ok((copy, made))
}

/// Puts a new copy in the place of the old one, all or nothing, for this user alone.
pub(super) fn write(path: &Path, endpoint: &str, body: &[u8]) -> io::Result<()> {
    let Json::Object(published) = Json::parse(body).map_err(invalid)? else {
        return Err(invalid("not a JWK Set"));
    };
    let kept = published.iter().filter(|(name, _)| *name != ENDPOINT);
    let mut members: Vec<_> = kept.map(|(name, value)| (name.into(), value.clone())).collect();
    members.push((ENDPOINT.into(), Json::String(endpoint.into())));
    let copy = Object::from_members(members).map(Json::Object).ok_or_else(|| invalid("not a JWK Set"))?.to_compact();
    let mut beside = PathBuf::from(path).into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_anew(&beside, copy.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn invalid(problem: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_string())
}

fn write_anew(path: &Path, copy: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(copy)?;
    file.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ENDPOINT: &str = "jwks_url https://id.example/k";

    #[test]
    fn a_copy_is_replaced_whole_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.jwks");
        assert!(read(&path, ENDPOINT).is_err());
        for keys in [r#"{"keys":[1]}"#, r#"{ "keys": [2], "x": 1.50 }"#] {
            write(&path, ENDPOINT, keys.as_bytes()).unwrap();
        }
        let copy = r#"{"keys":[2],"x":1.50,"portcullis_endpoint":"jwks_url https://id.example/k"}"#;
        assert_eq!(String::from_utf8(read(&path, ENDPOINT).unwrap().0).unwrap(), copy);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn class_07_the_copy_of_another_endpoint_is_no_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.jwks");
        let marked = format!(r#"{{"keys":[],"portcullis_endpoint":"{ENDPOINT}"}}"#);
        write(&path, "jwks_url https://old.example/k", marked.as_bytes()).unwrap();
        assert!(read(&path, ENDPOINT).unwrap_err().to_string().contains("another endpoint"));
        fs::write(&path, r#"{"keys":[]}"#).unwrap();
        assert!(read(&path, ENDPOINT).is_err(), "nor is one that says nothing");
    }

    #[test]
    fn what_cannot_be_a_copy_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("no/such/folder"), ENDPOINT, b"{}").is_err());
        assert!(write(&folder.path().join("x"), ENDPOINT, b"[]").is_err());
    }
}
