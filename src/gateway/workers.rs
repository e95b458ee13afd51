//! On which threads are requests served?
//!
//! Each worker has a loop of its own, and serves the connections that it accepted, with its own kept connections to upstreams:
//! nothing of a request goes from one core to another. Measured, that costs a seventh less than workers that share their
//! tasks (docs/decisions/0014). What is not a request is done beside them, by the loop of the process.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// How long a worker's blocking calls are waited for at the end.
const LAST_CALLS: Duration = Duration::from_millis(100);
/// How long workers are waited for. One that is held up by a stage that computes is left behind.
const LAST_WORKERS: Duration = Duration::from_secs(1);

/// The threads, for as long as this lives.
pub struct Workers {
    loops: Vec<Handle>,
    ended: watch::Sender<bool>,
    /// Hears from nobody when every thread is gone.
    gone: Receiver<()>,
}

impl Workers {
    /// Starts so many; 0: one for each core.
    ///
    /// # Errors
    /// A loop or a thread could not be made.
    pub fn start(count: usize) -> io::Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let (alive, gone) = channel();
        let mut workers = Self { loops: Vec::new(), ended: watch::Sender::new(false), gone };
        for number in 0..if count == 0 { cores() } else { count } {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            workers.loops.push(runtime.handle().clone());
            let mut ended = workers.ended.subscribe();
            let alive: Sender<()> = alive.clone();
            let thread = std::thread::Builder::new().name(format!("portcullis-{number}"));
            thread.spawn(move || {
                // An error says that nobody is left who could end it.
                let _ = runtime.block_on(ended.wait_for(|ended| *ended)).is_ok();
                runtime.shutdown_timeout(LAST_CALLS);
                drop(alive);
            })?;
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
        if self.gone.recv_timeout(LAST_WORKERS) == Err(RecvTimeoutError::Timeout) {
            log::warn!("a worker is held up, and is left behind");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_held_up_does_not_hold_up_the_end() {
        let workers = Workers::start(2).unwrap();
        let (release, released) = channel::<()>();
        let (begun, begins) = channel::<()>();
        let held_up = workers.loops()[0].spawn(async move {
            begun.send(()).unwrap();
            assert!(released.recv().is_err(), "nothing is ever sent");
        });
        begins.recv().unwrap();
        drop(workers);
        assert!(!held_up.is_finished(), "it still waits, and we are here");
        drop(release);
    }
}
