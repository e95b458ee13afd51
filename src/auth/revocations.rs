//! Which tokens are good no longer, whatever their signature says? Lists in a file that is read again when it changes.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::identity::VerifiedToken;
use crate::jose::Json;
use crate::watched::{Refresh, Reread, Watched};

/// Tokens that were called back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RevokedLists {
    /// By their own id (RFC 7519 §4.1.7).
    pub jti: HashSet<String>,
    /// By whom they are of (RFC 7519 §4.1.2).
    pub sub: HashSet<String>,
    /// By the session that they belong to (OpenID Connect Front-Channel Logout 1.0 §3).
    pub sid: HashSet<String>,
    /// By the key that signed or encrypted them, whether they name it or not: who stole a key writes what he likes.
    pub kid: HashSet<String>,
    /// All that were issued before, in seconds since 1970; and all that do not say when.
    pub issued_before: Option<f64>,
}

/// What makes lists of a file.
pub type Parse = fn(&[u8]) -> Result<RevokedLists, String>;

/// Lists in a file.
pub struct Revocations {
    file: Watched,
    parse: Parse,
    lists: ArcSwap<RevokedLists>,
}

impl Revocations {
    /// Reads the file for the first time.
    pub fn open(path: PathBuf, parse: Parse) -> Result<Self, String> {
        let file = Watched::new(path);
        let lists = file.read(Reread::UnlessGood, parse).unwrap_or_else(|| Err("was read before".to_owned()))?;
        Ok(Self { file, parse, lists: ArcSwap::from_pointee(lists) })
    }

    /// Which file it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads the file again, if there is reason to. One that became bad leaves the last good lists.
    pub fn refresh(&self, reread: Reread) -> Refresh {
        match self.file.read(reread, self.parse) {
            None => Refresh::Unchanged,
            Some(Ok(lists)) => {
                self.lists.store(Arc::new(lists));
                Refresh::Loaded { warnings: Vec::new() }
            }
            Some(Err(problem)) => Refresh::Failed(problem),
        }
    }

    /// Whether a verified token was called back.
    pub fn revoke(&self, token: &VerifiedToken) -> bool {
        self.lists.load().name(token)
    }
}

impl RevokedLists {
    fn name(&self, token: &VerifiedToken) -> bool {
        let claims = token.claims.json();
        let outer = token.outer_header.as_ref();
        lists(&self.jti, claims.member("jti"))
            || lists(&self.sub, claims.member("sub"))
            || lists(&self.sid, claims.member("sid"))
            || lists(&self.kid, token.header.member("kid"))
            || lists(&self.kid, outer.and_then(|header| header.member("kid")))
            || token.key_ids.iter().any(|id| self.kid.contains(&**id))
            || self.issued_before.is_some_and(|bound| !claims.member("iat").is_some_and(|iat| is_from(iat, bound)))
    }
}

/// Whether a value is in a list: text as it is, a number in its digits.
fn lists(list: &HashSet<String>, value: Option<&Json>) -> bool {
    match value {
        Some(Json::String(text)) => list.contains(&**text),
        Some(Json::Number(number)) => list.contains(number.as_str()),
        Some(Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_)) | None => false,
    }
}

fn is_from(issued: &Json, bound: f64) -> bool {
    matches!(issued, Json::Number(number) if number.as_f64().is_some_and(|issued| issued >= bound))
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("file", &self.file.path()).finish_non_exhaustive()
    }
}
