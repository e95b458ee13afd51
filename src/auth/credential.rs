//! Where is the token? Finds exactly one, or refuses to choose.

use std::borrow::Cow;

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};

use super::expression::facts::MASK;
use super::reason::Reason;
use super::request::{Request, Single, argument_name};

/// A place where a realm looks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer,
    /// A cookie.
    Cookie(String),
    /// A query argument (RFC 6750 §2.3).
    Query(String),
    /// A header, with or without a scheme before the token.
    Header {
        /// Its name.
        name: HeaderName,
        /// What stands before the token.
        scheme: Option<String>,
    },
}

impl std::fmt::Display for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bearer => f.write_str("the Authorization header"),
            Self::Cookie(name) => write!(f, "the cookie {name}"),
            Self::Query(name) => write!(f, "the query argument {name}"),
            Self::Header { name, .. } => write!(f, "the header {name}"),
        }
    }
}

/// A token that was found, not yet looked at. It redacts itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential<'r> {
    /// The token's text.
    pub token: Cow<'r, str>,
    /// Where it was.
    pub source: &'r TokenSource,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential(… in {})", self.source)
    }
}

/// A request with two `Authorization` headers is refused whatever a realm looks at: the next reader may choose another
/// one than we did.
pub fn authorization_is_single(request: &Request<'_>) -> Result<(), Reason> {
    match request.head.headers.get_all(AUTHORIZATION).iter().nth(1) {
        None => Ok(()),
        Some(_) => Err(Reason::CredentialsAmbiguous),
    }
}

/// Looks in all the places. The same token twice is one token; two that differ are refused.
pub fn find<'r>(sources: &'r [TokenSource], request: &Request<'r>) -> Result<Option<Credential<'r>>, Reason> {
    authorization_is_single(request)?;
    let mut found: Option<Credential<'r>> = None;
    for source in sources {
        let Some(token) = look(source, request)? else { continue };
        match &found {
            None => found = Some(Credential { token, source }),
            Some(first) if first.token == token => {}
            Some(_) => return Err(Reason::CredentialsAmbiguous),
        }
    }
    Ok(found)
}

fn look<'r>(source: &TokenSource, request: &Request<'r>) -> Result<Option<Cow<'r, str>>, Reason> {
    match source {
        TokenSource::Bearer => after_scheme(header(&AUTHORIZATION, request)?, "Bearer"),
        TokenSource::Header { name, scheme: Some(scheme) } => after_scheme(header(name, request)?, scheme),
        TokenSource::Header { name, scheme: None } => header(name, request)?.map(as_text).transpose(),
        TokenSource::Cookie(name) => single(Single::of(request.cookies(name)))?.map(as_text).transpose(),
        TokenSource::Query(name) => Ok(single(Single::of(request.arguments(name)))?.map(Cow::Owned)),
    }
}

fn single<T>(value: Single<T>) -> Result<Option<T>, Reason> {
    match value {
        Single::Absent => Ok(None),
        Single::Once(value) => Ok(Some(value)),
        Single::Ambiguous => Err(Reason::CredentialsAmbiguous),
    }
}

fn header<'r>(name: &HeaderName, request: &Request<'r>) -> Result<Option<&'r [u8]>, Reason> {
    let values = request.head.headers.get_all(name).into_iter();
    single(Single::of(values.map(|value| value.as_bytes().trim_ascii())))
}

/// The token after its scheme, which is compared without regard to case (RFC 9110 §11.1). Another scheme is no token.
fn after_scheme<'r>(value: Option<&'r [u8]>, scheme: &str) -> Result<Option<Cow<'r, str>>, Reason> {
    let Some(value) = value else { return Ok(None) };
    let word = value.split(|octet| octet.is_ascii_whitespace()).next().unwrap_or_default();
    if !word.eq_ignore_ascii_case(scheme.as_bytes()) {
        return Ok(None);
    }
    as_text(value.get(word.len()..).unwrap_or_default().trim_ascii()).map(Some)
}

fn as_text(token: &[u8]) -> Result<Cow<'_, str>, Reason> {
    std::str::from_utf8(token).map(Cow::Borrowed).map_err(|_| Reason::TokenMalformed)
}

/// Every place of the file where a token may stand, so that none is written to a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TokenNames {
    headers: Vec<HeaderName>,
    arguments: Vec<String>,
}

