//! Where does each location of the file apply, and what does it do there?

use std::collections::HashSet;
use std::sync::Arc;

use http::{HeaderValue, Method};
use regex::Regex;

use super::access::{known_after, realms_of};
use super::{Compiler, realms};
use crate::auth::Gate;
use crate::auth::credential::TokenSource;
use crate::auth::expression::fields::Scope;
use crate::config::schema::Protocol;
use crate::config::schema::{self, ForwardPassword, ForwardToken, PathMatch};
use crate::config::value::HostPattern;
use crate::config::{Config, Located};
use crate::route::{Conditions, HostRule, ListenerId, PathRule, RouteTable};
use crate::snapshot::cors::method_list;
use crate::snapshot::{
    Action, Answers, Cors, EncodedSlash, Location, Methods, Redirect, ResponseHeaders, TokenRemoval, UpstreamSpec,
    WebSocket,
};

impl Compiler<'_> {
    pub(super) fn routes(
        &mut self,
        upstreams: &[Arc<UpstreamSpec>],
        answers: &Answers,
        headers: &ResponseHeaders,
    ) -> RouteTable<Arc<Location>> {
        let config = self.config;
        let mut table = RouteTable::default();
        for written in &config.locations {
            let path = self.path_rule(&written.matcher.path);
            let conditions = self.conditions(written);
            let location = self.location(written, upstreams, answers, headers);
            if let (Some(path), Some(conditions), Some(location)) = (path, conditions, location) {
                self.add(&mut table, written, path, conditions, Arc::new(location));
            }
        }
        table
    }

    fn add(
        &mut self,
        table: &mut RouteTable<Arc<Location>>,
        written: &schema::Location,
        path: PathRule,
        conditions: Conditions,
        location: Arc<Location>,
    ) {
        let hosts = written.matcher.hosts.iter().map(|host| host_rule(host));
        let hosts = if written.matcher.hosts.is_empty() { vec![HostRule::Any] } else { hosts.collect() };
        for host in hosts {
            let added = table.add(host, path.clone(), conditions.clone(), Arc::clone(&location));
            if added.is_err() {
                let what = "this location can never match: an earlier one matches the same requests";
                self.problem(&written.matcher.place, what);
            }
        }
    }

    fn path_rule(&mut self, written: &Located<PathMatch>) -> Option<PathRule> {
        let at = |text: &String| Located::new(text.clone(), written.place.clone());
        match &written.value {
            PathMatch::Exact(path) => self.normal(&at(path)).map(|path| PathRule::Exact(path.into())),
            PathMatch::Prefix(prefix) => self.normal(&at(prefix)).map(|prefix| PathRule::Prefix(prefix.into())),
            PathMatch::Broken => None,
            PathMatch::Regex(text) => match Regex::new(text) {
                Ok(regex) => Some(PathRule::Regex(regex)),
                Err(error) => {
                    let why = error.to_string();
                    let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    self.problem(&written.place, format!("this is not a regular expression: {last}"));
                    None
                }
            },
        }
    }

    fn conditions(&mut self, written: &schema::Location) -> Option<Conditions> {
        let methods = written.matcher.methods.as_deref().map(with_head);
        if let (Some(matched), Some(taken)) = (&methods, &written.methods) {
            let taken = with_head(taken);
            if !matched.iter().any(|method| taken.contains(method)) {
                self.problem(&written.matcher.place, "no method of match.methods is one of methods");
            }
        }
        let listener = match &written.matcher.listener {
            None => None,
            Some(name) => Some(self.listener(name)?),
        };
        Some(Conditions { listener, methods })
    }

    fn listener(&mut self, name: &Located<String>) -> Option<ListenerId> {
        let config = self.config;
        let names = || config.listeners.iter().map(|listener| listener.name.as_ref().map(|name| name.as_str()));
        let found = names().position(|other| other == Some(name.as_str()));
        if found.is_none() {
            self.unknown("listener", name, names().flatten().collect());
        }
        found
    }

    fn location(
        &mut self,
        written: &schema::Location,
        upstreams: &[Arc<UpstreamSpec>],
        answers: &Answers,
        headers: &ResponseHeaders,
    ) -> Option<Location> {
        let known = known_after(&written.access);
        self.identity_headers_are_single(written);
        let access = self.access(&written.access, Scope::REQUEST);
        let identity_headers = self.identity_headers(&written.identity_headers, known);
        let request_headers = self.header_edits(&written.request_headers, known);
        let response_headers = self.header_edits(&written.response_headers, Scope::REQUEST);
        let answers = answers.with_location(self.answers(&written.responses));
        let action = self.action(&written.action, upstreams, known);
        let replace_prefix = self.replace_prefix(written);
        let limit = written.limit.as_ref().map(|limit| self.limit(limit, &name(written), known));
        Some(Location {
            limit: limit.flatten(),
            compress: written.compress.clone(),
            websocket: websocket(written, action.as_ref(), upstreams),
            close_at_expiry: written.close_at_expiry,
            name: name(written).into(),
            gate: Gate { access: access?, identity_headers },
            methods: written.methods.as_deref().map_or(Methods::Usual, |methods| Methods::Only(with_head(methods))),
            action: action?,
            request_headers,
            removed_tokens: self.removed_tokens(&written.access),
            replace_prefix,
            encoded_slash: match written.encoded_slash {
                schema::EncodedSlash::Refuse => EncodedSlash::Refuse,
                schema::EncodedSlash::Keep => EncodedSlash::Keep,
            },
            response_headers: headers.with_location(response_headers),
            cors: written.cors.as_ref().and_then(|cors| compiled_cors(cors, written)),
            answers,
        })
    }

    fn action(&mut self, written: &schema::Action, upstreams: &[Arc<UpstreamSpec>], known: Scope) -> Option<Action> {
        match written {
            schema::Action::Upstream(name) => {
                let found = upstreams.iter().position(|upstream| upstream.name == name.value);
                if found.is_none() {
                    self.unknown("upstream", name, upstreams.iter().map(|upstream| upstream.name.as_str()).collect());
                }
                found.map(Action::Upstream)
            }
            schema::Action::Respond(respond) => {
                self.fixed(&respond.body).map(|body| Action::Respond { status: respond.status, body })
            }
            schema::Action::Redirect { status, to } => {
                self.template(to, known).map(|to| Action::Redirect(Redirect { status: *status, to }))
            }
            schema::Action::Echo => Some(Action::Echo),
            schema::Action::Broken => None,
        }
    }

    fn replace_prefix(&mut self, written: &schema::Location) -> Option<(String, String)> {
        let replacement = self.normal(written.replace_prefix.as_ref()?)?;
        match &written.matcher.path.value {
            PathMatch::Prefix(prefix) => Some((prefix.clone(), replacement)),
            PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Broken => None,
        }
    }

    /// What of the tokens of a location's realms does not go on to the upstream.
    fn removed_tokens(&self, access: &schema::Access) -> Vec<TokenRemoval> {
        let mut names = Vec::new();
        realms_of(access, &mut names);
        let of_tree = self.config.realms.iter().filter(|realm| names.contains(&realm.name.as_str()));
        let sources =
            of_tree.flat_map(|realm| realm.token.iter().map(|source| (realm.forward_token, realms::source(source))));
        let tokens = sources.filter(|(forward, source)| is_removed(*forward, source)).map(|(_, source)| source);
        let password = (!forwards_password(access)).then(password).into_iter();
        tokens.chain(password).map(TokenRemoval).collect()
    }
}

