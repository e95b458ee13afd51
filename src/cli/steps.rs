//! What does `explain` show of each step of a decision?

use serde::Serialize;

use crate::auth::Question;
use crate::auth::stage::StageVerdict;
use crate::auth::trace::{Step, Trace, Verdict};

/// One step, ready to be shown.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What kind of step it is.
    pub step: &'static str,
    /// What happened, in words.
    pub what: String,
    /// Whether it was passed; absent where nothing can fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}

/// Writes every step down.
#[derive(Debug, Default)]
pub struct Steps {
    /// The steps so far.
    pub lines: Vec<Line>,
}

impl Steps {
    fn add(&mut self, step: &'static str, what: String) {
        self.lines.push(Line { step, what, passed: None });
    }

    fn judged(&mut self, step: &'static str, what: String, verdict: Verdict) {
        self.lines.push(Line { step, what, passed: Some(verdict == Verdict::Pass) });
    }
}

impl Trace for Steps {
    const LISTENS: bool = true;

    fn note(&mut self, step: Step<'_>) {
        match step {
            Step::Realm(name) => self.add("realm", name.to_owned()),
            Step::Asked(Question::Keys(sources)) => {
                let names: Vec<_> = sources.iter().map(|source| source.name()).collect();
                self.add("keys", format!("asked anew for those of {}; from the beginning:", names.join(", ")));
            }
            Step::Asked(Question::NamedKeys { source, name }) => {
                self.add("keys", format!("looked for those of {name:?} in {}; from the beginning:", source.name()));
            }
            Step::Asked(Question::Password(_)) => self.add("password", "hashed; from the beginning:".to_owned()),
            Step::Asked(Question::Service(service)) => {
                self.add("service", format!("{} is asked; from the beginning:", service.name));
            }
            Step::Asked(Question::Stage { stage, .. }) => {
                self.add("stage", format!("{} is asked; from the beginning:", stage.name));
            }
            Step::StageJudged { stage, verdict } => {
                let passed = Verdict::from(*verdict == StageVerdict::Admit);
                self.judged("stage", format!("{stage} says {}", said(verdict)), passed);
            }
            Step::ServiceAnswered { service, status } => {
                let verdict = Verdict::from((200..300).contains(&status));
                self.judged("service", format!("{service} answered {status}"), verdict);
            }
            Step::User { name, verdict } => self.judged("user", format!("{name:?}: the password"), verdict),
            Step::NoToken => self.add("token", "none was found".to_owned()),
            Step::TokenFound(source) => self.add("token", format!("found in {source}")),
            Step::Header(header) => self.add("header", header.to_compact()),
            Step::KeyTried { key, verdict } => {
                let word = if verdict == Verdict::Pass { "good" } else { "not by this key" };
                let what = format!("{} {} for {}: signature {word}", key.describe(), kid(key.kid()), key.algorithms());
                self.judged("key", what, verdict);
            }
            Step::DecryptionKeyTried { key, verdict } => {
                let word = if verdict == Verdict::Pass { "decrypts the token" } else { "does not decrypt the token" };
                let what = format!("{} {} for {}: {word}", key.describe(), kid(key.kid()), key.key_management());
                self.judged("key", what, verdict);
            }
            Step::Claim { name, expected, found, verdict } => {
                self.judged("claim", format!("{name}: expected {expected}, found {found}"), verdict);
            }
            Step::Expression { source, verdict } => self.judged("check", source.to_owned(), verdict),
            Step::Address { rule, verdict } => self.judged("address", rule, verdict),
            Step::IdentityHeader(name, value) => {
                self.add("identity", format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
            Step::IdentityHeaderAbsent(name) => self.add("identity", format!("{name} has no value and is not sent")),
        }
    }
}

fn kid(kid: Option<&str>) -> String {
    kid.map_or_else(|| "without kid".to_owned(), |kid| format!("kid {kid:?}"))
}

fn said(verdict: &StageVerdict) -> &'static str {
    match verdict {
        StageVerdict::Admit => "that it may pass",
        StageVerdict::Forbid => "that it may not",
        StageVerdict::Challenge(_) => "that more has to be shown",
        StageVerdict::Unavailable => "nothing",
    }
}
