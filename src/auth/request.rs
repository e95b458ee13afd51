//! What is known of a request before it is decided?

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::SystemTime;

use http::request::Parts;

use super::client_certificate::ClientCertificate;
use super::question::Answered;

/// One request, as every authenticator and expression sees it. Identity headers that the client sent are gone already.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Method and headers; the target in it is not normalised, use [`Self::path`].
    pub head: &'r Parts,
    /// The normal form of the path, which is also what is sent on.
    pub path: &'r str,
    /// The query as it came, without its question mark.
    pub query: Option<&'r str>,
    /// Lower case, without port; empty if the client named none.
    pub host: &'r str,
    /// How the client spoke to us.
    pub scheme: Scheme,
    /// The client's address; `None` if it is not known.
    pub client: Option<IpAddr>,
    /// What a certificate that the client showed says: `subject`, `issuer`, `serial`, `fingerprint` and `san`.
    pub certificate: Option<&'r ClientCertificate>,
    /// A token of more octets than this is refused.
    pub largest_token: usize,
    /// When the request was received.
    pub now: SystemTime,
    /// What was found out for it already.
    pub answered: &'r [Answered],
}

/// The scheme of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plaintext.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Something that may stand several times in a request, and was asked for as if it stood once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Single<T> {
    /// It is not there.
    Absent,
    /// It is there once, or several times with one value.
    Once(T),
    /// It is there with different values: whichever one chose, somebody else would choose the other.
    Ambiguous,
}

impl<T: PartialEq> Single<T> {
    /// Folds all values into one.
    pub fn of(values: impl Iterator<Item = T>) -> Self {
        let mut single = Self::Absent;
        for value in values {
            match &single {
                Self::Absent => single = Self::Once(value),
                Self::Once(first) if *first == value => {}
                Self::Once(_) | Self::Ambiguous => return Self::Ambiguous,
            }
        }
        single
    }
}

impl<'r> Request<'r> {
    /// Path and query, as they are sent on.
    pub fn uri(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }

    /// All values of a cookie (RFC 6265 §5.4), in all `Cookie` headers.
    pub fn cookies(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let headers = self.head.headers.get_all(http::header::COOKIE).into_iter();
        let pairs = headers.flat_map(|value| value.as_bytes().split(|octet| *octet == b';'));
        pairs.filter_map(move |pair| {
            let (key, value) = split_pair(pair.trim_ascii())?;
            (key == name.as_bytes()).then_some(value)
        })
    }

    /// Every cookie and every argument is looked at once, however many there are: what is repeated with different values
    /// is ambiguous.
    pub fn all_cookies(&self) -> HashMap<String, Single<String>> {
        let headers = self.head.headers.get_all(http::header::COOKIE).into_iter();
        let pairs = headers.flat_map(|value| value.as_bytes().split(|octet| *octet == b';'));
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let pairs = pairs.filter_map(|pair| split_pair(pair.trim_ascii()));
        singles(pairs.map(|(name, value)| (text(name), text(value))))
    }

    /// The same for the arguments of the query, decoded.
    pub fn all_arguments(&self) -> HashMap<String, Single<String>> {
        singles(arguments(self.query))
    }

    /// All decoded values of a query argument.
    pub fn arguments(&self, name: &str) -> impl Iterator<Item = String> {
        arguments(self.query).filter(move |(key, _)| key == name).map(|(_, value)| value)
    }
}

fn singles(pairs: impl Iterator<Item = (String, String)>) -> HashMap<String, Single<String>> {
    let mut singles = HashMap::new();
    for (name, value) in pairs {
        match singles.entry(name) {
            Entry::Vacant(place) => {
                place.insert(Single::Once(value));
            }
            Entry::Occupied(mut place) if *place.get() != Single::Once(value) => {
                place.insert(Single::Ambiguous);
            }
            Entry::Occupied(_) => {}
        }
    }
    singles
}

/// The arguments of a query, names and values decoded (`application/x-www-form-urlencoded`).
pub fn arguments(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    query.unwrap_or_default().split('&').filter(|argument| !argument.is_empty()).map(|argument| {
        let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
        (decoded(key), decoded(value))
    })
}

/// The name of one raw query argument, decoded.
pub fn argument_name(argument: &str) -> String {
    decoded(argument.split('=').next().unwrap_or_default())
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|octet| *octet == b'=')?;
    Some((pair.get(..equals)?.trim_ascii(), pair.get(equals + 1..)?.trim_ascii()))
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn head(cookies: &[&str]) -> Parts {
        let mut request = http::Request::builder();
        for cookie in cookies {
            request = request.header("cookie", *cookie);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn request<'r>(head: &'r Parts, query: Option<&'r str>) -> Request<'r> {
        let now = SystemTime::UNIX_EPOCH;
        Request {
            head,
            path: "/",
            query,
            host: "",
            scheme: Scheme::Http,
            client: None,
            certificate: None,
            largest_token: 16 * 1024,
            now,
            answered: &[],
        }
    }

    #[test]
    fn cookies_are_found_in_every_header_that_holds_them() {
        let head = head(&["a=1; b=2;c = 3 ", "a=4; =x; novalue"]);
        let request = request(&head, None);
        assert_eq!(request.cookies("a").collect::<Vec<_>>(), [b"1", b"4"]);
        assert_eq!(request.cookies("c").collect::<Vec<_>>(), [b"3"]);
        assert_eq!(request.cookies("novalue").count(), 0);
        assert_eq!(Single::of(request.cookies("a")), Single::Ambiguous);
        assert_eq!(Single::of(request.cookies("b")), Single::Once(b"2".as_slice()));
    }

    #[test]
    fn arguments_are_decoded_names_and_values() {
        let head = head(&[]);
        let request = request(&head, Some("%74oken=a%20b+c&x&token=d&=e"));
        assert_eq!(request.arguments("token").collect::<Vec<_>>(), ["a b c", "d"]);
        assert_eq!(request.arguments("x").collect::<Vec<_>>(), [""]);
        assert_eq!(request.uri(), "/?%74oken=a%20b+c&x&token=d&=e");
    }
}
