//! May what was granted still go on? A connection does not outlive the token that opened it, where its location says so.

use std::time::{Duration, SystemTime};

use super::context::{Progress, RequestContext};
use super::live::Edition;
use crate::auth::Reason;
use crate::auth::identity::Identity;
use crate::auth::realm::{Enforcement, Realm};
use crate::snapshot::CloseAtExpiry;

/// Those whose tokens opened the connection, if it is not to outlive them.
fn bound(context: &RequestContext) -> &[Identity] {
    match &context.progress {
        Progress::Granted { location, grant, .. } if location.close_at_expiry == CloseAtExpiry::Yes => {
            grant.identities()
        }
        Progress::Granted { .. } | Progress::Received | Progress::Turned { .. } | Progress::Denied { .. } => &[],
    }
}

/// Whether it may end before it ends by itself.
pub fn is_limited(context: &RequestContext) -> bool {
    !bound(context).is_empty()
}

/// Those who count, with their realm as it is now: of the edition that runs. A realm in shadow ends nothing.
fn judged<'c>(
    context: &'c RequestContext,
    running: &'c Edition,
) -> impl Iterator<Item = (&'c Identity, Option<&'c Realm>)> {
    let with_realm =
        |identity| (identity, realm_of(identity, running).or_else(|| realm_of(identity, &context.edition)));
    let is_enforced = |realm: Option<&Realm>| realm.is_none_or(|realm| realm.enforcement != Enforcement::Shadow);
    bound(context).iter().map(with_realm).filter(move |(_, realm)| is_enforced(*realm))
}

/// Why it may not go on.
pub fn ended(context: &RequestContext, running: &Edition, now: SystemTime) -> Option<Reason> {
    judged(context, running).find_map(|(identity, realm)| {
        let lists = realm.and_then(|realm| realm.revoked.as_ref());
        if identity.ends_at().is_some_and(|end| end <= now) {
            Some(Reason::TokenExpired)
        } else {
            lists.is_some_and(|lists| identity.is_revoked_by(lists)).then_some(Reason::TokenRevoked)
        }
    })
}

/// How long the first of the tokens lasts.
pub fn remaining(context: &RequestContext, running: &Edition, now: SystemTime) -> Option<Duration> {
    let ends = judged(context, running).filter_map(|(identity, _)| identity.ends_at());
    ends.min().map(|end| end.duration_since(now).unwrap_or_default())
}

fn realm_of<'e>(identity: &Identity, edition: &'e Edition) -> Option<&'e Realm> {
    edition.snapshot.realms.iter().find(|realm| &*realm.name == identity.realm()).map(AsRef::as_ref)
}
