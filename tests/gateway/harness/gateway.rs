//! How is the gateway run by a test? The real binary, in a folder of its own, on ports of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::client::{Client, Response};
use super::log::Log;
use super::request::Request;
use super::wait::{self, DEADLINE};

/// The first lines of most configurations: one listener in plaintext, and the admin listener.
pub const PLAIN: &str = "listeners: [{ address: \"127.0.0.1:0\" }]\nadmin: { address: \"127.0.0.1:0\" }\n";

/// The binary under test.
pub fn binary() -> PathBuf {
    let given = std::env::var_os("PORTCULLIS_BIN").map(PathBuf::from);
    given
        .or_else(|| option_env!("CARGO_BIN_EXE_portcullis").map(PathBuf::from))
        .expect("PORTCULLIS_BIN names the binary")
}

/// A gateway that is not started yet.
#[derive(Debug)]
pub struct Prepared {
    folder: TempDir,
    environment: Vec<(String, String)>,
    program: PathBuf,
}

impl Prepared {
    /// Sets a variable of the environment, for `${NAME}`.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Runs an example of the library in the place of the binary.
    pub fn example(mut self, name: &str) -> Self {
        self.program = binary().parent().unwrap().join("examples").join(name);
        assert!(self.program.exists(), "{} is not there: run make test", self.program.display());
        self
    }

    /// Writes a file beside the configuration.
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), contents).unwrap();
        self
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs any command of the binary to its end.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        self.spawnable(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn spawnable(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder()).env_remove("RUST_LOG");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Gateway {
        let mut child = self
            .spawnable(&["run", "-c", "portcullis.yaml"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let access = Log::of(child.stdout.take().unwrap());
        let log = Log::of(child.stderr.take().unwrap());
        let mut gateway = Gateway { child, folder: self.folder, access, log, addresses: Vec::new(), admin: None };
        gateway.learn_addresses();
        gateway
    }
}

/// A gateway that runs, until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    folder: TempDir,
    /// Lines of the access log (standard output).
    pub access: Log,
    /// Lines of the application log (standard error).
    pub log: Log,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl Gateway {
    /// A gateway with this configuration, not started yet.
    pub fn prepare(yaml: &str) -> Prepared {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("portcullis.yaml"), yaml).unwrap();
        Prepared { folder, environment: Vec::new(), program: binary() }
    }

    /// Starts a gateway and waits until it is ready.
    pub fn start(yaml: &str) -> Self {
        Self::prepare(yaml).start()
    }

    fn learn_addresses(&mut self) {
        let ready = self.log.find(0, "`ready`", |line| line.ends_with(" ready").then_some(()));
        assert!(ready.is_some(), "the gateway did not start:\n{}", self.log.text());
        for line in self.log.lines() {
            let Some((before, url)) = line.split_once("listening on ") else {
                continue;
            };
            let Some((_, address)) = url.split_once("://") else {
                continue;
            };
            let address = address.trim().parse().unwrap();
            if before.ends_with("admin ") {
                self.admin = Some(address);
            } else {
                self.addresses.push(address);
            }
        }
    }

    /// The address of the first listener.
    pub fn address(&self) -> SocketAddr {
        self.listener(0)
    }

    /// The address of a listener, by its place in the file.
    pub fn listener(&self, place: usize) -> SocketAddr {
        self.addresses[place]
    }

    /// The address of the admin listener.
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("this configuration has an admin listener")
    }

    /// A new connection to the first listener.
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// One request over a connection of its own.
    pub fn send(&self, request: &Request) -> Response {
        self.client().exchange(request)
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.unwrap().success(), "signal {name} could not be sent");
    }

    /// Writes a file beside the configuration.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        // A new file in the place of the old one: no reader sees half of it.
        let new = self.folder().join(format!("{name}.new"));
        std::fs::write(&new, contents).unwrap();
        std::fs::rename(new, self.folder().join(name)).unwrap();
    }

    /// Writes a new configuration and has it read; gives what the log says, up to the outcome.
    pub fn reload(&self, yaml: &str) -> Reload {
        let from = self.log.len();
        self.write("portcullis.yaml", yaml);
        self.signal("HUP");
        let taken = self.log.find(from, "about the reload", |line| {
            let taken = line.contains("configuration reloaded");
            (taken || line.contains("reload refused")).then_some(taken)
        });
        Reload { taken: taken.expect("the gateway ended while it reloaded"), log: self.log.lines()[from..].join("\n") }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Waits until it ends, and says how, and how long that took from now.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = wait::until("the gateway ends", || self.child.try_wait().unwrap());
        (status, began.elapsed())
    }

    /// What the metrics are now.
    pub fn metrics(&self) -> Metrics {
        let answer = Client::connect(self.admin()).exchange(&Request::get("/metrics"));
        assert_eq!(answer.status, 200);
        Metrics(answer.text())
    }

    /// Waits for the line of the JSON access log that belongs to an answer.
    pub fn line_of(&self, answer: &Response) -> Value {
        let id = answer.header("x-request-id").expect("every answer carries X-Request-ID");
        self.line_where(|line| line["request_id"] == id)
    }

    /// Waits for the first line of the JSON access log that fits.
    pub fn line_where(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let line = self.access.find(0, "of the access log that fits", |line| {
            let line: Value = serde_json::from_str(line).unwrap();
            fits(&line).then_some(line)
        });
        line.expect("the gateway ended before it logged")
    }

    /// The reason that the access log gives for an answer, or "".
    pub fn reason_of(&self, answer: &Response) -> String {
        self.line_of(answer)["auth_reason"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the gateway said ---\n{}\n--- end ---", self.log.text());
        }
    }
}

/// What came of a reload.
#[derive(Debug)]
pub struct Reload {
    /// Whether the new configuration runs.
    pub taken: bool,
    /// What was logged meanwhile.
    pub log: String,
}

/// The text of `/metrics`.
#[derive(Debug)]
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all series of this name whose labels include all of these (`name="value"`).
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let series = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(name).unwrap_or("x");
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        });
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

/// Runs the binary to its end: for starts that must fail.
pub fn run_to_end(prepared: &Prepared) -> (std::process::Output, Duration) {
    let began = Instant::now();
    let mut child = prepared
        .spawnable(&["run", "-c", "portcullis.yaml"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > DEADLINE {
            child.kill().unwrap();
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let took = began.elapsed();
    (child.wait_with_output().unwrap(), took)
}
