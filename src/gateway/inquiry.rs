//! What has to be found out for a decision, and who is asked? Endpoints of keys, services, and the slow work of hashing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use tokio::sync::Semaphore;

use super::context::RequestContext;
use super::judge::Arrival;
use super::keepalive::Keepalive;
use super::key_fetch;
use super::metrics::Metrics;
use super::pool::MOST_KEPT;
use super::service_call::{self, Lines};
use super::target::Target;
use crate::auth::Question;
use crate::auth::identity::Identity;
use crate::auth::passwords::{Attempt, PasswordVerdict};
use crate::auth::question::{Answer, Answered};
use crate::auth::stage::{Stage, StageRequest, StageVerdict};

/// Passwords that are hashed, or wait for it: who comes beyond them is told so, and holds nothing meanwhile.
const MOST_WAITING: usize = 64;
/// How long a password waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a stage may think.
const LONGEST_STAGE: Duration = Duration::from_secs(30);

/// Finds out what decisions depend on.
pub struct Inquirer {
    /// Told of what is found out.
    pub metrics: Metrics,
    /// Connections to services.
    pub lines: Lines,
    passwords: Arc<PasswordQueue>,
}

/// Who waits for a password to be hashed, in the whole process.
pub struct PasswordQueue {
    /// Passwords that are hashed at the same time: more would take the cores from everybody else.
    hashing: Arc<Semaphore>,
    /// Requests whose password is hashed or waits for that.
    waiting: Semaphore,
}

impl Default for PasswordQueue {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { hashing: Arc::new(Semaphore::new(cores.div_ceil(2))), waiting: Semaphore::new(MOST_WAITING) }
    }
}

impl Inquirer {
    /// One that knows nobody yet.
    pub fn new(metrics: Metrics, keepalive: Arc<Keepalive>, passwords: Arc<PasswordQueue>) -> Self {
        let http2 = Connector::new(Some(ConnectorOptions::new(MOST_KEPT)));
        Self { metrics, lines: Lines { http1: keepalive, http2 }, passwords }
    }

    /// Finds out.
    pub async fn answer(
        &self,
        question: Question,
        arrival: &Arrival<'_>,
        target: &Target,
        context: &RequestContext,
    ) -> Answered {
        let answer = match &question {
            Question::Keys(sources) => {
                key_fetch::fetch_all(sources, &self.metrics, context.received).await;
                Answer::Look
            }
            Question::NamedKeys { source, name } => {
                key_fetch::look_for(Arc::clone(source), name.clone(), &self.metrics, context.received).await;
                Answer::Look
            }
            Question::Password(attempt) => Answer::Password(self.judge(attempt.clone()).await),
            Question::Service(service) => {
                let began = Instant::now();
                let outcome = service_call::ask(service, &self.lines, arrival, target, context).await;
                self.metrics.service_took(&service.name, began.elapsed());
                Answer::Service(outcome)
            }
            Question::Stage { stage, identity } => {
                let request = stage_request(arrival, target, context, identity.as_deref().cloned());
                Answer::Stage(ask_stage(stage, request).await)
            }
        };
        Answered { question, answer }
    }

    async fn judge(&self, attempt: Attempt) -> PasswordVerdict {
        let Ok(_place) = self.passwords.waiting.try_acquire() else {
            log::warn!("basic: {MOST_WAITING} passwords wait to be hashed; another one is answered 503");
            return PasswordVerdict::Unavailable;
        };
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.passwords.hashing).acquire_owned()).await;
        let Ok(Ok(permit)) = turn else {
            log::warn!("basic: a password waited {LONGEST_WAIT:?} to be hashed, and is answered 503");
            return PasswordVerdict::Unavailable;
        };
        let judged = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            attempt.judge()
        });
        judged.await.unwrap_or(PasswordVerdict::Wrong)
    }
}

fn stage_request(
    arrival: &Arrival<'_>,
    target: &Target,
    context: &RequestContext,
    identity: Option<Identity>,
) -> StageRequest {
    StageRequest {
        method: arrival.head.method.clone(),
        path: target.path.as_str().to_owned(),
        query: target.query.clone(),
        host: target.host.clone(),
        scheme: arrival.scheme,
        client: context.client(),
        headers: arrival.head.headers.clone(),
        identity,
    }
}

/// In a task of its own: a panic of the program's ends that, and admits nobody.
async fn ask_stage(stage: &Arc<Stage>, request: StageRequest) -> StageVerdict {
    let authorizer = Arc::clone(&stage.authorizer);
    let mut judged = tokio::spawn(async move { authorizer.authorize(&request).await });
    let problem = match tokio::time::timeout(LONGEST_STAGE, &mut judged).await {
        Ok(Ok(verdict)) => return verdict,
        Ok(Err(error)) => error.to_string(),
        Err(_) => {
            judged.abort();
            format!("no verdict within {LONGEST_STAGE:?}")
        }
    };
    log::error!("stage {}: {problem}", stage.name);
    StageVerdict::Unavailable
}

impl std::fmt::Debug for Inquirer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inquirer").finish_non_exhaustive()
    }
}
