//! How does a program of your own become a gateway? It registers what it has to say, and runs.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::auth::stage::{Authorizer, Stages};
use crate::cli;
use crate::gateway::{self, Start, StartError};

/// A gateway with stages of your own. `examples/custom_stage.rs` is one.
#[derive(Debug)]
pub struct Gateway;

/// A gateway that is being put together.
#[derive(Debug, Default)]
pub struct Builder {
    stages: Stages,
}

impl Gateway {
    /// Begins with no stage.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Registers a stage, which a configuration uses as `{ stage: NAME }`. Of two of one name the last counts.
    #[must_use]
    pub fn authorizer(mut self, name: &str, authorizer: impl Authorizer) -> Self {
        self.stages.insert(name.to_owned(), Arc::new(authorizer));
        self
    }

    /// Does what the command line says, as the program `portcullis` does: `run`, `check`, `explain` and all the others.
    pub fn main(self) -> ExitCode {
        cli::main(self.stages)
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// Every problem of the configuration, or what the machine is not ready for.
    pub fn run(self, file: &Path) -> Result<(), StartError> {
        gateway::run(file, self.stages, Start::Afresh)
    }
}
