//! Which tokens does a file call back?

use std::path::Path;

use super::decode::Decoder;
use super::decode::revoked;
use super::report::Report;
use super::yaml;

/// Lists of what is called back.
#[derive(Debug, Default, PartialEq)]
pub struct Revoked {
    /// Ids of tokens.
    pub jti: Vec<String>,
    /// Subjects.
    pub sub: Vec<String>,
    /// Sessions.
    pub sid: Vec<String>,
    /// Keys.
    pub kid: Vec<String>,
    /// Everything that was issued before, in seconds since 1970.
    pub issued_before: Option<f64>,
}

impl Revoked {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    /// Every problem, with its place in the file.
    pub fn parse(octets: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(octets).map_err(|_| "not UTF-8".to_owned())?;
        let mut report = Report::default();
        let lists = yaml::read(text, &mut report).and_then(|root| {
            let mut decoder = Decoder::new(Path::new(""), &mut report);
            revoked::lists(&root, &mut decoder)
        });
        report.sort();
        match (lists, report.problems.as_slice()) {
            (Some(lists), []) => Ok(lists),
            (_, []) => Err("there is nothing in it".to_owned()),
            (_, problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_from_yaml_and_from_json() {
        let yaml = "# since the incident\njti: [a, 7]\nsub: [alice]\nsid: []\nissued_before: 2026-01-02T03:04:05Z\n";
        let lists = Revoked::parse(yaml.as_bytes()).unwrap();
        assert_eq!((lists.jti, lists.sub), (vec!["a".to_owned(), "7".to_owned()], vec!["alice".to_owned()]));
        assert_eq!(lists.issued_before, Some(1_767_323_045.0));
        let json = Revoked::parse(br#"{"kid":["old"],"issued_before":1700000000}"#).unwrap();
        assert_eq!((json.kid, json.issued_before), (vec!["old".to_owned()], Some(1_700_000_000.0)));
        assert_eq!(Revoked::parse(b"{}").unwrap(), Revoked::default());
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_line() {
        for (text, words) in [
            ("", "the file is empty"),
            ("jtis: [a]", "did you mean \"jti\"?"),
            ("jti: a", "1:6: jti: expected a list"),
            ("sub: [a]\nissued_before: yesterday", "2:16: issued_before: "),
            ("- a", "expected a mapping"),
        ] {
            let told = Revoked::parse(text.as_bytes()).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
        assert!(Revoked::parse(&[0xff]).is_err());
    }
}
