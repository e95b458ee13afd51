//! Which templates and expressions of the file compile?

use super::Compiler;
use crate::auth::expression::Expression;
use crate::auth::expression::fields::Scope;
use crate::auth::expression::template::Template;
use crate::auth::realm::IdentityHeader;
use crate::config::Located;
use crate::config::schema::HeaderTemplate;
use crate::snapshot::HeaderEdit;

impl Compiler<'_> {
    pub(super) fn template(&mut self, text: &Located<String>, scope: Scope) -> Option<Template> {
        Template::compile(text, scope).map_err(|why| self.problem(&text.place, why)).ok()
    }

    pub(super) fn expression(&mut self, text: &Located<String>, scope: Scope) -> Option<Expression> {
        Expression::compile_condition(text, scope).map_err(|why| self.problem(&text.place, why)).ok()
    }

    pub(super) fn identity_headers(&mut self, headers: &[HeaderTemplate], scope: Scope) -> Vec<IdentityHeader> {
        let compile = |header: &HeaderTemplate| {
            Some(IdentityHeader { name: header.name.value.clone(), value: self.template(&header.value, scope)? })
        };
        headers.iter().filter_map(compile).collect()
    }

    /// Header edits: an empty value removes the header.
    pub(super) fn header_edits(&mut self, headers: &[HeaderTemplate], scope: Scope) -> Vec<HeaderEdit> {
        let compile = |header: &HeaderTemplate| {
            let name = header.name.value.clone();
            if header.value.is_empty() {
                return Some(HeaderEdit { name, value: None });
            }
            Some(HeaderEdit { name, value: Some(self.template(&header.value, scope)?) })
        };
        headers.iter().filter_map(compile).collect()
    }
}
