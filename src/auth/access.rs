//! Who may enter a location? The tree of conditions, and who is refused why.

use std::sync::Arc;

use ipnet::IpNet;

use super::basic::Basic;
use super::challenge::{BearerError, Challenge};
use super::credential;
use super::decision::{CredentialShown, Decision, Denial, Grant, Said};
use super::expression::Expression;
use super::expression::facts::Facts;
use super::forward_auth::{ServiceAnswer, VerifierService};
use super::identity::Identity;
use super::question::{Halt, Question};
use super::realm::{self, Enforcement, IdentityHeader, Realm, Refusal};
use super::reason::Reason;
use super::request::Request;
use super::stage::Stage;
use super::trace::{Step, Trace};

/// What guards a location: who may enter, and what the upstream is told besides what the realms say.
#[derive(Debug)]
pub struct Gate {
    /// Who may enter.
    pub access: Access,
    /// Identity headers of the location.
    pub identity_headers: Vec<IdentityHeader>,
}

/// A condition, or several.
#[derive(Debug)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whom the realm admits.
    Realm {
        /// The realm.
        realm: Arc<Realm>,
        /// What becomes of a request without a token.
        no_token: NoToken,
    },
    /// Users who know their password.
    Basic(Arc<Basic>),
    /// Whom this service admits.
    Service(Arc<VerifierService>),
    /// Whom this stage lets pass.
    Stage(Arc<Stage>),
    /// Clients of these networks; an unknown address is of none.
    Ip(Vec<IpNet>),
    /// Clients of other networks than these; an unknown address is refused.
    NotIp(Vec<IpNet>),
    /// Requests for which the expression is true.
    Check(Expression),
    /// Who meets every condition, left to right.
    All(Vec<Access>),
    /// Who meets one, the first that admits.
    Any(Vec<Access>),
}

/// What a realm does with a request that carries no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoToken {
    /// Refuses it.
    Refuse,
    /// Lets it pass, without identity.
    PassWithoutIdentity,
}

impl Gate {
    /// Decides on a request.
    pub fn decide<T: Trace>(&self, request: &Request<'_>, trace: &mut T) -> Decision {
        match self.enter(request, trace) {
            Ok(grant) => Decision::Allow(grant),
            Err(Halt::Refuse(denial)) => Decision::Deny(denial),
            Err(Halt::Ask(question)) => Decision::Ask(question),
        }
    }

    fn enter<T: Trace>(&self, request: &Request<'_>, trace: &mut T) -> Result<Grant, Halt<Denial>> {
        self.admit_credentials(request)?;
        let grant = self.access.enter(request, Before::default(), trace)?;
        let grant = self.with_headers(grant, request, trace)?;
        // Last of all, when nothing else can refuse: whoever is refused has used nothing up.
        grant.use_up(request.now).map_err(used_up)?;
        Ok(grant)
    }

    /// Whoever reads credentials, none of them reads two.
    fn admit_credentials(&self, request: &Request<'_>) -> Result<(), Denial> {
        match self.access {
            Access::Public => Ok(()),
            Access::Realm { .. }
            | Access::Basic(_)
            | Access::Service(_)
            | Access::Stage(_)
            | Access::Ip(_)
            | Access::NotIp(_)
            | Access::Check(_)
            | Access::All(_)
            | Access::Any(_) => credential::authorization_is_single(request)
                .map_err(|reason| Denial { credential: CredentialShown::Yes, ..Denial::of(reason) }),
        }
    }

    fn with_headers<T: Trace>(&self, grant: Grant, request: &Request<'_>, trace: &mut T) -> Result<Grant, Denial> {
        if self.identity_headers.is_empty() {
            return Ok(grant);
        }
        let facts = Before::default().and(&grant).facts(request);
        match realm::render(&self.identity_headers, &facts, trace) {
            Ok(headers) => Ok(grant.with_headers(headers)),
            Err(reason) => {
                let realm = grant.identity().map_or("portcullis", Identity::realm).to_owned();
                let challenges = vec![Challenge::Bearer { realm, error: Some(BearerError::InvalidToken) }];
                Err(Denial { credential: CredentialShown::Yes, challenges, ..Denial::of(reason) })
            }
        }
    }
}

