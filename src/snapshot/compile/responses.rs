//! What do the gateway's own answers say?

use std::collections::HashMap;

use bytes::Bytes;

use super::Compiler;
use crate::auth::expression::fields::Scope;
use crate::config::schema::{Content, CustomResponse, ResponseBody};
use crate::snapshot::{Answers, CustomAnswer, Fixed, ResponseHeaders};

impl Compiler<'_> {
    pub(super) fn file_answers(&mut self) -> Answers {
        let config = self.config;
        Answers::of_file(self.answers(&config.responses))
    }

    pub(super) fn file_response_headers(&mut self) -> ResponseHeaders {
        let config = self.config;
        ResponseHeaders::of_file(self.header_edits(&config.response_headers, Scope::REQUEST))
    }

    pub(super) fn answers(&mut self, written: &[CustomResponse]) -> HashMap<u16, CustomAnswer> {
        let compile = |response: &CustomResponse| {
            let browser = response.browser.as_ref().map(|to| self.template(to, Scope::REQUEST));
            let body = response.body.as_ref().map(|body| self.fixed(body));
            let answer = CustomAnswer { browser: browser.flatten(), body: body.flatten() };
            (response.status.value, answer)
        };
        written.iter().map(compile).collect()
    }

    pub(super) fn fixed(&mut self, body: &ResponseBody) -> Option<Fixed> {
        let octets = match &body.content {
            Content::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Content::File(path) => self.file(path)?.into(),
        };
        Some(Fixed { media_type: body.media_type.clone(), octets })
    }
}
