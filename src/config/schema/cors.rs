//! What may an operator write about pages of other origins?

use std::time::Duration;

use http::{HeaderName, Method};

/// Whose pages may ask and read.
#[derive(Debug)]
pub struct Cors {
    /// Whose pages.
    pub origins: Origins,
    /// What they may do; `None`: what the location takes.
    pub methods: Option<Vec<Method>>,
    /// Which headers they may send besides the safe ones.
    pub headers: Vec<HeaderName>,
    /// Whether cookies and the like may be sent along.
    pub credentials: Credentials,
    /// How long a browser may remember what it was told.
    pub max_age: Option<Duration>,
}

/// Whose pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `"*"`
    Any,
    /// Of these origins, as browsers write them.
    These(Vec<String>),
}

/// `credentials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// They may.
    Allow,
    /// They may not.
    Omit,
}

impl From<bool> for Credentials {
    fn from(written: bool) -> Self {
        if written { Self::Allow } else { Self::Omit }
    }
}