impl Access {
    fn enter<T: Trace>(&self, request: &Request<'_>, before: Before<'_>, trace: &mut T) -> Result<Grant, Halt<Denial>> {
        match self {
            Self::Public => Ok(Grant::anonymous()),
            Self::Realm { realm, no_token } => enter_realm(realm, *no_token, request, trace),
            Self::Basic(basic) => basic.enter(request, trace),
            Self::Service(service) => service.enter(request, trace),
            Self::Stage(stage) => stage.enter(request, before.identity, trace),
            Self::Ip(networks) => Ok(enter_network(networks, Side::Inside, request, trace)?),
            Self::NotIp(networks) => Ok(enter_network(networks, Side::Outside, request, trace)?),
            Self::Check(check) => {
                let holds = check.holds(&before.facts(request));
                trace.note(Step::Expression { source: check.source(), verdict: holds.into() });
                if holds { Ok(Grant::anonymous()) } else { Err(Denial::of(Reason::CheckFailed).into()) }
            }
            Self::All(conditions) => {
                let mut grant = Grant::anonymous();
                for condition in conditions {
                    let entered = condition.enter(request, before.and(&grant), trace)?;
                    grant = grant.and(entered);
                }
                Ok(grant)
            }
            Self::Any(conditions) => {
                let mut denials = Vec::new();
                let mut open = None;
                for condition in conditions {
                    match condition.enter(request, before, trace) {
                        Ok(grant) => return Ok(grant),
                        Err(Halt::Refuse(denial)) => denials.push(denial),
                        // No key that is known fits. Who comes later may admit without waiting for another.
                        Err(Halt::Ask(question @ Question::Keys(_))) => open = open.or(Some(question)),
                        Err(Halt::Ask(question)) => return Err(Halt::Ask(question)),
                    }
                }
                Err(open.map_or_else(|| Halt::Refuse(of_all(denials)), Halt::Ask))
            }
        }
    }
}

/// What the conditions to the left have found out, which a `check` may ask about.
#[derive(Debug, Clone, Copy, Default)]
struct Before<'b> {
    identity: Option<&'b Identity>,
    service: Option<&'b ServiceAnswer>,
}

impl<'b> Before<'b> {
    fn and(self, grant: &'b Grant) -> Self {
        Self { identity: grant.identity().or(self.identity), service: grant.service().or(self.service) }
    }

    fn facts(self, request: &'b Request<'b>) -> Facts<'b> {
        Facts { identity: self.identity, service: self.service, ..Facts::of(request) }
    }
}

fn enter_realm<T: Trace>(
    realm: &Realm,
    no_token: NoToken,
    request: &Request<'_>,
    trace: &mut T,
) -> Result<Grant, Halt<Denial>> {
    let admitted = match (realm.admit(request, trace), realm.enforcement) {
        (Err(Halt::Refuse(refusal)), Enforcement::Shadow) => {
            return Ok(Grant::in_shadow(Arc::clone(&realm.name), refusal.reason));
        }
        (Ok(None), Enforcement::Shadow) if no_token == NoToken::Refuse => {
            return Ok(Grant::in_shadow(Arc::clone(&realm.name), Reason::TokenMissing));
        }
        (admitted, Enforcement::Enforce | Enforcement::Shadow) => admitted,
    };
    match (admitted, no_token) {
        (Ok(Some(identity)), _) => Ok(Grant::of(identity)),
        (Ok(None), NoToken::PassWithoutIdentity) => Ok(Grant::anonymous()),
        (Ok(None), NoToken::Refuse) => Err(Halt::Refuse(Denial {
            challenges: vec![challenge(realm, request, None)],
            realm: Some(Arc::clone(&realm.name)),
            ..Denial::of(Reason::TokenMissing)
        })),
        (Err(halt), _) => Err(halt.map(|refusal| refused(realm, request, refusal))),
    }
}

