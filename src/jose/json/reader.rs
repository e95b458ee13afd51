//! How is JSON text read in one pass, whatever is thrown at it?

use super::super::error::{JsonError, JsonProblem};
use super::{Json, Number, Object};

/// Containers inside containers; the recursion of [`Reader::value`] goes no deeper.
const MAX_DEPTH: usize = 32;

pub(super) fn read(text: &[u8]) -> Result<Json, JsonError> {
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError { offset: 0, problem: JsonProblem::ByteOrderMark });
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| JsonError { offset: error.valid_up_to(), problem: JsonProblem::NotUtf8 })?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() { reader.fail(JsonProblem::Trailing) } else { Ok(value) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(b'{') => self.object(self.deeper(depth)?).map(Json::Object),
            Some(b'[') => self.array(self.deeper(depth)?).map(Json::Array),
            Some(b't') => self.literal("true", Json::Bool(true)),
            Some(b'f') => self.literal("false", Json::Bool(false)),
            Some(b'n') => self.literal("null", Json::Null),
            found => self.unexpected(found),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonError> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Object::default());
        }
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => {}
                found => return self.unexpected(found),
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return self.unexpected(self.peek());
            }
            members.push((name, self.value(depth)?));
            if self.closes(b'}')? {
                break;
            }
        }
        Object::from_members(members).map_or_else(|| self.fail(JsonProblem::DuplicateMember), Ok)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Json>, JsonError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(elements);
        }
        loop {
            elements.push(self.value(depth)?);
            if self.closes(b']')? {
                return Ok(elements);
            }
        }
    }

    /// After a member or an element: the end of its container, or the comma before the next one.
    fn closes(&mut self, end: u8) -> Result<bool, JsonError> {
        self.skip_space();
        if self.take(end) {
            return Ok(true);
        }
        if self.take(b',') { Ok(false) } else { self.unexpected(self.peek()) }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth < MAX_DEPTH { Ok(depth + 1) } else { self.fail(JsonProblem::TooDeep) }
    }

    fn literal(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        self.fail(if word.starts_with(rest) { JsonProblem::Truncated } else { JsonProblem::Unexpected })
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        self.take(b'-');
        if self.take(b'0') {
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return self.fail(JsonProblem::Number);
            }
        } else {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Number(self.since(start).into()))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.fail(JsonProblem::Number) }
    }

    fn string(&mut self) -> Result<Box<str>, JsonError> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.since(start).into();
            self.at += 1;
            return Ok(text);
        }
        let mut text = String::from(self.since(start));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text.into_boxed_str());
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return self.fail(JsonProblem::ControlCharacter),
                None => return self.fail(JsonProblem::Truncated),
            }
            let run = self.at;
            self.skip_plain();
            text.push_str(self.since(run));
        }
    }

    /// Goes on to the next byte of a string that is not itself: a quote, a backslash or a control character.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
        self.at += run.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        match letter {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.code_point(),
            _ => self.fail(JsonProblem::Escape),
        }
    }

    fn code_point(&mut self) -> Result<char, JsonError> {
        let unit = self.hexadecimal()?;
        let code = match unit {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return self.fail(JsonProblem::LoneSurrogate);
                }
                match self.hexadecimal()? {
                    low @ 0xdc00..=0xdfff => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                    _ => return self.fail(JsonProblem::LoneSurrogate),
                }
            }
            _ => unit,
        };
        char::from_u32(code).map_or_else(|| self.fail(JsonProblem::LoneSurrogate), Ok)
    }

    fn hexadecimal(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at.saturating_add(4)).unwrap_or_default();
        // `from_str_radix` alone would take a sign.
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return self.fail(JsonProblem::Escape);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).or_else(|_| self.fail(JsonProblem::Escape))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn unexpected<T>(&self, found: Option<u8>) -> Result<T, JsonError> {
        self.fail(if found.is_some() { JsonProblem::Unexpected } else { JsonProblem::Truncated })
    }

    fn fail<T>(&self, problem: JsonProblem) -> Result<T, JsonError> {
        Err(JsonError { offset: self.at.min(self.text.len()), problem })
    }
}
