//! Where are the tools of other languages? Made by `tests/fixtures/install`; without them the tests fail and say so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of this crate.
pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    crate_folder().join("tests/fixtures").join(name)
}

/// A tool that `tests/fixtures/install` made.
pub fn tool(name: &str) -> PathBuf {
    let tools = std::env::var_os("PORTCULLIS_TEST_TOOLS").map(PathBuf::from);
    let path = tools.unwrap_or_else(|| crate_folder().join("target/test-tools")).join(name);
    assert!(path.exists(), "{} is not there: run make test", path.display());
    path
}

/// Runs a command with this input to its end and gives its output; fails if it fails.
pub fn run(command: &mut Command, input: &[u8]) -> String {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}: run make test"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
