//! Is anything still being served? How the process goes, and what it waits for.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pingora_core::apps::HttpServerApp;
use pingora_proxy::HttpProxy;
use prometheus::IntGauge;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::hooks::Hooks;

/// The last part of a shutdown: WebSockets are told to go.
const GOODBYE: Duration = Duration::from_secs(2);
/// So long a connection may be idle whose place was taken: with its next answer it is told to come again.
const NEXT_ANSWER: Duration = Duration::from_secs(5);

/// Why the process goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A signal ended it.
    Ended,
    /// Another process serves in its place.
    HandedOver,
}

/// What tells everybody that the process goes, step by step.
pub struct Departure {
    /// No more connections come in, and those that are open end with their next answer.
    pub closing: watch::Sender<bool>,
    /// Idle connections end.
    pub shutdown: watch::Sender<bool>,
    /// WebSockets end.
    pub leaving: watch::Sender<bool>,
    /// Another process serves.
    pub handed_over: watch::Sender<bool>,
    /// What is waited for.
    pub open: Arc<OpenConnections>,
    most: Duration,
}

impl Departure {
    /// Nobody goes yet. After a signal the process waits for this long.
    pub fn new(most: Duration, open: OpenConnections) -> Self {
        let no = || watch::Sender::new(false);
        Self { closing: no(), shutdown: no(), leaving: no(), handed_over: no(), open: Arc::new(open), most }
    }

    /// Accepts nothing more, lets go of idle connections, and waits for the others: after a signal no longer than it may,
    /// after a hand-over until the last has ended or a signal comes.
    pub async fn leave(
        &self,
        why: Why,
        accepting: Vec<JoinHandle<()>>,
        proxies: &[Arc<HttpProxy<Hooks>>],
        ended: impl Future<Output = ()>,
    ) {
        log::info!("shutting down: {} connections are open", self.open.count());
        self.closing.send_replace(true);
        for loop_of_door in accepting {
            // Whatever it has accepted is counted when it ends.
            let _: Result<(), tokio::task::JoinError> = loop_of_door.await;
        }
        if why == Why::HandedOver {
            self.handed_over.send_replace(true);
            let last = async {
                if timeout(NEXT_ANSWER, self.open.closed()).await.is_err() {
                    self.let_go_of_idle(proxies).await;
                }
                self.open.closed().await;
            };
            tokio::select! { () = last => {}, () = ended => {} }
        }
        self.let_go_of_idle(proxies).await;
        if timeout(self.most.saturating_sub(GOODBYE), self.open.closed()).await.is_err() {
            self.leaving.send_replace(true);
            if timeout(GOODBYE.min(self.most), self.open.closed()).await.is_err() {
                log::warn!("{} connections were still open after {:?} and are cut", self.open.count(), self.most);
                return;
            }
        }
        log::info!("every request was served");
    }

    async fn let_go_of_idle(&self, proxies: &[Arc<HttpProxy<Hooks>>]) {
        self.shutdown.send_replace(true);
        for proxy in proxies {
            proxy.http_cleanup().await;
        }
    }
}

/// Counts open connections.
#[derive(Debug, Default)]
pub struct OpenConnections {
    count: AtomicUsize,
    none_left: Notify,
    gauge: Option<IntGauge>,
}

/// One connection that is open for as long as this lives.
#[derive(Debug)]
pub struct OpenConnection(Arc<OpenConnections>);

impl OpenConnections {
    /// None yet; the gauge follows the count.
    pub fn shown_by(gauge: IntGauge) -> Self {
        Self { gauge: Some(gauge), ..Self::default() }
    }

    /// Counts one more.
    pub fn open(self: &Arc<Self>) -> OpenConnection {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.gauge.iter().for_each(IntGauge::inc);
        OpenConnection(Arc::clone(self))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until there are none.
    pub async fn closed(&self) {
        loop {
            let notified = self.none_left.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.gauge.iter().for_each(IntGauge::dec);
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}
