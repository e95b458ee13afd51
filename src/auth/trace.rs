//! What happened on the way to a decision? `explain` listens; when serving, nobody does and nothing is paid.

use http::{HeaderName, HeaderValue};

use super::credential::TokenSource;
use super::question::Question;
use super::stage::StageVerdict;
use crate::jose::{DecryptionKey, Json, VerificationKey};

/// One step of a decision.
#[derive(Debug)]
pub enum Step<'s> {
    /// A realm begins to look.
    Realm(&'s str),
    /// There is no token for it.
    NoToken,
    /// Something had to be found out; the decision begins anew.
    Asked(&'s Question),
    /// A service that was asked has answered.
    ServiceAnswered {
        /// Its name.
        service: &'s str,
        /// What it answered.
        status: u16,
    },
    /// A program was asked.
    StageJudged {
        /// The name of the stage.
        stage: &'s str,
        /// What it said.
        verdict: &'s StageVerdict,
    },
    /// A user name came with a password.
    User {
        /// The name.
        name: &'s str,
        /// Whether the password is right.
        verdict: Verdict,
    },
    /// There is one.
    TokenFound(&'s TokenSource),
    /// The protected header of a token, or of the token within; not verified yet.
    Header(&'s Json),
    /// A key to verify with was tried.
    KeyTried {
        /// The key.
        key: &'s VerificationKey,
        /// Whether it verified the signature.
        verdict: Verdict,
    },
    /// A key to decrypt with was tried.
    DecryptionKeyTried {
        /// The key.
        key: &'s DecryptionKey,
        /// Whether it opened the token.
        verdict: Verdict,
    },
    /// A rule for a claim was applied.
    Claim {
        /// Its name.
        name: &'s str,
        /// What the realm asks for.
        expected: String,
        /// What the token says.
        found: String,
        /// Whether the rule is met.
        verdict: Verdict,
    },
    /// An expression of `require` or `check` was evaluated.
    Expression {
        /// Its text.
        source: &'s str,
        /// Whether it is true.
        verdict: Verdict,
    },
    /// The client's address was compared.
    Address {
        /// What was compared with.
        rule: String,
        /// Whether the rule lets it in.
        verdict: Verdict,
    },
    /// An identity header was made.
    IdentityHeader(&'s HeaderName, &'s HeaderValue),
    /// An identity header has no value and is not sent.
    IdentityHeaderAbsent(&'s HeaderName),
}

/// Whether a step was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Pass,
    /// It was not.
    Fail,
}

impl From<bool> for Verdict {
    fn from(passed: bool) -> Self {
        if passed { Self::Pass } else { Self::Fail }
    }
}

/// Takes note of steps.
pub trait Trace {
    /// Whether anybody listens. If not, steps are not even made, and a decision ends with the first failure.
    const LISTENS: bool;
    /// Takes note of one step.
    fn note(&mut self, step: Step<'_>);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct NoTrace;

impl Trace for NoTrace {
    const LISTENS: bool = false;
    fn note(&mut self, _: Step<'_>) {}
}
