//! What would become of this request? The decision of the code that serves, for a request that nobody sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, Method, Uri};
use ipnet::IpNet;
use pingora_core::{ErrorType, OrErr, Result};
use pingora_http::RequestHeader;

use super::context::{Progress, RequestContext, Turn};
use super::head;
use super::headers;
use super::inquiry::Inquirer;
use super::judge::{self, Arrival};
use super::keepalive::Keepalive;
use super::live::Edition;
use super::metrics::Metrics;
use super::outbound;
use super::peer::{Peer, Provenance};
use crate::auth::Scheme;
use crate::auth::challenge::Challenge;
use crate::auth::expression::facts::MASK;
use crate::auth::trace::Trace;
use crate::snapshot::Action;

/// A request that is asked about.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its method.
    pub method: Method,
    /// Its URL; without host, that of `localhost`.
    pub url: Uri,
    /// Its headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who sends it.
    pub client: IpAddr,
    /// When.
    pub at: SystemTime,
    /// The place of the listener that it comes in by.
    pub listener: usize,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The location, if one was found.
    pub location: Option<String>,
    /// What happens.
    pub outcome: Outcome,
    /// The headers that the upstream would be sent; tokens are masked.
    pub headers: Vec<(String, String)>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is sent on, or answered as its location says.
    Admitted {
        /// By what.
        action: String,
    },
    /// The listener sends it to https.
    RedirectedToHttps,
    /// It is refused.
    Refused {
        /// The status.
        status: u16,
        /// The reason code.
        reason: &'static str,
        /// What the code means.
        meaning: &'static str,
        /// What the client is told to show.
        challenges: Vec<String>,
    },
}

/// Decides on a request, and tells the trace of every step. Waits for what has to be found out.
pub fn explain<T: Trace>(
    edition: Arc<Edition>,
    metrics: &Metrics,
    question: &Question,
    trace: &mut T,
) -> Result<Explanation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.or_err(ErrorType::InternalError, "no runtime")?;
    runtime.block_on(decide(edition, metrics, question, trace))
}

async fn decide<T: Trace>(
    edition: Arc<Edition>,
    metrics: &Metrics,
    question: &Question,
    trace: &mut T,
) -> Result<Explanation> {
    let scheme = if question.url.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
    let mut head = head_of(question)?;
    let mut context = RequestContext::new(edition, question.at, metrics);
    let listener = context.edition.snapshot.listeners.get(question.listener);
    let trusted = listener.map_or(&[] as &[IpNet], |listener| &listener.trusted_proxies);
    let provenance = Provenance::of(&head, &Peer::at(question.client), scheme, trusted);
    let scheme = provenance.scheme;
    context.came(provenance);
    let size = headers::size(&head);
    head::change(&mut head, |headers| {
        headers::strip_client_claims(headers, &context.edition.snapshot.identity_names);
    })?;
    let inquirer = Inquirer::new(metrics.clone(), Arc::new(Keepalive::new()), Arc::default());
    let arrival =
        Arrival { head: &head, scheme, listener: question.listener, size, certificate: None, inquirer: &inquirer };
    judge::judge(&arrival, &mut context, trace).await?;
    Ok(Explanation {
        location: context.progress.location().map(|location| location.name.to_string()),
        outcome: outcome(&context),
        headers: sent(&arrival, &context)?,
    })
}

fn head_of(question: &Question) -> Result<RequestHeader> {
    let target = question.url.path_and_query().map_or("/", |target| target.as_str());
    let mut head = RequestHeader::build(question.method.clone(), target.as_bytes(), None)?;
    head.insert_header(
        http::header::HOST,
        question.url.authority().map_or("localhost", |authority| authority.as_str()),
    )?;
    for (name, value) in &question.headers {
        if name == http::header::HOST {
            head.insert_header(name.clone(), value.clone())?;
        } else {
            head.append_header(name.clone(), value.clone())?;
        }
    }
    Ok(head)
}

fn outcome(context: &RequestContext) -> Outcome {
    match &context.progress {
        Progress::Received | Progress::Turned { turn: Turn::ToHttps, .. } => Outcome::RedirectedToHttps,
        Progress::Turned { turn: Turn::Preflight, .. } => {
            Outcome::Admitted { action: "answered by the gateway: what a page of another origin may do".to_owned() }
        }
        Progress::Turned { turn: Turn::Refused(denial), .. } | Progress::Denied { denial, .. } => Outcome::Refused {
            status: denial.status,
            reason: denial.reason.code(),
            meaning: denial.reason.meaning(),
            challenges: denial.challenges.iter().filter_map(shown_challenge).collect(),
        },
        Progress::Granted { location, .. } => Outcome::Admitted {
            action: match &location.action {
                Action::Upstream(place) => {
                    let pool = context.edition.pools.get(*place);
                    format!("sent on to the upstream {}", pool.map_or("", |pool| pool.spec().name.as_str()))
                }
                Action::Respond { status, .. } => format!("answered {status} by the location"),
                Action::Redirect(redirect) => format!("redirected with {} by the location", redirect.status),
                Action::Echo => "shown what an upstream would get".to_owned(),
            },
        },
    }
}

/// What the upstream would be sent, without the tokens.
fn sent(arrival: &Arrival<'_>, context: &RequestContext) -> Result<Vec<(String, String)>> {
    if context.progress.grant().is_none() {
        return Ok(Vec::new());
    }
    let mut upstream = arrival.head.clone();
    headers::strip_connection(&mut upstream)?;
    outbound::for_upstream(arrival, &mut upstream, context)?;
    let secrets = &context.edition.snapshot.secrets;
    let shown = upstream.headers.iter().map(|(name, value)| {
        let value = if secrets.hides_header(name) { MASK.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.as_str().to_owned(), value.into_owned())
    });
    Ok(shown.collect())
}

fn shown_challenge(challenge: &Challenge) -> Option<String> {
    challenge.to_header().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
