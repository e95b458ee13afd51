//! How are endpoints reached? With one store of trusted authorities, and not too many at a time.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::fetch::{FetchError, Fetched, Fetcher};
use super::load::SourceError;
use super::remote::RemoteDefinition;
use crate::watched::{Refresh, Reread, Watched};

/// The way to the endpoints of one definition.
#[derive(Debug)]
pub struct Line {
    fetcher: ArcSwap<Fetcher>,
    ca: Option<Watched>,
    timeout: std::time::Duration,
    permits: Semaphore,
}

impl Line {
    /// Reads the file of authorities. No more than `most` fetches use the line at a time.
    pub(super) fn new(definition: &RemoteDefinition, most: usize) -> Result<Self, SourceError> {
        let (ca, timeout) = (definition.ca.clone().map(Watched::new), definition.timeout);
        let fetcher = match &ca {
            None => Fetcher::new(None, timeout),
            Some(file) => file
                .read(Reread::UnlessGood, |pem| Fetcher::new(Some(pem), timeout))
                .unwrap_or_else(|| Err("was read before".to_owned())),
        };
        let fetcher = ArcSwap::from_pointee(fetcher.map_err(SourceError::new)?);
        Ok(Self { fetcher, ca, timeout, permits: Semaphore::new(most) })
    }

    /// Reads the file of authorities again, if there is reason to. A bad one leaves those that were read before.
    pub(super) fn renew(&self, reread: Reread) -> Refresh {
        let read = self.ca.as_ref().and_then(|file| file.read(reread, |pem| Fetcher::new(Some(pem), self.timeout)));
        match read {
            None => Refresh::Unchanged,
            Some(Ok(fetcher)) => {
                self.fetcher.store(Arc::new(fetcher));
                Refresh::Loaded { warnings: Vec::new() }
            }
            Some(Err(problem)) => Refresh::Failed(problem),
        }
    }

    /// Waits for a turn on the line, no longer than a fetch may take.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(self.timeout, self.permits.acquire()).await.ok()?.ok()
    }

    /// The document at a URL.
    pub(super) fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        self.fetcher.load().get(url)
    }
}
