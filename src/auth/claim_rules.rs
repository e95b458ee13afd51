//! Do the claims meet the realm's rules? (RFC 7519 §4.1, RFC 9068 §4.) Configured means required.

use std::time::{Duration, SystemTime};

use super::reason::Reason;
use super::trace::{Step, Trace, Verdict};
use crate::jose::Json;
use crate::jose::Object;

/// The claims of a token, with their times read once.
pub struct Claims {
    json: Json,
    expires: NumericDate,
    not_before: NumericDate,
    issued: NumericDate,
}

/// A time in seconds since 1970 (RFC 7519 §2).
#[derive(Debug, Clone, Copy, PartialEq)]
enum NumericDate {
    Absent,
    At(f64),
    /// There, but not a number that can be a time.
    Malformed,
}

impl NumericDate {
    fn of(claims: &Json, name: &str) -> Self {
        match claims.member(name) {
            None => Self::Absent,
            Some(Json::Number(number)) => number.as_f64().map_or(Self::Malformed, Self::At),
            Some(_) => Self::Malformed,
        }
    }
}

impl Claims {
    /// Reads the claims set of a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Reason> {
        let json = Json::parse(payload).map_err(|_| Reason::ClaimsMalformed)?;
        if !matches!(json, Json::Object(_)) {
            return Err(Reason::ClaimsMalformed);
        }
        Ok(Self {
            expires: NumericDate::of(&json, "exp"),
            not_before: NumericDate::of(&json, "nbf"),
            issued: NumericDate::of(&json, "iat"),
            json,
        })
    }

    /// Of somebody of whom a name is known and nothing else.
    pub fn of_subject(name: &str) -> Self {
        let sub = ("sub".into(), Json::String(name.into()));
        let json = Json::Object(Object::from_members(vec![sub]).unwrap_or_default());
        Self { expires: NumericDate::Absent, not_before: NumericDate::Absent, issued: NumericDate::Absent, json }
    }

    /// When it expires, in seconds since 1970, if it does.
    pub fn expires_at(&self) -> Option<f64> {
        match self.expires {
            NumericDate::At(time) => Some(time),
            NumericDate::Absent | NumericDate::Malformed => None,
        }
    }

    /// The claims; always an object.
    pub fn json(&self) -> &Json {
        &self.json
    }
}

/// What a realm asks of claims. `None` is not configured and not checked.
#[derive(Debug, Clone, Default)]
pub struct ClaimRules {
    /// `iss` is one of these, exactly.
    pub issuer: Option<Vec<String>>,
    /// `aud` names one of these, exactly.
    pub audience: Option<Vec<String>>,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// How old a token may be by its `iat`.
    pub max_age: Option<Duration>,
    /// Claims that are there and not null.
    pub required: Vec<String>,
    /// `typ` of the header is one of these.
    pub token_types: Option<Vec<String>>,
}

type Outcome = Result<(), Reason>;
type Rule<T> = fn(&ClaimRules, &Claims, f64, &mut T) -> Outcome;

impl ClaimRules {
    /// The rules that cost less than a signature: time, issuer, audience. What they refuse is never verified.
    pub fn before_signature<T: Trace>(&self, claims: &Claims, now: SystemTime, trace: &mut T) -> Outcome {
        self.apply(&[Self::expiry, Self::not_before, Self::age, Self::issuer, Self::audience], claims, now, trace)
    }

    /// All rules, of claims that are verified. `called_back` says what was found of the token elsewhere.
    pub fn verified<T: Trace>(
        &self,
        header: &Json,
        claims: &Claims,
        now: SystemTime,
        called_back: Outcome,
        trace: &mut T,
    ) -> Outcome {
        let first = self.before_signature(claims, now, trace);
        if !T::LISTENS {
            first?;
        }
        let required = self.required(claims, trace);
        first.and(called_back).and(required).and(self.token_type(header, trace))
    }

    /// Applies rules in their order. The first that is not met decides; the others are applied only if somebody listens.
    fn apply<T: Trace>(&self, rules: &[Rule<T>], claims: &Claims, now: SystemTime, trace: &mut T) -> Outcome {
        let now = seconds(now);
        let mut outcome = Ok(());
        for rule in rules {
            outcome = outcome.and(rule(self, claims, now, trace));
            if outcome.is_err() && !T::LISTENS {
                break;
            }
        }
        outcome
    }

    fn expiry<T: Trace>(&self, claims: &Claims, now: f64, trace: &mut T) -> Outcome {
        let outcome = match claims.expires {
            NumericDate::Absent => return Ok(()),
            NumericDate::Malformed => Err(Reason::ClaimsMalformed),
            NumericDate::At(time) if now >= time + self.leeway.as_secs_f64() => Err(Reason::TokenExpired),
            NumericDate::At(_) => Ok(()),
        };
        note(trace, "exp", &outcome, claims, || format!("after {now:.0}{}", self.leeway_text()));
        outcome
    }

