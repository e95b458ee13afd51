//! What has a process said so far? Lines of one of its streams, for those who wait for one.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::wait::DEADLINE;

/// The lines of one stream, growing.
#[derive(Debug, Default, Clone)]
pub struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads a stream to its end, in a thread of its own.
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                writer.change(|lines| lines.lines.push(text));
                line.clear();
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// Everything so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// Everything so far, as one text.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// How many lines there are: where later lines begin.
    pub fn len(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.len()
    }

    /// Waits for a line, from line number `from` on, of which `find` makes something. `None`: the stream ended first.
    pub fn find<T>(&self, from: usize, what: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (lines, changed) = &*self.0;
        let deadline = Instant::now() + DEADLINE;
        let mut seen = from;
        let mut lines = lines.lock().unwrap();
        loop {
            while let Some(line) = lines.lines.get(seen) {
                seen += 1;
                if let Some(found) = find(line) {
                    return Some(found);
                }
            }
            if lines.ended {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line {what} in:\n{}", lines.lines.join("\n"));
            lines = changed.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits until the stream has ended, and gives all of it.
    pub fn to_end(&self) -> String {
        self.find(usize::MAX, "at the end", |_| None::<()>);
        self.text()
    }
}
