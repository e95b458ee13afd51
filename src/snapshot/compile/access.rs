//! Who may enter a location, and what can be known of them there?

use std::sync::Arc;

use ipnet::IpNet;

use super::Compiler;
use crate::auth::expression::fields::Scope;
use crate::auth::{Access, NoToken};
use crate::config::schema::{self, HeaderTemplate};
use crate::config::value::Cidr;
use crate::config::{Located, did_you_mean};
use crate::snapshot::canonical;

impl Compiler<'_> {
    /// `before` says what the conditions to the left can have found out.
    pub(super) fn access(&mut self, written: &schema::Access, before: Scope) -> Option<Access> {
        match written {
            schema::Access::Public => Some(Access::Public),
            schema::Access::Realm { name, no_token } => self.realm_node(name, *no_token),
            schema::Access::Basic(basic) => self.basic(basic).map(|basic| Access::Basic(Arc::new(basic))),
            schema::Access::ForwardAuth(name) => self.service_node(name),
            schema::Access::Stage(name) => self.stage_node(name),
            schema::Access::Ip(networks) => Some(Access::Ip(nets(networks))),
            schema::Access::NotIp(networks) => Some(Access::NotIp(nets(networks))),
            schema::Access::Check(text) => self.expression(text, before).map(Access::Check),
            schema::Access::All(parts) => {
                let mut known = before;
                let mut compiled = Vec::new();
                for part in parts {
                    compiled.push(self.access(part, known));
                    known = known.or(known_after(part));
                }
                compiled.into_iter().collect::<Option<_>>().map(Access::All)
            }
            schema::Access::Any(parts) => {
                let compiled: Vec<_> = parts.iter().map(|part| self.access(part, before)).collect();
                compiled.into_iter().collect::<Option<_>>().map(Access::Any)
            }
            schema::Access::Broken => None,
        }
    }

    fn realm_node(&mut self, name: &Located<String>, no_token: schema::NoToken) -> Option<Access> {
        let no_token = match no_token {
            schema::NoToken::Refuse => NoToken::Refuse,
            schema::NoToken::PassWithoutIdentity => NoToken::PassWithoutIdentity,
        };
        match self.realms.get(name.as_str()) {
            Some(realm) => realm.as_ref().map(|realm| Access::Realm { realm: Arc::clone(realm), no_token }),
            None => {
                let known = self.realms.keys().copied().collect();
                self.unknown("realm", name, known);
                None
            }
        }
    }

    fn service_node(&mut self, name: &Located<String>) -> Option<Access> {
        match self.services.get(name.as_str()) {
            Some(service) => service.as_ref().map(|service| Access::Service(Arc::clone(service))),
            None => {
                let known = self.services.keys().copied().collect();
                self.unknown("forward_auth service", name, known);
                None
            }
        }
    }

    fn stage_node(&mut self, name: &Located<String>) -> Option<Access> {
        let stage = self.environment.stages.get(name);
        if stage.is_none() {
            let hint = did_you_mean(name, self.environment.stages.names());
            let what = format!("no stage {:?} is registered by the program that runs this{hint}", name.value);
            self.problem(&name.place, what);
        }
        stage.map(|stage| Access::Stage(Arc::new(stage)))
    }

    /// One identity header from two sources would leave it open whose word the upstream hears.
    pub(super) fn identity_headers_are_single(&mut self, location: &schema::Location) {
        let mut sent: Vec<String> = Vec::new();
        self.headers_of_access(&location.access, &mut sent);
        for header in &location.identity_headers {
            if sent.contains(&canonical(header.name.as_str())) {
                self.problem(&header.name.place, format!("who admits here sends {} as well", header.name.value));
            }
            sent.push(canonical(header.name.as_str()));
        }
        for header in &location.request_headers {
            if !self.identity.contains(header.name.as_str()) {
                continue;
            }
            let what = format!("{} is an identity header: set it in identity_headers", header.name.value);
            self.problem(&header.name.place, what);
        }
    }

    fn headers_of_access(&mut self, access: &schema::Access, sent: &mut Vec<String>) {
        match access {
            schema::Access::Realm { name, .. } => {
                let config = self.config;
                let realm = config.realms.iter().find(|realm| realm.name.value == name.value);
                self.send(name, realm.map_or(&[], |realm| &realm.identity_headers), sent);
            }
            schema::Access::ForwardAuth(name) => {
                let config = self.config;
                let service = config.forward_auth.iter().find(|service| service.name.value == name.value);
                self.send(name, service.map_or(&[], |service| &service.identity_headers), sent);
            }
            schema::Access::All(parts) => parts.iter().for_each(|part| self.headers_of_access(part, sent)),
            schema::Access::Any(parts) => {
                // One of them admits: each is judged by what stands before, all count for what comes after.
                let before = sent.clone();
                for part in parts {
                    let mut of_branch = before.clone();
                    self.headers_of_access(part, &mut of_branch);
                    sent.extend(of_branch.into_iter().skip(before.len()));
                }
            }
            schema::Access::Public
            | schema::Access::Basic(_)
            | schema::Access::Stage(_)
            | schema::Access::Ip(_)
            | schema::Access::NotIp(_)
            | schema::Access::Check(_)
            | schema::Access::Broken => {}
        }
    }

    /// Adds what one who must admit sends.
    fn send(&mut self, name: &Located<String>, headers: &[HeaderTemplate], sent: &mut Vec<String>) {
        for header in headers {
            if sent.contains(&canonical(header.name.as_str())) {
                let what = format!("two that must both admit send {}", header.name.value);
                self.problem(&name.place, what);
            }
            sent.push(canonical(header.name.as_str()));
        }
    }
}

