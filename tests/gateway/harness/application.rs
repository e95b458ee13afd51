//! Who speaks HTTP as people write it? Applications in Python, of `tests/fixtures`.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::log::Log;
use super::tools::{fixture, tool};

/// An application that runs, until it is dropped.
#[derive(Debug)]
pub struct Application {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Application {
    /// Starts the fixture of this name.
    pub fn of(file: &str) -> Self {
        let mut child = Command::new(tool("venv/bin/python"))
            .arg(fixture(file))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = Log::of(child.stderr.take().unwrap());
        let address = Log::of(child.stdout.take().unwrap())
            .find(0, "of its address", |line| line.strip_prefix("listening on ")?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it did not start: {}", complaints.to_end()));
        Self { child, address }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
