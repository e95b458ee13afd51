//! What does the command line offer? One file for each command.

mod check;
mod demo;
mod explain;
mod run;
mod steps;
pub mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::auth::stage::Stages;

/// A gateway that verifies who is calling, and hands the application a request it can trust.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, subcommand_required = false, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The same as `check`
    #[arg(short = 't', requires = "config")]
    test: bool,
    /// The configuration, for -t
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; SIGHUP reloads (all or nothing), SIGTERM drains, SIGUSR2 reopens the access log
    Run(run::Arguments),
    /// Load everything and print every problem and warning; exit 0 or 2
    Check(check::Arguments),
    /// Decide on one request, step by step, by the code that serves; exit 0 admitted, 1 refused
    Explain(explain::Arguments),
    /// Serve on loopback with a new key and a built-in echo, and print curl lines to try
    Demo(demo::Arguments),
    /// Make a key, mint a token for tests, show a token's parts
    #[command(subcommand)]
    Token(token::Command),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub struct ConfigFile {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// `explain`: refused; `run`: the machine is not ready; anything else: it did not work.
    Failure,
    /// The configuration, or the command line, has problems.
    BadConfiguration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::from(1),
            Exit::BadConfiguration => Self::from(2),
        }
    }
}

/// Runs the command of this process's arguments, with the stages that the program has registered.
pub fn main(stages: Stages) -> ExitCode {
    let arguments = Arguments::parse();
    let exit = match arguments.command {
        Some(Command::Run(arguments)) => run::run(&arguments, stages),
        Some(Command::Check(arguments)) => check::check(&arguments, &stages),
        Some(Command::Explain(arguments)) => explain::explain(&arguments, &stages),
        Some(Command::Demo(arguments)) => demo::demo(&arguments),
        Some(Command::Token(command)) => token::token(&command),
        None => match arguments.config {
            Some(config) if arguments.test => check::check(&check::Arguments { config, fetch: false }, &stages),
            Some(_) | None => {
                eprintln!("say what to do: portcullis --help");
                Exit::BadConfiguration
            }
        },
    };
    exit.into()
}
