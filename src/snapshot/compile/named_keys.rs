//! May a request name these keys? Nobody chooses whose keys are good but the operator.

use std::sync::Arc;

use super::Compiler;
use super::access::realms_of;
use crate::auth::expression::Expression;
use crate::auth::expression::fields::{Field, Scope};
use crate::auth::expression::template::Template;
use crate::auth::realm::Realm;
use crate::auth::realm_keys::NamedKeys;
use crate::config::Located;
use crate::config::value::http_url;
use crate::keys::{PerRequestPlace, PerRequestSource};

impl Compiler<'_> {
    /// Compiles the name of a source for each request. The host of a URL must not be for the client to choose.
    pub(super) fn judge_name(&mut self, name: &Located<String>, place: &PerRequestPlace) -> Option<()> {
        let template = self.template(name, Scope::REQUEST)?;
        if let PerRequestPlace::File(_) = place {
            return Some(());
        }
        match http_url(&template.render_sample("x")) {
            Ok(transport) => {
                let warning = transport.warning();
                warning.into_iter().for_each(|words| self.warning(&name.place, words));
            }
            Err(words) => {
                self.problem(&name.place, words);
                return None;
            }
        }
        let authority = authority_of(name).and_then(|text| Template::compile(text, Scope::REQUEST).ok());
        let is_host = |read: &Expression| matches!(read.field(), Some(Field::Host));
        if !authority.is_some_and(|authority| authority.expressions().all(is_host)) {
            let what = "the host of a URL is written, or is {request.host}: nothing else that a client may choose";
            self.problem(&name.place, what);
            return None;
        }
        Some(())
    }

    /// A client that may come with any host chooses its keys, where the host names them.
    pub(super) fn warn_of_free_hosts(&mut self) {
        let config = self.config;
        for location in config.locations.iter().filter(|location| location.matcher.hosts.is_empty()) {
            let mut names = Vec::new();
            realms_of(&location.access, &mut names);
            for name in names {
                let realm = self.realms.get(name).and_then(Option::as_ref);
                let named = realm.map_or(Named::Otherwise, |realm| named_by_host(realm));
                let cure = "write in \"host\" which ones are yours";
                match named {
                    Named::Otherwise => {}
                    Named::ByHost => {
                        let what = format!(
                            "the host of a request names the keys of the realm {name:?}, and any host is let in here: {cure}"
                        );
                        self.warning(&location.matcher.place, what);
                    }
                    Named::AtHost => {
                        let what = format!(
                            "the host of a request says where the keys of the realm {name:?} are fetched, and any host is \
                             let in here, so that everybody could bring keys of their own: {cure}"
                        );
                        self.problem(&location.matcher.place, what);
                    }
                }
            }
        }
    }
}

/// A source that requests name, with a template of its own.
pub(super) fn named_keys(source: &Arc<PerRequestSource>) -> Option<NamedKeys> {
    let name = Template::compile(&source.definition().template, Scope::REQUEST).ok()?;
    Some(NamedKeys { name, source: Arc::clone(source) })
}

/// What the host of a request has to say about a realm's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// Nothing.
    Otherwise,
    /// Which ones they are.
    ByHost,
    /// Where they are fetched.
    AtHost,
}

fn named_by_host(realm: &Realm) -> Named {
    let reads_host = |read: &Expression| {
        matches!(read.field(), Some(Field::Host)) || (read.field().is_none() && read.source().contains("host"))
    };
    let named = realm.proof.keys().flat_map(|keys| keys.named()).map(|named| {
        let remote = matches!(named.source.definition().place, PerRequestPlace::Remote(_));
        let authority = authority_of(&named.source.definition().template).unwrap_or_default();
        let in_authority = Template::compile(authority, Scope::REQUEST).is_ok_and(|text| text.literal().is_none());
        match named.name.expressions().any(reads_host) {
            true if remote && in_authority => Named::AtHost,
            true => Named::ByHost,
            false => Named::Otherwise,
        }
    });
    named.max().unwrap_or(Named::Otherwise)
}

/// What stands between `://` and the path.
fn authority_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let ends = rest.match_indices(['/', '?']).map(|(end, _)| end).chain([rest.len()]);
    let whole = |text: &&str| Template::compile(text, Scope::REQUEST).is_ok();
    ends.filter_map(|end| rest.get(..end)).find(whole)
}
