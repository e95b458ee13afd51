//! What does each realm of the file ask for?

use std::path::PathBuf;
use std::sync::Arc;

use super::Compiler;
use crate::auth::claim_rules::ClaimRules;
use crate::auth::credential::TokenSource;
use crate::auth::expression::fields::Scope;
use crate::auth::expression::template::Template;
use crate::auth::proof::Proof;
use crate::auth::realm::{Enforcement, Realm, Requirement};
use crate::auth::refused_cache::RefusedCache;
use crate::auth::revocations::{Revocations, RevokedLists};
use crate::auth::single_use::UsedTokens;
use crate::auth::verified_cache::VerifiedCache;
use crate::config::schema::{self, RequirementStatus, Uses};
use crate::config::{Located, Revoked};
use crate::watched::{Refresh, Reread};

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
        let proof = self.proof(written);
        self.token_headers_are_no_identity(written);
        let challenge = match &written.challenge {
            Some(text) => self.template(text, Scope::REQUEST),
            None => Some(Template::of_text(&name)),
        };
        let require = written.require.iter().filter_map(|requirement| self.requirement(requirement)).collect();
        let identity_headers = self.identity_headers(&written.identity_headers, Scope::IDENTITY);
        // Every part has been looked at and every problem of theirs reported; now all of them are needed.
        let proof = proof?;
        let verified = self.verified_cache(written, &proof);
        let revoked = match &written.revoked {
            Some(file) => Some(self.revocations(file)?),
            None => None,
        };
        Some(Realm {
            revoked,
            used: (written.uses == Uses::One).then(|| self.used_tokens(written)),
            allowed_origins: written.allowed_origins.clone(),
            enforcement: match written.enforcement {
                schema::Enforcement::Enforce => Enforcement::Enforce,
                schema::Enforcement::Shadow => Enforcement::Shadow,
            },
            challenge: challenge?,
            sources: written.token.iter().map(source).collect(),
            proof,
            claims: claim_rules(written),
            require,
            identity_headers,
            verified,
            refused: Arc::new(RefusedCache::beside(written.cache_entries)),
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

    fn requirement(&mut self, written: &schema::Requirement) -> Option<Requirement> {
        let status = match written.status {
            RequirementStatus::Unauthorized => 401,
            RequirementStatus::Forbidden => 403,
        };
        Some(Requirement { check: self.expression(&written.check, Scope::IDENTITY)?, status })
    }

    /// The lists of a file: those that run, if they run.
    fn revocations(&mut self, file: &Located<PathBuf>) -> Option<Arc<Revocations>> {
        let same = |lists: &&Arc<Revocations>| lists.path() == file.value;
        let running = self.environment.previous.and_then(|previous| {
            previous.realms.iter().filter_map(|realm| realm.revoked.as_ref()).find(same).map(Arc::clone)
        });
        let opened = match running {
            Some(running) => match running.refresh(Reread::UnlessGood) {
                Refresh::Unchanged | Refresh::Loaded { .. } => Ok(running),
                Refresh::Failed(problem) => Err(problem),
            },
            None => Revocations::open(file.value.clone(), revoked_lists).map(Arc::new),
        };
        opened.map_err(|problem| self.problem(&file.place, problem)).ok()
    }

    /// What the realm of this name remembers, if it runs: a reload makes no token new.
    fn used_tokens(&self, written: &schema::Realm) -> Arc<UsedTokens> {
        let running = self.environment.previous.and_then(|previous| {
            let realm = previous.realms.iter().find(|realm| *realm.name == *written.name.value)?;
            realm.used.as_ref().map(Arc::clone)
        });
        running.unwrap_or_default()
    }

    /// The cache of the realm of this name that runs now, if what it holds was verified by the same rules.
    fn verified_cache(&self, written: &schema::Realm, proof: &Proof) -> Arc<VerifiedCache> {
        let same = |realm: &&Arc<Realm>| {
            *realm.name == *written.name.value
                && realm.proof.is_same(proof)
                && realm.verified.capacity() == written.cache_entries
        };
        let running = self.environment.previous.and_then(|previous| previous.realms.iter().find(same));
        running.map_or_else(|| Arc::new(VerifiedCache::new(written.cache_entries)), |realm| Arc::clone(&realm.verified))
    }
}

fn revoked_lists(octets: &[u8]) -> Result<RevokedLists, String> {
    let written = Revoked::parse(octets)?;
    Ok(RevokedLists {
        jti: written.jti.into_iter().collect(),
        sub: written.sub.into_iter().collect(),
        sid: written.sid.into_iter().collect(),
        kid: written.kid.into_iter().collect(),
        issued_before: written.issued_before,
    })
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
