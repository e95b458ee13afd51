//! What may an operator write about the process itself and its log?

use std::path::PathBuf;
use std::time::Duration;

use super::super::place::Located;

/// One line per request: where to, and in which form.
#[derive(Debug, Default)]
pub struct AccessLog {
    /// Where the lines go.
    pub to: LogTarget,
    /// What a line looks like.
    pub format: LogFormat,
}

/// Where the access log goes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// Nowhere.
    Off,
    /// A file, reopened on SIGUSR2.
    File(Located<PathBuf>),
}

/// What a line of the access log looks like.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    #[default]
    Json,
    /// A template, not yet compiled.
    Template(Located<String>),
}

/// What only a restart changes.
#[derive(Debug)]
pub struct Process {
    /// Worker threads; 0 = one per core.
    pub threads: usize,
    /// How long requests in flight may take to end after SIGTERM.
    pub shutdown_timeout: Duration,
    /// Where a new process asks for the place of this one; `None`: it cannot.
    pub upgrade_socket: Option<Located<PathBuf>>,
}

impl Default for Process {
    fn default() -> Self {
        Self { threads: 0, shutdown_timeout: Duration::from_secs(30), upgrade_socket: None }
    }
}