    fn not_before<T: Trace>(&self, claims: &Claims, now: f64, trace: &mut T) -> Outcome {
        let outcome = match claims.not_before {
            NumericDate::Absent => return Ok(()),
            NumericDate::Malformed => Err(Reason::ClaimsMalformed),
            NumericDate::At(time) if now < time - self.leeway.as_secs_f64() => Err(Reason::TokenNotYetValid),
            NumericDate::At(_) => Ok(()),
        };
        note(trace, "nbf", &outcome, claims, || format!("not after {now:.0}{}", self.leeway_text()));
        outcome
    }

    fn age<T: Trace>(&self, claims: &Claims, now: f64, trace: &mut T) -> Outcome {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let leeway = self.leeway.as_secs_f64();
        let outcome = match claims.issued {
            NumericDate::Absent => Err(Reason::ClaimMissing),
            NumericDate::Malformed => Err(Reason::ClaimsMalformed),
            NumericDate::At(time) if time > now + leeway => Err(Reason::TokenNotYetValid),
            NumericDate::At(time) if now > time + max_age.as_secs_f64() + leeway => Err(Reason::TokenTooOld),
            NumericDate::At(_) => Ok(()),
        };
        note(trace, "iat", &outcome, claims, || {
            format!("at most {} s before {now:.0}{}", max_age.as_secs(), self.leeway_text())
        });
        outcome
    }

    fn issuer<T: Trace>(&self, claims: &Claims, _: f64, trace: &mut T) -> Outcome {
        let Some(issuers) = &self.issuer else { return Ok(()) };
        let met = match claims.json.member("iss") {
            Some(Json::String(issuer)) => issuers.iter().any(|wanted| **wanted == **issuer),
            Some(_) | None => false,
        };
        let outcome = if met { Ok(()) } else { Err(Reason::IssuerMismatch) };
        note(trace, "iss", &outcome, claims, || issuers.join(" or "));
        outcome
    }

    /// `aud` is a string or an array of strings (RFC 7519 §4.1.3); an array that holds anything else names nobody.
    fn audience<T: Trace>(&self, claims: &Claims, _: f64, trace: &mut T) -> Outcome {
        let Some(audiences) = &self.audience else { return Ok(()) };
        let wanted = |name: &str| audiences.iter().any(|wanted| wanted == name);
        let met = match claims.json.member("aud") {
            Some(Json::String(name)) => wanted(name),
            Some(Json::Array(names)) => {
                names.iter().all(|name| name.as_str().is_some()) && names.iter().filter_map(Json::as_str).any(wanted)
            }
            Some(_) | None => false,
        };
        let outcome = if met { Ok(()) } else { Err(Reason::AudienceMismatch) };
        note(trace, "aud", &outcome, claims, || audiences.join(" or "));
        outcome
    }

    fn required<T: Trace>(&self, claims: &Claims, trace: &mut T) -> Outcome {
        let mut outcome = Ok(());
        for name in &self.required {
            let present = !matches!(claims.json.member(name), None | Some(Json::Null));
            let this = if present { Ok(()) } else { Err(Reason::ClaimMissing) };
            note(trace, name, &this, claims, || "to be there".to_owned());
            outcome = outcome.and(this);
        }
        outcome
    }

    fn token_type<T: Trace>(&self, header: &Json, trace: &mut T) -> Outcome {
        let Some(types) = &self.token_types else { return Ok(()) };
        let found = header.member("typ").and_then(Json::as_str);
        let met = found.is_some_and(|found| types.iter().any(|wanted| same_type(wanted, found)));
        if T::LISTENS {
            trace.note(Step::Claim {
                name: "typ (header)",
                expected: types.join(" or "),
                found: found.map_or_else(|| "nothing".to_owned(), str::to_owned),
                verdict: met.into(),
            });
        }
        if met { Ok(()) } else { Err(Reason::TokenTypeMismatch) }
    }

    fn leeway_text(&self) -> String {
        if self.leeway.is_zero() { String::new() } else { format!(" (leeway {} s)", self.leeway.as_secs_f64()) }
    }
}

/// Media types without regard to case, with or without `application/` (RFC 7515 §4.1.9, RFC 9068 §4).
fn same_type(one: &str, other: &str) -> bool {
    let short = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.strip_prefix("application/").map_or(name.clone(), str::to_owned)
    };
    short(one) == short(other)
}

fn note<T: Trace>(trace: &mut T, name: &str, outcome: &Outcome, claims: &Claims, expected: impl FnOnce() -> String) {
    if T::LISTENS {
        let found = claims.json.member(name).map_or_else(|| "nothing".to_owned(), Json::to_compact);
        let verdict = Verdict::from(outcome.is_ok());
        trace.note(Step::Claim { name, expected: expected(), found, verdict });
    }
}

/// Seconds since 1970. A clock before 1970 makes every token too early, and none valid.
fn seconds(now: SystemTime) -> f64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(f64::NEG_INFINITY, |since| since.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
