//! What does each realm of the file ask for?

use std::sync::Arc;

use super::Compiler;
use crate::auth::claim_rules::ClaimRules;
use crate::auth::credential::TokenSource;
use crate::auth::expression::fields::Scope;
use crate::auth::expression::template::Template;
use crate::auth::realm::{Realm, Requirement};
use crate::auth::verified_cache::VerifiedCache;
use crate::config::schema::{self, RequirementStatus};
use crate::jose::AlgorithmSet;
use crate::keys::{KeyRing, KeySource};

/// `limits.token_size`, in octets.
const TOKEN_SIZE: usize = 16 * 1024;

impl<'c> Compiler<'c> {
    pub(super) fn compile_realms(&mut self) {
        let config = self.config;
        for written in &config.realms {
            let before = self.problems.len();
            let realm = self.realm(written);
            let whole = realm.filter(|_| self.problems.len() == before);
            self.realms.insert(&written.name.value, whole.map(Arc::new));
        }
    }

    fn realm(&mut self, written: &schema::Realm) -> Option<Realm> {
        let name: Arc<str> = written.name.as_str().into();
        let keys = self.keys_of(written);
        self.token_headers_are_no_identity(written);
        let algorithms = written.algorithms.as_ref().map(|names| self.algorithms(names));
        let challenge = match &written.challenge {
            Some(text) => self.template(text, Scope::REQUEST),
            None => Some(Template::of_text(&name)),
        };
        let require = written.require.iter().filter_map(|requirement| self.requirement(requirement)).collect();
        let identity_headers = self.identity_headers(&written.identity_headers, Scope::IDENTITY);
        // Every part has been looked at and every problem of theirs reported; now all of them are needed.
        let algorithms = match algorithms {
            None => None,
            Some(known) => Some(known?),
        };
        let keys = KeyRing::new(keys?);
        self.algorithms_fit(written, &keys, algorithms);
        let verified = self.verified_cache(written, &keys, algorithms);
        Some(Realm {
            challenge: challenge?,
            sources: written.token.iter().map(source).collect(),
            keys,
            algorithms,
            claims: claim_rules(written),
            require,
            identity_headers,
            largest_token: TOKEN_SIZE,
            verified,
            observer: Arc::clone(&self.environment.observer),
            name,
        })
    }

    /// The firewall would strip such a token before the realm could read it.
    fn token_headers_are_no_identity(&mut self, written: &schema::Realm) {
        for source in &written.token {
            if let schema::TokenSource::Header { name, .. } = source
                && self.identity.contains(name.as_str())
            {
                let what =
                    format!("the token is looked for in {name}, which is an identity header: no client can send it");
                self.problem(&written.name.place, what);
            }
        }
    }

    fn keys_of(&mut self, written: &schema::Realm) -> Option<Vec<Arc<KeySource>>> {
        let mut sources = Vec::new();
        let mut whole = !written.keys.is_empty();
        for name in &written.keys {
            match self.key_sets.get(name.as_str()) {
                Some(Some(set)) => sources.extend(set.iter().cloned()),
                Some(None) => whole = false,
                None => {
                    let known = self.key_sets.keys().copied().collect();
                    self.unknown("key set", name, known);
                    whole = false;
                }
            }
        }
        whole.then_some(sources)
    }

    /// A realm whose algorithms none of its keys allows would refuse everybody.
    fn algorithms_fit(&mut self, written: &schema::Realm, keys: &KeyRing, algorithms: Option<AlgorithmSet>) {
        let Some(algorithms) = algorithms else { return };
        let by_keys = keys.view().algorithms();
        if algorithms.intersect(by_keys).is_empty() {
            let place = written.algorithms.iter().flatten().next().map_or(&written.name.place, |name| &name.place);
            self.problem(place, format!("none of these can be used: the realm's keys are for {by_keys}"));
        }
    }

    fn requirement(&mut self, written: &schema::Requirement) -> Option<Requirement> {
        let status = match written.status {
            RequirementStatus::Unauthorized => 401,
            RequirementStatus::Forbidden => 403,
        };
        Some(Requirement { check: self.expression(&written.check, Scope::IDENTITY)?, status })
    }

    /// The cache of the realm of this name that runs now, if what it holds was verified by the same rules.
    fn verified_cache(
        &self,
        written: &schema::Realm,
        keys: &KeyRing,
        algorithms: Option<AlgorithmSet>,
    ) -> Arc<VerifiedCache> {
        let same = |realm: &&Arc<Realm>| {
            *realm.name == *written.name.value
                && realm.keys.is_same(keys)
                && realm.algorithms == algorithms
                && realm.verified.capacity() == written.cache_entries
        };
        let running = self.environment.previous.and_then(|previous| previous.realms.iter().find(same));
        running.map_or_else(|| Arc::new(VerifiedCache::new(written.cache_entries)), |realm| Arc::clone(&realm.verified))
    }
}

fn claim_rules(written: &schema::Realm) -> ClaimRules {
    ClaimRules {
        issuer: written.issuer.clone(),
        audience: written.audience.clone(),
        leeway: written.leeway,
        max_age: written.max_age,
        required: written.required_claims.clone(),
        token_types: written.token_types.clone(),
    }
}

pub(super) fn source(written: &schema::TokenSource) -> TokenSource {
    match written {
        schema::TokenSource::Bearer => TokenSource::Bearer,
        schema::TokenSource::Cookie(name) => TokenSource::Cookie(name.clone()),
        schema::TokenSource::Query(name) => TokenSource::Query(name.clone()),
        schema::TokenSource::Header { name, scheme } => {
            TokenSource::Header { name: name.clone(), scheme: scheme.clone() }
        }
    }
}