/// A token that admits once, and that another request was faster to use.
fn used_up(realm: &str) -> Denial {
    let error = Some(BearerError::InvalidToken);
    Denial {
        challenges: vec![Challenge::Bearer { realm: realm.to_owned(), error }],
        credential: CredentialShown::Yes,
        realm: Some(realm.into()),
        ..Denial::of(Reason::TokenUsed)
    }
}

/// RFC 6750 §3.1: which error goes with which status.
fn refused(realm: &Realm, request: &Request<'_>, refusal: Refusal) -> Denial {
    let error = match refusal.status {
        401 => Some(BearerError::InvalidToken),
        403 if refusal.reason != Reason::OriginRefused => Some(BearerError::InsufficientScope),
        _ => None,
    };
    Denial {
        reason: refusal.reason,
        status: refusal.status,
        challenges: error.map(|error| challenge(realm, request, Some(error))).into_iter().collect(),
        credential: CredentialShown::Yes,
        realm: Some(Arc::clone(&realm.name)),
        said: None,
    }
}

fn challenge(realm: &Realm, request: &Request<'_>, error: Option<BearerError>) -> Challenge {
    let text = realm.challenge.render(&Facts::of(request)).ok().flatten();
    Challenge::Bearer { realm: text.map_or_else(|| realm.name.to_string(), |text| text.into_owned()), error }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
}

fn enter_network<T: Trace>(
    networks: &[IpNet],
    side: Side,
    request: &Request<'_>,
    trace: &mut T,
) -> Result<Grant, Denial> {
    let contained = request.client.map(|client| networks.iter().any(|network| network.contains(&client)));
    let admitted = match side {
        Side::Inside => contained == Some(true),
        Side::Outside => contained == Some(false),
    };
    if T::LISTENS {
        let list = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let client = request.client.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string());
        let relation = if side == Side::Inside { "in" } else { "not in" };
        trace.note(Step::Address { rule: format!("{client} {relation} {list}"), verdict: admitted.into() });
    }
    if admitted { Ok(Grant::anonymous()) } else { Err(Denial::of(Reason::IpRefused)) }
}

/// One refusal for an `any` that nobody of admits: 400 if a branch was ambiguous, else 503 if one was unavailable, else
/// 401 with every challenge, else 403. Logged is the first branch that found a credential, else the one that gave the
/// status.
fn of_all(denials: Vec<Denial>) -> Denial {
    let with = |status: u16| denials.iter().find(|denial| denial.status == status);
    let deciding = [400, 503, 401].into_iter().find_map(with).or(denials.first());
    let Some(deciding) = deciding.cloned() else {
        return Denial::of(Reason::CheckFailed);
    };
    let logged = denials.iter().find(|denial| denial.credential == CredentialShown::Yes).unwrap_or(&deciding);
    let (reason, credential, realm) = (logged.reason, logged.credential, logged.realm.clone());
    let (challenges, said) = match deciding.status {
        // A service that sends browsers to a login does so whatever stands before it.
        401 => (all_challenges(&denials), said_by_any(&denials)),
        _ => (deciding.challenges.clone(), deciding.said),
    };
    Denial { reason, credential, realm, challenges, status: deciding.status, said }
}

/// What the first service that refuses with 401 has to say.
fn said_by_any(denials: &[Denial]) -> Option<Box<Said>> {
    denials.iter().filter(|denial| denial.status == 401).find_map(|denial| denial.said.clone())
}

fn all_challenges(denials: &[Denial]) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    for challenge in denials.iter().flat_map(|denial| &denial.challenges) {
        if !challenges.contains(challenge) {
            challenges.push(challenge.clone());
        }
    }
    challenges
}
