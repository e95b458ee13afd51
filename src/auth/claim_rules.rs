//! Do the claims meet the realm's rules? (RFC 7519 §4.1, RFC 9068 §4.) Configured means required.

use std::time::{Duration, SystemTime};

use super::reason::Reason;
use super::trace::{Step, Trace, Verdict};
use crate::jose::Json;

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
        self.apply(
            &[Self::expiry, Self::not_before, Self::age, Self::issuer, Self::audience],
            claims,
            now,
            trace,
        )
    }

    /// All rules, of claims that are verified.
    pub fn verified<T: Trace>(&self, header: &Json, claims: &Claims, now: SystemTime, trace: &mut T) -> Outcome {
        let first = self.before_signature(claims, now, trace);
        if !T::LISTENS {
            first?;
        }
        let required = self.required(claims, trace);
        first.and(required).and(self.token_type(header, trace))
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
        note(trace, "exp", &outcome, claims, || {
            format!("after {now:.0}{}", self.leeway_text())
        });
        outcome
    }

    fn not_before<T: Trace>(&self, claims: &Claims, now: f64, trace: &mut T) -> Outcome {
        let outcome = match claims.not_before {
            NumericDate::Absent => return Ok(()),
            NumericDate::Malformed => Err(Reason::ClaimsMalformed),
            NumericDate::At(time) if now < time - self.leeway.as_secs_f64() => Err(Reason::TokenNotYetValid),
            NumericDate::At(_) => Ok(()),
        };
        note(trace, "nbf", &outcome, claims, || {
            format!("not after {now:.0}{}", self.leeway_text())
        });
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
        if self.leeway.is_zero() {
            String::new()
        } else {
            format!(" (leeway {} s)", self.leeway.as_secs_f64())
        }
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
        let found = claims
            .json
            .member(name)
            .map_or_else(|| "nothing".to_owned(), Json::to_compact);
        let verdict = Verdict::from(outcome.is_ok());
        trace.note(Step::Claim {
            name,
            expected: expected(),
            found,
            verdict,
        });
    }
}

