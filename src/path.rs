//! Which path is meant? One normalisation, done once; what is matched is what is sent (RFC 3986 §6.2.2).

use std::borrow::Cow;

/// A request path in its one normal form.
///
/// Percent-encoded unreserved characters are decoded, other escapes have upper-case digits, `.` and `..` and repeated
/// slashes are settled. It starts with `/` and is ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalPath<'p> {
    text: Cow<'p, str>,
    separators: EncodedSeparators,
}

/// Whether the path holds an encoded slash or backslash, which servers disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSeparators {
    /// Neither `%2F` nor `%5C`.
    Absent,
    /// At least one, kept encoded.
    Present,
}

/// Why a path cannot be matched safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathProblem {
    /// Not an absolute path.
    NotAbsolute,
    /// A `%` that two hexadecimal digits do not follow.
    InvalidEscape,
    /// A NUL or another control character, plain or encoded.
    ControlCharacter,
    /// `..` that leads above the root.
    AboveRoot,
    /// A segment that starts with `.;` or `..;`, which some servers read as `.` or `..`.
    DotSegmentParameter,
    /// The decoded octets are not UTF-8.
    NotUtf8,
}

impl PathProblem {
    /// The problem in words, for the log.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the path does not start with a slash",
            Self::InvalidEscape => "a percent sign is not followed by two hexadecimal digits",
            Self::ControlCharacter => "the path holds a control character",
            Self::AboveRoot => "the path leads above the root",
            Self::DotSegmentParameter => "a dot segment carries a parameter",
            Self::NotUtf8 => "the path is not UTF-8",
        }
    }
}

