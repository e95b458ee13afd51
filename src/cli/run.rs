//! `portcullis run`: serve.

use std::path::Path;

use super::Exit;
use crate::auth::stage::Stages;
use crate::config::counted;
use crate::gateway::{self, StartError};

/// Serves until a signal ends the process.
pub fn run(file: &Path, stages: Stages) -> Exit {
    log_to_stderr();
    match gateway::run(file, stages) {
        Ok(()) => Exit::Success,
        Err(StartError::Configuration(problems)) => {
            for problem in &problems {
                eprintln!("{}", problem.in_file(file));
            }
            eprintln!("{}: {}; nothing was started", file.display(), counted(&problems));
            Exit::BadConfiguration
        }
        Err(StartError::Machine(what)) => {
            eprintln!("portcullis cannot start: {what}");
            Exit::Failure
        }
    }
}

/// Our own messages, and of others only what is wrong. `RUST_LOG` says otherwise.
pub fn log_to_stderr() {
    let filter =
        env_logger::Env::default().default_filter_or("warn,portcullis=info,pingora_core=off,pingora_proxy=off");
    // A second logger in the process is refused, and the first goes on.
    let _ = env_logger::Builder::from_env(filter).format_timestamp_millis().try_init();
}