/// What can be known where a tree has admitted.
pub(super) fn known_after(access: &schema::Access) -> Scope {
    match access {
        schema::Access::Realm { .. } | schema::Access::Basic(_) => Scope::IDENTITY,
        schema::Access::ForwardAuth(_) => Scope::SERVICE,
        // Nothing is to be said of what depends on something that was told already.
        schema::Access::Broken => Scope::IDENTITY.or(Scope::SERVICE),
        schema::Access::All(parts) | schema::Access::Any(parts) => {
            parts.iter().map(known_after).fold(Scope::REQUEST, Scope::or)
        }
        schema::Access::Public
        | schema::Access::Stage(_)
        | schema::Access::Ip(_)
        | schema::Access::NotIp(_)
        | schema::Access::Check(_) => Scope::REQUEST,
    }
}

/// The realms of a tree, by name.
pub(super) fn realms_of<'a>(access: &'a schema::Access, names: &mut Vec<&'a str>) {
    match access {
        schema::Access::Realm { name, .. } => names.push(name),
        schema::Access::All(parts) | schema::Access::Any(parts) => {
            parts.iter().for_each(|part| realms_of(part, names));
        }
        schema::Access::Public
        | schema::Access::Basic(_)
        | schema::Access::ForwardAuth(_)
        | schema::Access::Stage(_)
        | schema::Access::Ip(_)
        | schema::Access::NotIp(_)
        | schema::Access::Check(_)
        | schema::Access::Broken => {}
    }
}

/// The services of a tree, by name.
pub(super) fn services_of<'a>(access: &'a schema::Access, names: &mut Vec<&'a str>) {
    match access {
        schema::Access::ForwardAuth(name) => names.push(name),
        schema::Access::All(parts) | schema::Access::Any(parts) => {
            parts.iter().for_each(|part| services_of(part, names));
        }
        schema::Access::Public
        | schema::Access::Realm { .. }
        | schema::Access::Basic(_)
        | schema::Access::Stage(_)
        | schema::Access::Ip(_)
        | schema::Access::NotIp(_)
        | schema::Access::Check(_)
        | schema::Access::Broken => {}
    }
}

pub(super) fn nets(networks: &[Cidr]) -> Vec<IpNet> {
    networks.iter().filter_map(|network| IpNet::new(network.network(), network.prefix()).ok()).collect()
}
