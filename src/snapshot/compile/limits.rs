//! How often may one caller ask, at each location of the file?

use std::sync::Arc;

use super::Compiler;
use crate::auth::expression::fields::Scope;
use crate::config::schema;
use crate::snapshot::{Counts, Limit, Rate};

impl Compiler<'_> {
    /// The counts that run are taken over, if the limit is what it was.
    pub(super) fn limit(&mut self, written: &schema::Limit, location: &str, known: Scope) -> Option<Limit> {
        let key = self.template(&written.key, known)?;
        let rate = Rate { requests: written.requests, per: written.per, burst: written.burst };
        let of = (location.to_owned(), written.key.value.clone(), rate);
        let running = self.environment.previous.map_or(&[] as &[Arc<Counts>], |previous| &previous.counts);
        let counts = match running.iter().find(|counts| counts.of == of) {
            Some(counts) => Arc::clone(counts),
            None => Arc::new(Counts::new(of.0, of.1, of.2)),
        };
        self.counts.push(Arc::clone(&counts));
        Some(Limit { key, counts })
    }
}
