//! What does the process do on a signal, and what makes it go?

use std::future::Future;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::access_log::LogSender;
use super::drain::Why;
use super::handover::Invocation;
use super::reload::Reloader;

/// The signals that the process understands.
pub struct Signals {
    reload: Signal,
    reopen: Signal,
    upgrade: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// Whether another process can take our place.
pub enum Succession {
    /// There is no `upgrade_socket`.
    Impossible,
    /// It can: how it is started, and the wait for one that is ready.
    Possible(Arc<Invocation>, JoinHandle<()>),
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system gives no way to.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined2())?,
            upgrade: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Obeys signals until one ends the process, or another process has taken its place.
    pub async fn obey(mut self, reloader: &Reloader, log: &LogSender, succession: Succession) -> Why {
        let (successor, mut taken) = match succession {
            Succession::Possible(successor, taken) => (Some(successor), taken),
            Succession::Impossible => (None, tokio::spawn(std::future::pending())),
        };
        loop {
            tokio::select! {
                _ = self.reload.recv() => reloader.reload().await,
                _ = self.reopen.recv() => log.reopen(),
                _ = self.upgrade.recv() => match &successor {
                    Some(successor) => Arc::clone(successor).start_successor(),
                    None => log::error!("no other process can take our place without \"process.upgrade_socket\""),
                },
                _ = self.terminate.recv() => return Why::Ended,
                _ = self.interrupt.recv() => return Why::Ended,
                end = &mut taken => match end {
                    Ok(()) => return Why::HandedOver,
                    Err(error) => {
                        log::error!("nobody waits for another process any more: {error}");
                        taken = tokio::spawn(std::future::pending());
                    }
                },
            }
        }
    }
}

/// Waits for a signal that ends the process.
pub fn ended() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            (Err(_), _) | (_, Err(_)) => std::future::pending().await,
        }
    }
}
