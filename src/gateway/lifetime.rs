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

/// Why it may not go on. Whether a token was called back is said by the realm as it is now, of the edition that runs.
pub fn ended(context: &RequestContext, running: &Edition, now: SystemTime) -> Option<Reason> {
    bound(context).iter().find_map(|identity| {
        let realm = realm_of(identity, running).or_else(|| realm_of(identity, &context.edition));
        if realm.is_some_and(|realm| realm.enforcement == Enforcement::Shadow) {
            return None;
        }
        let lists = realm.and_then(|realm| realm.revoked.as_ref());
        if identity.ends_at().is_some_and(|end| end <= now) {
            Some(Reason::TokenExpired)
        } else {
            lists.is_some_and(|lists| identity.is_revoked_by(lists)).then_some(Reason::TokenRevoked)
        }
    })
}

/// How long the first of the tokens lasts.
pub fn remaining(context: &RequestContext, now: SystemTime) -> Option<Duration> {
    let ends = bound(context).iter().filter_map(Identity::ends_at);
    ends.min().map(|end| end.duration_since(now).unwrap_or_default())
}

fn realm_of<'e>(identity: &Identity, edition: &'e Edition) -> Option<&'e Realm> {
    edition.snapshot.realms.iter().find(|realm| &*realm.name == identity.realm()).map(AsRef::as_ref)
}
