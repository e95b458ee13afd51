//! WHAT THE OPERATOR WROTE: what does a configuration file say, and what is wrong with it?
//!
//! A file becomes a tree that knows its lines (`yaml`), the environment is put into its values (`environment`), and
//! `decode` reads the tree into the types of [`schema`]. Nothing stops at the first problem: each is reported once, with
//! its place, and what it concerns is left out or replaced by a placeholder, so that a later step can go on and add
//! its own. A [`Config`] with problems is for finding more of them, never for serving.

use std::path::Path;

use zeroize::Zeroizing;

mod decode;
mod environment;
mod place;
mod report;
mod revoked;
pub mod schema;
mod secret;
mod suggest;
pub mod value;
mod yaml;

pub use place::{Located, Place, Problem, counted};
pub use revoked::Revoked;
pub use schema::Config;
pub use secret::Secret;
pub use suggest::{did_you_mean, suggest};

use decode::Decoder;
use report::Report;

/// A file as far as it could be read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What it says. Incomplete if there are problems.
    pub config: Config,
    /// What forbids to use it, in file order.
    pub problems: Vec<Problem>,
    /// What is doubtful, in file order.
    pub warnings: Vec<Problem>,
}

/// Reads the file at `path`. `env` looks up a variable of the environment.
///
/// A file that cannot be read, or is not UTF-8, is a problem like any other.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) => return refused(Place::default(), format!("cannot be read: {error}")),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, path.parent().unwrap_or(Path::new("")), env),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            refused(Place::after(&String::from_utf8_lossy(valid)), "this is not UTF-8".to_owned())
        }
    }
}

/// Reads the text of a file in the folder `base`, which relative file names are relative to.
pub fn parse(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut report = Report::default();
    let config = match yaml::read(text, &mut report) {
        Some(mut root) => {
            environment::fill(&mut root, "", env, &mut report);
            decode::config(&root, &mut Decoder::new(base, &mut report))
        }
        None => Config::default(),
    };
    report.sort();
    Loaded { config, problems: report.problems, warnings: report.warnings }
}

fn refused(place: Place, text: String) -> Loaded {
    Loaded { problems: vec![Problem::new(place, text)], ..Loaded::default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
