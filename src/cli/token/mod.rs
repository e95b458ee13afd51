//! `portcullis token`: keys and tokens for tests and first steps.

mod key;
mod mint;
mod show;
pub mod signing_key;

use super::Exit;

/// What to do with keys and tokens.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a key: the private half to sign with, the public half for the configuration
    Key(key::Arguments),
    /// Mint a token for tests
    Mint(mint::Arguments),
    /// Show a token's parts; nothing is verified
    Show(show::Arguments),
}

/// Runs one of them.
pub fn token(command: &Command) -> Exit {
    let done = match command {
        Command::Key(arguments) => key::make(arguments),
        Command::Mint(arguments) => mint::mint(arguments),
        Command::Show(arguments) => show::show(arguments),
    };
    match done {
        Ok(text) => {
            print!("{text}");
            Exit::Success
        }
        Err(what) => {
            eprintln!("{what}");
            Exit::Failure
        }
    }
}