/// Whether a tree has no use for a password, or lets it go on.
fn forwards_password(access: &schema::Access) -> bool {
    match access {
        schema::Access::Basic(basic) => basic.forward_password == ForwardPassword::Yes,
        schema::Access::All(parts) | schema::Access::Any(parts) => parts.iter().all(forwards_password),
        schema::Access::Public
        | schema::Access::Realm { .. }
        | schema::Access::ForwardAuth(_)
        | schema::Access::Stage(_)
        | schema::Access::Ip(_)
        | schema::Access::NotIp(_)
        | schema::Access::Check(_)
        | schema::Access::Broken => true,
    }
}

/// Where a password stands (RFC 7617 §2).
fn password() -> TokenSource {
    TokenSource::Header { name: http::header::AUTHORIZATION, scheme: Some("Basic".to_owned()) }
}

/// A server of HTTP/2 opens none: it would be called broken by whoever asks.
fn websocket(written: &schema::Location, action: Option<&Action>, upstreams: &[Arc<UpstreamSpec>]) -> WebSocket {
    let upstream = match action {
        Some(Action::Upstream(place)) => upstreams.get(*place),
        Some(Action::Respond { .. } | Action::Redirect(_) | Action::Echo) | None => None,
    };
    match upstream.map(|upstream| upstream.protocol) {
        Some(Protocol::H2 | Protocol::H2c) => WebSocket::Refuse,
        Some(Protocol::Http1) | None => written.websocket,
    }
}