impl<'p> NormalPath<'p> {
    /// Normalises the path of a request target, without its query.
    pub fn parse(raw: &'p [u8]) -> Result<Self, PathProblem> {
        if let Some(text) = already_normal(raw) {
            return Ok(Self { text: Cow::Borrowed(text), separators: EncodedSeparators::Absent });
        }
        if raw.first() != Some(&b'/') {
            return Err(PathProblem::NotAbsolute);
        }
        let mut writer = Writer::default();
        let mut octets = raw.iter().copied();
        octets.next();
        while let Some(octet) = octets.next() {
            match octet {
                b'/' => writer.end_segment(LastSegment::No)?,
                b'%' => writer.escaped(hex_pair(octets.next(), octets.next())?)?,
                other => writer.plain(other)?,
            }
        }
        writer.end_segment(LastSegment::Yes)?;
        writer.finish()
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether an encoded slash or backslash is in it.
    pub fn separators(&self) -> EncodedSeparators {
        self.separators
    }

    /// The same path on its own.
    pub fn into_owned(self) -> NormalPath<'static> {
        NormalPath { text: Cow::Owned(self.text.into_owned()), separators: self.separators }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LastSegment {
    No,
    Yes,
}

/// Builds the normal form segment by segment.
struct Writer {
    text: String,
    segment_start: usize,
    /// The decoded octets of the segment, to judge what a decoding server would see.
    decoded: Vec<u8>,
    separators: EncodedSeparators,
}

impl Default for Writer {
    fn default() -> Self {
        Self { text: String::from("/"), segment_start: 1, decoded: Vec::new(), separators: EncodedSeparators::Absent }
    }
}

impl Writer {
    fn plain(&mut self, octet: u8) -> Result<(), PathProblem> {
        if is_path_character(octet) {
            self.decoded.push(octet);
            self.text.push(char::from(octet));
            return Ok(());
        }
        // Characters that RFC 3986 does not allow in a path are sent escaped, as browsers do.
        self.escaped(octet)
    }

    fn escaped(&mut self, octet: u8) -> Result<(), PathProblem> {
        if octet.is_ascii_control() {
            return Err(PathProblem::ControlCharacter);
        }
        if matches!(octet, b'/' | b'\\') {
            self.separators = EncodedSeparators::Present;
        }
        self.decoded.push(octet);
        if is_unreserved(octet) {
            self.text.push(char::from(octet));
        } else {
            self.text.push('%');
            self.text.push(hex_digit(octet >> 4));
            self.text.push(hex_digit(octet & 15));
        }
        Ok(())
    }

    fn end_segment(&mut self, last: LastSegment) -> Result<(), PathProblem> {
        if self.decoded.starts_with(b".;") || self.decoded.starts_with(b"..;") {
            return Err(PathProblem::DotSegmentParameter);
        }
        if std::str::from_utf8(&self.decoded).is_err() {
            return Err(PathProblem::NotUtf8);
        }
        match self.decoded.as_slice() {
            b"" => {}
            b"." => self.text.truncate(self.segment_start),
            b".." => {
                self.text.truncate(self.segment_start);
                self.drop_last_segment()?;
            }
            _ if last == LastSegment::No => self.text.push('/'),
            _ => {}
        }
        self.segment_start = self.text.len();
        self.decoded.clear();
        Ok(())
    }

    /// Takes `/a/b/` back to `/a/`.
    fn drop_last_segment(&mut self) -> Result<(), PathProblem> {
        let without_slash = self.text.strip_suffix('/').unwrap_or_default();
        match without_slash.rfind('/') {
            Some(slash) => {
                self.text.truncate(slash + 1);
                Ok(())
            }
            None => Err(PathProblem::AboveRoot),
        }
    }

    fn finish(self) -> Result<NormalPath<'static>, PathProblem> {
        Ok(NormalPath { text: Cow::Owned(self.text), separators: self.separators })
    }
}

/// Most paths are normal as they come: no escape, no empty segment, no segment that starts with a dot.
fn already_normal(raw: &[u8]) -> Option<&str> {
    let mut previous = b'x';
    if raw.first() != Some(&b'/') {
        return None;
    }
    for &octet in raw {
        if !is_path_character(octet) && octet != b'/' {
            return None;
        }
        if previous == b'/' && matches!(octet, b'/' | b'.') {
            return None;
        }
        previous = octet;
    }
    std::str::from_utf8(raw).ok()
}

/// RFC 3986 §2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 §3.3, without escapes.
fn is_path_character(octet: u8) -> bool {
    is_unreserved(octet)
        || matches!(octet, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Result<u8, PathProblem> {
    let digit = |octet: Option<u8>| octet.and_then(|octet| char::from(octet).to_digit(16));
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => u8::try_from(high * 16 + low).map_err(|_| PathProblem::InvalidEscape),
        _ => Err(PathProblem::InvalidEscape),
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn normal(raw: &str) -> Result<String, PathProblem> {
        NormalPath::parse(raw.as_bytes()).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn settles_dots_slashes_and_escapes_once() {
        for (raw, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a/../b", "/b"),
            ("/a/b/../../c", "/c"),
            ("/%61%2D%7e", "/a-~"),
            ("/%2e%2E/x", "above"),
            ("/a/%2e%2e/x", "/x"),
            ("/a%3ab", "/a%3Ab"),
            ("/a%252e", "/a%252e"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/a b", "/a%20b"),
            ("/.hidden/..x/...", "/.hidden/..x/..."),
            ("/a;v=1/b", "/a;v=1/b"),
        ] {
            let expected = if expected == "above" { Err(PathProblem::AboveRoot) } else { Ok(expected.to_owned()) };
            assert_eq!(normal(raw), expected, "{raw}");
        }
    }

    #[test]
    fn refuses_what_servers_read_in_two_ways() {
        for (raw, problem) in [
            ("", PathProblem::NotAbsolute),
            ("*", PathProblem::NotAbsolute),
            ("a/b", PathProblem::NotAbsolute),
            ("/..", PathProblem::AboveRoot),
            ("/a/../../b", PathProblem::AboveRoot),
            ("/%", PathProblem::InvalidEscape),
            ("/%4", PathProblem::InvalidEscape),
            ("/%zz", PathProblem::InvalidEscape),
            ("/%00", PathProblem::ControlCharacter),
            ("/%0d%0a", PathProblem::ControlCharacter),
            ("/a\u{1}", PathProblem::ControlCharacter),
            ("/%7f", PathProblem::ControlCharacter),
            ("/a/..;/b", PathProblem::DotSegmentParameter),
            ("/a/.;x", PathProblem::DotSegmentParameter),
            ("/a/%2e%2e%3b/b", PathProblem::DotSegmentParameter),
            ("/%ff", PathProblem::NotUtf8),
            ("/%c0%ae%c0%ae/", PathProblem::NotUtf8),
        ] {
            assert_eq!(normal(raw), Err(problem), "{raw}");
        }
    }

    #[test]
    fn tells_of_encoded_separators_and_never_decodes_them() {
        for raw in ["/a%2fb", "/a%5cb", "/a\\b", "/..%2f..%2fetc"] {
            let path = NormalPath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.separators(), EncodedSeparators::Present, "{raw}");
            assert!(!path.as_str().contains('\\'), "{raw}");
        }
        assert_eq!(normal("/a%2fb").unwrap(), "/a%2Fb");
    }

    #[test]
    fn a_normal_path_stays_what_it_is() {
        for raw in ["/a//b/%7Ex/../c", "/x%20y", "/%e4%bd%a0/./z", "/a%2f%2e%2e%2fb"] {
            let once = normal(raw).unwrap();
            assert_eq!(normal(&once).unwrap(), once, "{raw}");
        }
    }
}
