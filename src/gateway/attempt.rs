//! Which server is a request sent to, and what is learnt when it fails?

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;

use super::balance::Wanted;
use super::context::{Progress, RequestContext};
use super::failure::{ALL_DOWN, reason_of};
use super::judge;
use super::lifetime;
use super::pool::{Choice, Pool};
use super::proxy::Proxy;
use crate::auth::challenge::{BearerError, Challenge};
use crate::auth::identity::Identity;
use crate::auth::{Denial, Grant, Reason};
use crate::snapshot::Action;

impl Proxy {
    /// The pool of the location that a request was let into. Nothing else leads to an upstream.
    pub fn pool(context: &RequestContext) -> Option<&Arc<Pool>> {
        match &context.progress {
            Progress::Granted { location, .. } => match location.action {
                Action::Upstream(place) => context.edition.pools.get(place),
                Action::Respond { .. } | Action::Redirect(_) | Action::Echo => None,
            },
            Progress::Received | Progress::Turned { .. } | Progress::Denied { .. } => None,
        }
    }

    /// The server that a request is sent to: the one whose kept connection was closed once more, else the next.
    pub fn choose(&self, session: &Session, context: &mut RequestContext) -> Result<Option<Choice>> {
        if let Some(again) = context.attempts.again.take() {
            return Ok(Some(Choice::Endpoint(again)));
        }
        let key = self.balance_key(session, context)?;
        let wanted = Wanted { tried: &context.attempts.tried, key: key.as_deref(), now: Instant::now() };
        Ok(Self::pool(context).map(|pool| pool.next(wanted)))
    }

    /// What a request is told apart by where its upstream is balanced by hash. Who has no key is told apart by address.
    fn balance_key(&self, session: &Session, context: &RequestContext) -> Result<Option<String>> {
        let Some(Action::Upstream(place)) = context.progress.location().map(|location| &location.action) else {
            return Ok(None);
        };
        let Some(Some(template)) = context.edition.snapshot.balance_keys.get(*place) else { return Ok(None) };
        let key = judge::with_facts(&self.arrival(session, context)?, context, |facts| {
            template.render(facts).ok().flatten().map(|key| key.into_owned())
        });
        Ok(key.or_else(|| context.client().map(|client| client.to_string())))
    }

    /// Tells operators of a failure, and the server's record.
    pub fn upstream_failed(&self, context: &mut RequestContext, reason: Reason, error: &Error) {
        let name = Self::pool(context).map_or("", |pool| pool.spec().name.as_str());
        let server = context.attempts.tried.last().map(ToString::to_string).unwrap_or_default();
        let eject = Self::pool(context).and_then(|pool| pool.spec().eject.as_ref());
        if let (Some(eject), Some(load)) = (eject, &context.attempts.load)
            && load.condition().failed(eject, Instant::now()).is_some()
        {
            log::error!("upstream {name}: server {server} rests for {:?}: it failed again and again", eject.pause);
            self.metrics.ejected(name, &server);
        }
        self.metrics.upstream_failed(name, reason.code());
        // The context of a head that cannot be read is that head, cookies included.
        let said = if *error.etype() == ErrorType::InvalidHTTPHeader {
            "its answer has no head that can be read".to_owned()
        } else {
            error.to_string()
        };
        log::warn!("upstream {name}: server {server}: {}: {said} (request {})", reason.code(), context.request_id);
        context.attempts.failure = Some(reason);
    }

    /// What a client is told that nobody answered.
    pub fn denial_of(&self, error: &Error, context: &RequestContext) -> Denial {
        let reason = reason_of(error);
        let ended = lifetime::ended(context, &self.live.load(), SystemTime::now());
        match ended.filter(|_| reason == Reason::UpstreamTimeout) {
            // The wait was cut short by the token, and by nothing that the upstream did.
            Some(ended) => {
                let realm = context.progress.grant().and_then(Grant::identity).map_or("", Identity::realm).to_owned();
                let challenge = Challenge::Bearer { realm, error: Some(BearerError::InvalidToken) };
                Denial { challenges: vec![challenge], ..Denial::of(ended) }
            }
            None if *error.etype() == ALL_DOWN => Denial { status: 503, ..Denial::of(reason) },
            None => Denial::of(reason),
        }
    }
}
