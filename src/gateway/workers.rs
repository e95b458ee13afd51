//! On which threads are requests served?
//!
//! Each worker has a loop of its own, and serves the connections that it accepted, with its own kept connections to upstreams:
//! nothing of a request goes from one core to another. Measured, that costs a seventh less than workers that share their
//! tasks (docs/decisions/0014). What is not a request is done beside them, by the loop of the process.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// How long a worker's blocking calls are waited for at the end.
const LAST_CALLS: Duration = Duration::from_millis(100);

/// The threads, for as long as this lives.
pub struct Workers {
    loops: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    ended: watch::Sender<bool>,
}

impl Workers {
    /// Starts so many; 0: one for each core.
    ///
    /// # Errors
    /// A loop or a thread could not be made.
    pub fn start(count: usize) -> io::Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let mut workers = Self { loops: Vec::new(), threads: Vec::new(), ended: watch::Sender::new(false) };
        for number in 0..if count == 0 { cores() } else { count } {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            workers.loops.push(runtime.handle().clone());
            let mut ended = workers.ended.subscribe();
            let thread = std::thread::Builder::new().name(format!("portcullis-{number}"));
            workers.threads.push(thread.spawn(move || {
                // An error says that nobody is left who could end it.
                let _ = runtime.block_on(ended.wait_for(|ended| *ended)).is_ok();
                runtime.shutdown_timeout(LAST_CALLS);
            })?);
        }
        Ok(workers)
    }

    /// The loop of each.
    pub fn loops(&self) -> &[Handle] {
        &self.loops
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.ended.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a worker ended badly");
            }
        }
    }
}
