//! `portcullis`: from arguments to a command. No logic here.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Less memory for each connection and less time for each request than the system's (docs/decisions/0006).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    portcullis::Gateway::builder().main()
}
