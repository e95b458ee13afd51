//! What became of each request? One line for each that reached the proxy, written off the request's way.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::schema::LogTarget;

/// Lines that wait to be written. When they are full, requests wait too: no line is lost.
const WAITING_LINES: usize = 8192;

/// How long a line waits for others that are written with it. To wake the writer for each line would cost more than its request.
const GATHERED: Duration = Duration::from_millis(5);

/// Where lines go.
#[derive(Debug)]
pub struct AccessLog {
    sender: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<()>>,
}

enum Message {
    Line(String),
    Reopen,
    Close,
}

/// A handle for those who write lines.
#[derive(Debug, Clone)]
pub struct LogSender(Option<SyncSender<Message>>);

impl LogSender {
    /// Whether lines go anywhere: if not, they need not be made.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands over one line, without its newline.
    pub fn write(&self, line: String) {
        if let Some(sender) = &self.0 {
            // The writer ends after everybody who writes; if it is gone there is nobody to tell.
            let _ = sender.send(Message::Line(line));
        }
    }

    /// Opens the file again: it was moved away.
    pub fn reopen(&self) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(Message::Reopen);
        }
    }
}

impl AccessLog {
    /// Opens the log.
    pub fn open(target: &LogTarget) -> io::Result<Self> {
        let output = match target {
            LogTarget::Off => {
                return Ok(Self { sender: None, writer: None });
            }
            LogTarget::Stdout => Output::Stdout,
            LogTarget::Stderr => Output::Stderr,
            LogTarget::File(path) => Output::File(path.value.clone()),
        };
        let sink = output.open()?;
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let writer = std::thread::Builder::new().name("access-log".to_owned());
        let writer = writer.spawn(move || write_lines(&output, sink, &receiver))?;
        Ok(Self { sender: Some(sender), writer: Some(writer) })
    }

    /// A handle for those who write lines.
    pub fn sender(&self) -> LogSender {
        LogSender(self.sender.clone())
    }

    /// Writes what waits, and ends.
    pub fn close(mut self) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(Message::Close);
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

enum Output {
    Stdout,
    Stderr,
    File(PathBuf),
}

impl Output {
    fn open(&self) -> io::Result<BufWriter<Box<dyn Write + Send>>> {
        let sink: Box<dyn Write + Send> = match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
            Self::File(path) => Box::new(append(path)?),
        };
        Ok(BufWriter::with_capacity(64 * 1024, sink))
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display())))
}

#[allow(clippy::disallowed_methods, reason = "a thread of its own, without a runtime")]
fn write_lines(output: &Output, mut sink: BufWriter<Box<dyn Write + Send>>, receiver: &Receiver<Message>) {
    let mut health = Health::Good;
    while let Ok(message) = receiver.recv() {
        if matches!(message, Message::Line(_)) {
            std::thread::sleep(GATHERED);
        }
        let mut next = Some(message);
        while let Some(message) = next {
            match message {
                Message::Line(line) => health.note(writeln!(sink, "{line}")),
                Message::Reopen => match (sink.flush(), output.open()) {
                    (_, Ok(reopened)) => sink = reopened,
                    (_, Err(error)) => log::error!("access log: {error}; the old file is still written"),
                },
                Message::Close => {
                    health.note(sink.flush());
                    return;
                }
            }
            next = receiver.try_recv().ok();
        }
        health.note(sink.flush());
    }
}

/// Says once that writing fails, and once that it works again.
#[derive(PartialEq, Eq)]
enum Health {
    Good,
    Bad,
}

impl Health {
    fn note(&mut self, written: io::Result<()>) {
        match (&*self, written) {
            (Self::Good, Err(error)) => {
                log::error!("access log: lines are lost: {error}");
                *self = Self::Bad;
            }
            (Self::Bad, Ok(())) => {
                log::info!("access log: lines are written again");
                *self = Self::Good;
            }
            (Self::Good, Ok(())) | (Self::Bad, Err(_)) => {}
        }
    }
}