/// Seconds since 1970. A clock before 1970 makes every token too early, and none valid.
fn seconds(now: SystemTime) -> f64 {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(f64::NEG_INFINITY, |since| since.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::auth::trace::NoTrace;

    const NOW: u64 = 1_700_000_000;

    fn judge(rules: &ClaimRules, claims: &str) -> Outcome {
        let claims = Claims::parse(claims.as_bytes())?;
        let header = Json::parse(br#"{"alg":"HS256","typ":"Application/AT+jwt"}"#).unwrap();
        rules.verified(
            &header,
            &claims,
            SystemTime::UNIX_EPOCH + Duration::from_secs(NOW),
            &mut NoTrace,
        )
    }

    #[test]
    fn class_11_times_are_compared_at_their_edges_and_never_overflow() {
        let strict = ClaimRules::default();
        let lenient = ClaimRules {
            leeway: Duration::from_secs(60),
            ..ClaimRules::default()
        };
        for (claims, with_strict, with_lenient) in [
            (r#"{"exp":1700000001}"#, Ok(()), Ok(())),
            (r#"{"exp":1700000000}"#, Err(Reason::TokenExpired), Ok(())),
            (r#"{"exp":1699999941}"#, Err(Reason::TokenExpired), Ok(())),
            (
                r#"{"exp":1699999940}"#,
                Err(Reason::TokenExpired),
                Err(Reason::TokenExpired),
            ),
            (r#"{"exp":1700000000.5}"#, Ok(()), Ok(())),
            (r#"{"exp":-1}"#, Err(Reason::TokenExpired), Err(Reason::TokenExpired)),
            (r#"{"exp":9007199254740993}"#, Ok(()), Ok(())),
            (r#"{"exp":9223372036854775807}"#, Ok(()), Ok(())),
            (r#"{"exp":1700000000000}"#, Ok(()), Ok(())),
            (r#"{"exp":1e300}"#, Ok(()), Ok(())),
            (r#"{"nbf":1700000000}"#, Ok(()), Ok(())),
            (r#"{"nbf":1700000060}"#, Err(Reason::TokenNotYetValid), Ok(())),
            (
                r#"{"nbf":1700000061}"#,
                Err(Reason::TokenNotYetValid),
                Err(Reason::TokenNotYetValid),
            ),
            (r#"{"nbf":-9223372036854775808}"#, Ok(()), Ok(())),
            (r#"{"iat":99999999999}"#, Ok(()), Ok(())),
        ] {
            assert_eq!(judge(&strict, claims), with_strict, "{claims}");
            assert_eq!(judge(&lenient, claims), with_lenient, "{claims}");
        }
    }

    #[test]
    fn class_9_a_time_of_the_wrong_type_never_passes() {
        let max_age = ClaimRules {
            max_age: Some(Duration::from_secs(60)),
            ..ClaimRules::default()
        };
        for name in ["exp", "nbf", "iat"] {
            for value in [
                "null",
                r#""1800000000""#,
                "true",
                "[]",
                "[1800000000]",
                "{}",
                "1e400",
                "-1e400",
            ] {
                let claims = format!(r#"{{"iat":1700000000,"{name}":{value}}}"#);
                let claims = if name == "iat" {
                    format!(r#"{{"iat":{value}}}"#)
                } else {
                    claims
                };
                assert_eq!(judge(&max_age, &claims), Err(Reason::ClaimsMalformed), "{claims}");
            }
        }
        assert_eq!(judge(&max_age, "{}"), Err(Reason::ClaimMissing));
        assert_eq!(judge(&max_age, r#"{"iat":1700000000}"#), Ok(()));
        assert_eq!(judge(&max_age, r#"{"iat":1699999940}"#), Ok(()));
        assert_eq!(judge(&max_age, r#"{"iat":1699999939}"#), Err(Reason::TokenTooOld));
        assert_eq!(judge(&max_age, r#"{"iat":1700000001}"#), Err(Reason::TokenNotYetValid));
    }

    #[test]
    fn class_9_configured_issuer_and_audience_are_required_and_exact() {
        let rules = ClaimRules {
            issuer: Some(vec!["https://id.example.com".into()]),
            audience: Some(vec!["app".into(), "other".into()]),
            ..ClaimRules::default()
        };
        let with = |iss: &str, aud: &str| judge(&rules, &format!(r#"{{"iss":{iss},"aud":{aud}}}"#));
        let good = r#""https://id.example.com""#;
        assert_eq!(with(good, r#""app""#), Ok(()));
        assert_eq!(with(good, r#"["x","other"]"#), Ok(()));
        for aud in [
            "null",
            r#""APP""#,
            r#""ap""#,
            r#""appx""#,
            "1",
            "[]",
            "{}",
            r#"["x"]"#,
            r#"["app",1]"#,
            r#"[["app"]]"#,
            "true",
        ] {
            assert_eq!(with(good, aud), Err(Reason::AudienceMismatch), "{aud}");
        }
        for iss in [
            "null",
            r#""https://id.example.com/""#,
            r#""https://ID.example.com""#,
            r#""https://id.example""#,
            r#"["https://id.example.com"]"#,
            "1",
            "{}",
            r#""""#,
        ] {
            assert_eq!(with(iss, r#""app""#), Err(Reason::IssuerMismatch), "class 40: {iss}");
        }
        assert_eq!(judge(&rules, r#"{"aud":"app"}"#), Err(Reason::IssuerMismatch));
        assert_eq!(
            judge(&rules, r#"{"iss":"https://id.example.com"}"#),
            Err(Reason::AudienceMismatch)
        );
        assert_eq!(
            judge(&rules, r#"{"Iss":"https://id.example.com","Aud":"app"}"#),
            Err(Reason::IssuerMismatch)
        );
    }

    #[test]
    fn class_41_required_claims_and_token_types() {
        let rules = ClaimRules {
            required: vec!["sub".into()],
            token_types: Some(vec!["at+jwt".into()]),
            ..ClaimRules::default()
        };
        assert_eq!(judge(&rules, r#"{"sub":"a"}"#), Ok(()));
        assert_eq!(judge(&rules, r#"{"sub":null}"#), Err(Reason::ClaimMissing));
        assert_eq!(judge(&rules, "{}"), Err(Reason::ClaimMissing));
        let id_tokens = ClaimRules {
            token_types: Some(vec!["JWT".into()]),
            ..ClaimRules::default()
        };
        assert_eq!(judge(&id_tokens, "{}"), Err(Reason::TokenTypeMismatch));
        for payload in ["", "[]", "1", "\"a\"", "null", "{", "{}x"] {
            assert_eq!(
                judge(&ClaimRules::default(), payload),
                Err(Reason::ClaimsMalformed),
                "{payload}"
            );
        }
    }
}