/// The headers that say it, made once.
fn compiled_cors(cors: &schema::Cors, location: &schema::Location) -> Option<Cors> {
    let usual = Methods::Usual;
    let methods = match (&cors.methods, &location.methods) {
        (Some(methods), _) | (None, Some(methods)) => method_list(methods),
        (None, None) => method_list(usual.allowed()),
    };
    let names: Vec<&str> = cors.headers.iter().map(|name| name.as_str()).collect();
    Some(Cors {
        origins: cors.origins.clone(),
        methods: methods?,
        headers: (!names.is_empty()).then(|| HeaderValue::from_str(&names.join(", ")).ok()).flatten(),
        credentials: cors.credentials,
        max_age: cors.max_age.map(|age| age.as_secs().into()),
    })
}

fn is_removed(forward: ForwardToken, source: &TokenSource) -> bool {
    match forward {
        ForwardToken::All => false,
        ForwardToken::None => true,
        ForwardToken::Header => matches!(source, TokenSource::Query(_)),
    }
}

/// GET includes HEAD (RFC 9110 §9.3.2).
fn with_head(methods: &[Method]) -> Vec<Method> {
    let mut all = methods.to_vec();
    if all.contains(&Method::GET) && !all.contains(&Method::HEAD) {
        all.push(Method::HEAD);
    }
    all
}

fn host_rule(pattern: &HostPattern) -> HostRule {
    match pattern {
        HostPattern::Exact(host) => HostRule::Exact(host.as_str().into()),
        HostPattern::Wildcard(suffix) => HostRule::Wildcard(suffix.as_str().into()),
    }
}

/// `dify.example.com/ws`, `= /login`, `~ ^/u/[0-9]+$`: nginx's way to tell the kinds apart.
fn name(written: &schema::Location) -> String {
    let hosts: Vec<_> = written.matcher.hosts.iter().map(|host| host.value.to_string()).collect();
    let hosts = hosts.join(",");
    let path = match &written.matcher.path.value {
        PathMatch::Exact(path) => format!("= {hosts}{path}"),
        PathMatch::Prefix(prefix) => format!("{hosts}{prefix}"),
        PathMatch::Regex(regex) => format!("~ {hosts}{regex}"),
        PathMatch::Broken => String::new(),
    };
    match &written.matcher.methods {
        None => path,
        Some(methods) => {
            let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
            format!("{} {path}", methods.join(","))
        }
    }
}

/// The realms that any location names.
pub(super) fn realm_names(config: &Config) -> HashSet<&str> {
    let mut names = Vec::new();
    config.locations.iter().for_each(|location| realms_of(&location.access, &mut names));
    names.into_iter().collect()
}
