//! What does a configuration mean? The one translator from what was written to what is run, or every problem with it.

mod access;
mod algorithms;
mod keys;
mod limits;
mod locations;
mod named_keys;
mod proofs;
mod realms;
mod responses;
mod services;
mod templates;
mod upstreams;
mod users;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use self::access::{nets, services_of};
use self::keys::KeySet;
pub use self::keys::key_source_name;
use super::{Counts, IdentityNames, Listener, LogFormat, RedirectToHttps, Snapshot};
use crate::auth::credential::TokenNames;
use crate::auth::expression::fields::Scope;
use crate::auth::forward_auth::VerifierService;
use crate::auth::passwords::Users;
use crate::auth::realm::{CacheObserver, Realm};
use crate::auth::stage::Stages;
use crate::config::{Config, Located, Place, Problem, did_you_mean, schema};
use crate::path::NormalPath;

/// A configuration, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// What to run; `None` if there are problems.
    pub snapshot: Option<Snapshot>,
    /// What forbids to run it.
    pub problems: Vec<Problem>,
    /// What is doubtful.
    pub warnings: Vec<Problem>,
}

/// What a configuration is compiled against.
#[derive(Debug, Clone)]
pub struct Environment<'e> {
    /// What runs now: key sources and caches of equal definition are taken over.
    pub previous: Option<&'e Snapshot>,
    /// Who is told of the caches' hits and misses.
    pub observer: Arc<dyn CacheObserver>,
    /// What the program that runs this has registered.
    pub stages: &'e Stages,
    /// When; the age of saved keys depends on it.
    pub now: SystemTime,
}

/// Compiles a configuration, which may have problems of its own; these are for the caller to report.
pub fn compile(config: &Config, environment: &Environment<'_>) -> Compiled {
    let mut compiler = Compiler::new(config, environment);
    let snapshot = compiler.snapshot();
    let Compiler { problems, warnings, .. } = compiler;
    Compiled { snapshot: problems.is_empty().then_some(snapshot), problems, warnings }
}

