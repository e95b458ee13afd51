//! What does the tree of a file say, section by section?
//!
//! Lenient: a problem is reported once, what has it is left out or replaced by a placeholder, and reading goes on.

use std::path::Path;

use super::place::Place;
use super::report::Report;
use super::schema::Config;
use super::yaml::Node;

mod access;
mod action;
mod body;
mod cors;
mod forward_auth;
mod headers;
mod json;
mod keys;
mod limit;
mod list;
mod listeners;
mod locations;
mod matcher;
mod process;
mod realms;
mod remote_keys;
mod responses;
pub(super) mod revoked;
mod scalar;
mod section;
mod tls;
mod token;
mod upstreams;
mod value;

use section::Section;
use value::Value;

/// What every reading function needs besides its value.
pub(super) struct Decoder<'b> {
    /// Relative file names are relative to this folder.
    base: &'b Path,
    report: &'b mut Report,
}

impl<'b> Decoder<'b> {
    /// Reads file names relative to `base`, and tells `report` what is wrong.
    pub fn new(base: &'b Path, report: &'b mut Report) -> Self {
        Self { base, report }
    }

    fn problem(&mut self, place: Place, text: impl Into<String>) {
        self.report.problem(place, text);
    }

    fn warning(&mut self, place: Place, text: impl Into<String>) {
        self.report.warning(place, text);
    }
}

/// Reads a whole file.
pub(super) fn config(root: &Node, decoder: &mut Decoder<'_>) -> Config {
    let Some(mut section) = Section::open(&Value::root(root), decoder) else {
        return Config::default();
    };
    let needs_listener = "at least one listener is required: add \"listeners\"";
    let config = Config {
        listeners: section.required_or("listeners", needs_listener, decoder, listeners::listeners).unwrap_or_default(),
        admin: section.optional("admin", decoder, process::admin),
        access_log: section.optional("access_log", decoder, process::access_log).unwrap_or_default(),
        process: section.optional("process", decoder, process::process).unwrap_or_default(),
        forward_auth: section.optional("forward_auth", decoder, forward_auth::services).unwrap_or_default(),
        keys: section.optional("keys", decoder, keys::key_sets).unwrap_or_default(),
        realms: section.optional("realms", decoder, realms::realms).unwrap_or_default(),
        upstreams: section.optional("upstreams", decoder, upstreams::upstreams).unwrap_or_default(),
        locations: section.optional("locations", decoder, locations::locations).unwrap_or_default(),
        response_headers: section.optional("response_headers", decoder, headers::edits).unwrap_or_default(),
        responses: section.optional("responses", decoder, responses::responses).unwrap_or_default(),
    };
    let only_redirects = config.listeners.iter().all(|listener| listener.redirect_to_https.is_some());
    if !section.has("locations") && !only_redirects {
        decoder.warning(section.place(), locations::NOTHING_SERVED);
    }
    section.close(decoder);
    config
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
