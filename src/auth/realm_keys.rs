//! Which keys does a realm use for this request? The same for all, and those that the request names.

use std::borrow::Cow;
use std::sync::Arc;

use super::expression::facts::Facts;
use super::expression::template::Template;
use super::question::{Halt, Question};
use super::reason::Reason;
use super::request::Request;
use crate::keys::{KeyRing, KeySource, NoKeys, PerRequestSource, is_plain_segment};

/// The keys that a realm uses.
#[derive(Debug)]
pub struct RealmKeys {
    fixed: KeyRing,
    named: Vec<NamedKeys>,
}

/// Keys whose place a request names.
#[derive(Debug)]
pub struct NamedKeys {
    /// The name, with values of the request in it.
    pub name: Template,
    /// What is named.
    pub source: Arc<PerRequestSource>,
}

/// The keys for one request.
#[derive(Debug)]
pub struct RequestKeys<'k> {
    /// Those that there are.
    pub ring: Cow<'k, KeyRing>,
    /// Why some are not there.
    lacking: Option<Reason>,
}

impl RealmKeys {
    /// Puts keys together.
    pub fn new(fixed: KeyRing, named: Vec<NamedKeys>) -> Self {
        Self { fixed, named }
    }

    /// The keys that are the same for every request.
    pub fn fixed(&self) -> &KeyRing {
        &self.fixed
    }

    /// The keys whose place a request names.
    pub fn named(&self) -> &[NamedKeys] {
        &self.named
    }

    /// Whether both are made of the very same sources.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(one, other): (&NamedKeys, &NamedKeys)| Arc::ptr_eq(&one.source, &other.source);
        self.fixed.is_same(&other.fixed)
            && self.named.len() == other.named.len()
            && self.named.iter().zip(&other.named).all(same)
    }

    /// The keys for a request, or what has to be found out for it first.
    pub fn of_request(&self, request: &Request<'_>) -> Result<RequestKeys<'_>, Question> {
        if self.named.is_empty() {
            return Ok(RequestKeys { ring: Cow::Borrowed(&self.fixed), lacking: None });
        }
        let mut sources = self.fixed.sources().to_vec();
        let mut lacking = None;
        for named in &self.named {
            match named.of_request(request)? {
                Ok(source) => sources.push(source),
                Err(NoKeys::Unreadable) => lacking = Some(Reason::KeysUnavailable),
                Err(NoKeys::Absent) => lacking = lacking.or(Some(Reason::KeyUnknown)),
            }
        }
        Ok(RequestKeys { ring: Cow::Owned(KeyRing::new(sources)), lacking })
    }
}

impl NamedKeys {
    fn of_request(&self, request: &Request<'_>) -> Result<Result<Arc<KeySource>, NoKeys>, Question> {
        let facts = Facts::of(request);
        let Some(name) = self.name.render_if(&facts, is_plain_segment) else {
            return Ok(Err(NoKeys::Absent));
        };
        if let Some(found) = self.source.find(&name, request.now) {
            return Ok(found);
        }
        let question = Question::NamedKeys { source: Arc::clone(&self.source), name: name.clone() };
        match question.answer_in(request.answered) {
            Some(_) => Ok(self.source.find_again(&name, request.now)),
            None => Err(question),
        }
    }
}

impl RequestKeys<'_> {
    /// Whether all are there, so that it is known what they allow.
    pub fn are_complete(&self) -> bool {
        self.lacking.is_none()
    }

    /// What becomes of a token that none of the keys fits: perhaps an endpoint publishes one by now.
    pub fn without_key(&self, reason: Reason, request: &Request<'_>) -> Halt<Reason> {
        let askable = self.ring.askable(request.now);
        let anybody_to_ask = !askable.is_empty();
        let question = Question::Keys(askable);
        if anybody_to_ask && question.answer_in(request.answered).is_none() {
            Halt::Ask(question)
        } else if self.ring.lacks_keys() {
            Halt::Refuse(Reason::KeysUnavailable)
        } else {
            Halt::Refuse(self.lacking.unwrap_or(reason))
        }
    }
}