impl TokenNames {
    /// Takes the places of all realms.
    pub fn of<'s>(sources: impl Iterator<Item = &'s TokenSource>) -> Self {
        let mut names = Self { headers: vec![AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE], arguments: Vec::new() };
        for source in sources {
            match source {
                TokenSource::Header { name, .. } => names.headers.push(name.clone()),
                TokenSource::Query(name) => names.arguments.push(name.clone()),
                TokenSource::Bearer | TokenSource::Cookie(_) => {}
            }
        }
        names
    }

    /// Whether a header's value is kept out of logs.
    pub fn hides_header(&self, name: &HeaderName) -> bool {
        self.headers.contains(name)
    }

    /// Whether a query argument's value is kept out of logs.
    pub fn hides_argument(&self, name: &str) -> bool {
        self.arguments.iter().any(|hidden| hidden == name)
    }

    /// A query with the values of tokens written `***`.
    pub fn mask_query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        if self.arguments.is_empty() || !query.split('&').any(|argument| self.hides_argument(&argument_name(argument)))
        {
            return Cow::Borrowed(query);
        }
        let masked = query.split('&').map(|argument| {
            if self.hides_argument(&argument_name(argument)) {
                let name = argument.split('=').next().unwrap_or_default();
                format!("{name}={MASK}")
            } else {
                argument.to_owned()
            }
        });
        Cow::Owned(masked.collect::<Vec<_>>().join("&"))
    }

    /// The same for a whole URI, such as that of `Referer`.
    pub fn mask_uri<'u>(&self, uri: &'u str) -> Cow<'u, str> {
        let Some((before, query)) = uri.split_once('?') else {
            return Cow::Borrowed(uri);
        };
        let (query, fragment) = query.split_once('#').map_or((query, None), |(query, rest)| (query, Some(rest)));
        match (self.mask_query(query), fragment) {
            (Cow::Borrowed(_), _) => Cow::Borrowed(uri),
            (Cow::Owned(masked), None) => Cow::Owned(format!("{before}?{masked}")),
            (Cow::Owned(masked), Some(fragment)) => Cow::Owned(format!("{before}?{masked}#{fragment}")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::auth::request::Scheme;
    use http::request::Parts;
    use std::time::SystemTime;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn found(sources: &[TokenSource], headers: &[(&str, &str)], query: &str) -> Result<Option<String>, Reason> {
        let head = head(headers);
        let now = SystemTime::UNIX_EPOCH;
        let request = Request {
            head: &head,
            path: "/",
            query: Some(query),
            host: "",
            scheme: Scheme::Http,
            certificate: None,
            largest_token: 16 * 1024,
            client: None,
            now,
            answered: &[],
        };
        find(sources, &request).map(|found| found.map(|credential| credential.token.into_owned()))
    }

    fn everywhere() -> Vec<TokenSource> {
        let header =
            TokenSource::Header { name: HeaderName::from_static("x-auth-token"), scheme: Some("Token".into()) };
        vec![TokenSource::Bearer, TokenSource::Cookie("c".into()), TokenSource::Query("t".into()), header]
    }

    #[test]
    fn a_token_is_found_in_each_place() {
        let some = |token: &str| Ok(Some(token.to_owned()));
        let all = everywhere();
        assert_eq!(found(&all, &[], ""), Ok(None));
        assert_eq!(found(&all, &[("authorization", "bEaReR  abc ")], ""), some("abc"));
        assert_eq!(found(&all, &[("cookie", "x=1; c=abc")], ""), some("abc"));
        assert_eq!(found(&all, &[], "a=b&t=abc"), some("abc"));
        assert_eq!(found(&all, &[("x-auth-token", "Token abc")], ""), some("abc"));
    }

    #[test]
    fn another_scheme_is_no_token_and_an_empty_token_is_a_bad_one() {
        let all = everywhere();
        assert_eq!(found(&all, &[("authorization", "Basic abc")], ""), Ok(None));
        assert_eq!(found(&all, &[("authorization", "Bearerabc")], ""), Ok(None));
        assert_eq!(found(&all, &[("x-auth-token", "abc")], ""), Ok(None));
        assert_eq!(found(&all, &[("authorization", "Bearer")], ""), Ok(Some(String::new())));
        assert_eq!(found(&all, &[("cookie", "c=")], ""), Ok(Some(String::new())));
        assert_eq!(found(&all, &[], "t"), Ok(Some(String::new())));
    }

    #[test]
    fn class_28_two_that_differ_are_never_chosen_between() {
        let all = everywhere();
        let ambiguous = Err(Reason::CredentialsAmbiguous);
        assert_eq!(found(&all, &[("authorization", "Bearer a"), ("authorization", "Bearer a")], ""), ambiguous);
        assert_eq!(found(&[], &[("authorization", "Basic a"), ("authorization", "Bearer a")], ""), ambiguous);
        assert_eq!(found(&all, &[("cookie", "c=a; c=b")], ""), ambiguous);
        assert_eq!(found(&all, &[("cookie", "c=a"), ("cookie", "c=b")], ""), ambiguous);
        assert_eq!(found(&all, &[], "t=a&t=b"), ambiguous);
        assert_eq!(found(&all, &[], "t=a&%74=b"), ambiguous);
        assert_eq!(found(&all, &[("authorization", "Bearer a"), ("cookie", "c=b")], ""), ambiguous);
        assert_eq!(found(&all, &[("authorization", "Bearer a"), ("cookie", "c=a")], "t=a&t=a"), Ok(Some("a".into())));
    }

    #[test]
    fn tokens_are_masked_wherever_a_log_could_show_them() {
        let names = TokenNames::of(everywhere().iter());
        assert_eq!(names.mask_query("a=b&t=secret&c"), "a=b&t=***&c");
        assert_eq!(names.mask_query("%74=secret"), "%74=***");
        assert_eq!(names.mask_query("tt=x"), "tt=x");
        assert_eq!(names.mask_uri("https://h/p?t=secret#f"), "https://h/p?t=***#f");
        assert!(names.hides_header(&AUTHORIZATION) && names.hides_header(&HeaderName::from_static("x-auth-token")));
        assert_eq!(
            format!("{:?}", Credential { token: "secret".into(), source: &TokenSource::Bearer }),
            "Credential(… in the Authorization header)"
        );
    }
}
