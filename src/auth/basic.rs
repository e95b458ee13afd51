//! Is this user who they say they are? User name and password (RFC 7617).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::challenge::Challenge;
use super::credential;
use super::decision::{CredentialShown, Denial, Grant};
use super::expression::facts::Facts;
use super::expression::template::Template;
use super::identity::{Identity, VerifiedToken};
use super::passwords::{Known, PasswordVerdict, Users};
use super::question::{Answer, Halt, Question};
use super::reason::Reason;
use super::request::Request;
use super::trace::{Step, Trace};

/// What logs and expressions call the realm of users.
const NAME: &str = "basic";
/// SHA-crypt takes time that grows with the square of this. Octets, before they are decoded.
const LONGEST: usize = 1024;

/// Lets users in.
#[derive(Debug)]
pub struct Basic {
    /// The users.
    pub users: Arc<Users>,
    /// The realm text of the challenge.
    pub challenge: Template,
}

/// A user name and a password.
struct Credentials {
    name: String,
    password: Zeroizing<String>,
}

impl Basic {
    /// Lets in a user who knows the password.
    pub fn enter<T: Trace>(&self, request: &Request<'_>, trace: &mut T) -> Result<Grant, Halt<Denial>> {
        credential::authorization_is_single(request).map_err(Denial::of)?;
        let credentials = match Credentials::of(request) {
            None => return Err(self.refuse(Reason::BasicMissing, request).into()),
            Some(None) => return Err(self.refuse(Reason::BasicInvalid, request).into()),
            Some(Some(credentials)) => credentials,
        };
        let verdict = self.judge(&credentials, request)?;
        trace.note(Step::User { name: &credentials.name, verdict: (verdict == PasswordVerdict::Right).into() });
        match verdict {
            PasswordVerdict::Right => {
                Ok(Grant::of(Identity::new(NAME.into(), Arc::new(VerifiedToken::of_user(&credentials.name)))))
            }
            PasswordVerdict::Wrong => Err(self.refuse(Reason::BasicInvalid, request).into()),
            PasswordVerdict::Unavailable => {
                let denial = self.refuse(Reason::BasicInvalid, request);
                Err(Denial { status: 503, challenges: Vec::new(), ..denial }.into())
            }
        }
    }

    fn judge(&self, credentials: &Credentials, request: &Request<'_>) -> Result<PasswordVerdict, Halt<Denial>> {
        let question = match self.users.know(&credentials.name, &credentials.password) {
            Known::Right => return Ok(PasswordVerdict::Right),
            Known::NoUsers => return Ok(PasswordVerdict::Wrong),
            Known::Unknown(attempt) => Question::Password(attempt),
        };
        match question.answer_in(request.answered) {
            Some(Answer::Password(verdict)) => Ok(*verdict),
            Some(Answer::Look | Answer::Service(_) | Answer::Stage(_)) => Ok(PasswordVerdict::Wrong),
            None => Err(Halt::Ask(question)),
        }
    }

    fn refuse(&self, reason: Reason, request: &Request<'_>) -> Denial {
        let text = self.challenge.render(&Facts::of(request)).ok().flatten();
        let realm = text.map_or_else(|| NAME.to_owned(), std::borrow::Cow::into_owned);
        let credential = if reason == Reason::BasicMissing { CredentialShown::No } else { CredentialShown::Yes };
        Denial {
            challenges: vec![Challenge::Basic { realm }],
            credential,
            realm: Some(NAME.into()),
            ..Denial::of(reason)
        }
    }
}

impl Credentials {
    /// `None`: nobody shows any. `Some(None)`: what is shown cannot be read.
    fn of(request: &Request<'_>) -> Option<Option<Self>> {
        let value = request.head.headers.get(AUTHORIZATION)?.as_bytes();
        let (scheme, rest) = value.split_at_checked("Basic".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic") || rest.first().is_some_and(|next| *next != b' ') {
            return None;
        }
        Some(Self::decode(rest.trim_ascii()))
    }

    fn decode(written: &[u8]) -> Option<Self> {
        if written.len() > LONGEST {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(written).ok()?);
        let text = std::str::from_utf8(&decoded).ok()?;
        // RFC 7617 §2: no control characters, and no colon in a name.
        let (name, password) = text.split_once(':').filter(|_| !text.contains(char::is_control))?;
        Some(Self { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}
