//! `portcullis run`: serve.

use std::path::PathBuf;

use super::Exit;
use crate::auth::stage::Stages;
use crate::config::counted;
use crate::gateway::{self, Start, StartError};

/// What `run` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Take the place of the process that serves at `process.upgrade_socket`, without a connection noticing
    #[arg(long)]
    pub take_over: bool,
}

/// Serves until a signal ends the process.
pub fn run(arguments: &Arguments, stages: Stages) -> Exit {
    log_to_stderr();
    let file = &arguments.config;
    let start = if arguments.take_over { Start::TakeOver } else { Start::Afresh };
    match gateway::run(file, stages, start) {
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