/// What is known so far. A name that stands for something broken is there with `None`, so that nobody misses it.
struct Compiler<'c> {
    config: &'c Config,
    environment: &'c Environment<'c>,
    key_sets: HashMap<&'c str, Option<KeySet>>,
    realms: HashMap<&'c str, Option<Arc<Realm>>>,
    services: HashMap<&'c str, Option<Arc<VerifierService>>>,
    users: Vec<Arc<Users>>,
    counts: Vec<Arc<Counts>>,
    identity: IdentityNames,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'c> Compiler<'c> {
    fn new(config: &'c Config, environment: &'c Environment<'c>) -> Self {
        Self {
            config,
            environment,
            key_sets: HashMap::new(),
            realms: HashMap::new(),
            services: HashMap::new(),
            users: Vec::new(),
            counts: Vec::new(),
            identity: identity_names(config),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.compile_key_sets();
        self.compile_realms();
        let upstreams = self.upstreams();
        let mut all_upstreams = upstreams.clone();
        self.services(&mut all_upstreams);
        let answers = self.file_answers();
        let response_headers = self.file_response_headers();
        let balance_keys = self.balance_keys();
        let listeners = self.listeners();
        self.admin_has_a_socket_of_its_own();
        let routes = self.routes(&upstreams, &answers, &response_headers);
        self.warn_of_unused();
        self.warn_of_free_hosts();
        let sources = self.config.realms.iter().flat_map(|realm| &realm.token).map(realms::source);
        let secrets = TokenNames::of(sources.collect::<Vec<_>>().iter());
        Snapshot {
            listeners,
            routes,
            identity_names: self.identity.clone(),
            secrets,
            upstreams: all_upstreams,
            balance_keys,
            users: self.users.clone(),
            counts: self.counts.clone(),
            answers,
            response_headers,
            key_sources: self.key_sets.values().flatten().flat_map(|set| &set.fixed).cloned().collect(),
            per_request_sources: self.key_sets.values().flatten().flat_map(|set| &set.named).cloned().collect(),
            realms: self.realms.values().flatten().cloned().collect(),
            log_format: self.log_format(),
        }
    }

    fn problem(&mut self, place: &Place, text: impl Into<String>) {
        self.problems.push(Problem::new(place.clone(), text));
    }

    fn warning(&mut self, place: &Place, text: impl Into<String>) {
        self.warnings.push(Problem::new(place.clone(), text));
    }

    /// Reports a name that nothing has.
    fn unknown(&mut self, kind: &str, name: &Located<String>, known: Vec<&str>) {
        let hint = did_you_mean(name, known);
        self.problem(&name.place, format!("no {kind} {:?}{hint}", name.value));
    }

    fn listeners(&mut self) -> Vec<Listener> {
        let config = self.config;
        let compile = |listener: &schema::Listener| Listener {
            redirect: listener.redirect_to_https.as_ref().map(|redirect| self.redirect(redirect)),
            trusted_proxies: nets(&listener.trusted_proxies),
            proxy_protocol: listener.proxy_protocol,
            limits: listener.limits.clone(),
        };
        config.listeners.iter().map(compile).collect()
    }

    fn admin_has_a_socket_of_its_own(&mut self) {
        let config = self.config;
        let Some(admin) = config.admin.as_ref().filter(|admin| admin.port() != 0) else { return };
        if config.listeners.iter().any(|listener| listener.address.value == admin.value) {
            self.problem(&admin.place, format!("{} is the address of a listener already", admin.value));
        }
    }

    fn redirect(&mut self, redirect: &schema::RedirectToHttps) -> RedirectToHttps {
        let except = redirect.except.iter().filter_map(|path| self.normal(path)).collect();
        RedirectToHttps { status: redirect.status, port: redirect.port, except }
    }

    /// A path of the configuration, which must be written in normal form to be found.
    fn normal(&mut self, path: &Located<String>) -> Option<String> {
        match NormalPath::parse(path.value.as_bytes()) {
            Ok(normal) if comparable(normal.as_str(), path) => Some(normal.as_str().to_owned()),
            Ok(normal) => {
                self.problem(&path.place, format!("this can never match: paths are compared as {:?}", normal.as_str()));
                None
            }
            Err(problem) => {
                self.problem(&path.place, format!("this can never match: {}", problem.text()));
                None
            }
        }
    }

    fn log_format(&mut self) -> LogFormat {
        match &self.config.access_log.format {
            schema::LogFormat::Json => LogFormat::Json,
            schema::LogFormat::Template(text) => {
                self.template(text, Scope::LOG).map_or(LogFormat::Json, LogFormat::Template)
            }
        }
    }

    fn warn_of_unused(&mut self) {
        let config = self.config;
        let used_realms = locations::realm_names(config);
        for realm in &config.realms {
            if !used_realms.contains(realm.name.as_str()) {
                self.warning(&realm.name.place, format!("no location uses the realm {:?}", realm.name.value));
            }
        }
        let mut used_services = Vec::new();
        config.locations.iter().for_each(|location| services_of(&location.access, &mut used_services));
        for service in &config.forward_auth {
            if !used_services.contains(&service.name.as_str()) {
                let what = format!("no location asks the forward_auth service {:?}", service.name.value);
                self.warning(&service.name.place, what);
            }
        }
        for upstream in &config.upstreams {
            let used = config.locations.iter().any(
                |location| matches!(&location.action, schema::Action::Upstream(name) if name.value == upstream.name.value),
            );
            if !used {
                self.warning(&upstream.name.place, format!("no location uses the upstream {:?}", upstream.name.value));
            }
        }
    }
}

/// Every header that anything in the file sends as identity, also from what is broken or unused.
fn identity_names(config: &Config) -> IdentityNames {
    let of_realms = config.realms.iter().flat_map(|realm| &realm.identity_headers);
    let of_services = config.forward_auth.iter().flat_map(|service| &service.identity_headers);
    let of_locations = config.locations.iter().flat_map(|location| &location.identity_headers);
    IdentityNames::new(of_realms.chain(of_services).chain(of_locations).map(|header| header.name.as_str()))
}

/// Characters outside ASCII may be written plainly in the configuration; everything else must be in normal form.
fn comparable(normal: &str, written: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(normal).decode_utf8_lossy();
    normal == written || decoded == written
}

/// Reads a file that the configuration names.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
