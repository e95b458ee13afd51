//! How is an HTTP/1.1 message read off a connection? Octet by octet as it came, for clients and upstreams alike.

use std::io::{self, Read};

/// The head of a request or a response.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Exactly what came, with the empty line.
    pub raw: Vec<u8>,
    /// The first line.
    pub start: String,
    /// Names as they came, values without the white space around them.
    pub fields: Vec<(String, String)>,
}

impl Head {
    fn parse(raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        });
        let fields = fields.collect();
        Self { raw, start, fields }
    }

    /// All values of a field, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a field; fails if it is there twice.
    pub fn value(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() < 2, "{name} is there twice: {values:?}");
        values.first().copied()
    }

    /// The values of every field that a lax application would take for `name`: any case, `_` for `-`.
    pub fn lookalikes(&self, name: &str) -> Vec<&str> {
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let fields = self.fields.iter();
        fields.filter(|(field, _)| plain(field) == plain(name)).map(|(_, value)| value.as_str()).collect()
    }
}

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many octets.
    Length(usize),
    /// Chunks, then trailers.
    Chunked,
    /// Until the connection ends.
    UntilClose,
}

impl Framing {
    /// What a head says, if it says anything.
    pub fn of(head: &Head) -> Option<Self> {
        if head.values("transfer-encoding").iter().any(|coding| coding.contains("chunked")) {
            return Some(Self::Chunked);
        }
        let length = head.values("content-length").first().map(|length| length.parse());
        length.map(|length| Self::Length(length.expect("Content-Length is a number")))
    }
}

/// A connection that is read message by message.
#[derive(Debug)]
pub struct Wire<S> {
    /// The connection itself.
    pub stream: S,
    buffer: Vec<u8>,
}

impl<S: Read> Wire<S> {
    /// Nothing is read yet.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0_u8; 16 * 1024];
        let read = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }

    fn take_until(&mut self, mark: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut from = 0;
        loop {
            let found = self.buffer[from..].windows(mark.len()).position(|window| window == mark);
            if let Some(place) = found {
                let rest = self.buffer.split_off(from + place + mark.len());
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            from = self.buffer.len().saturating_sub(mark.len());
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads a head. `None`: the connection ended before there was a whole one.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        Ok(self.take_until(b"\r\n\r\n")?.map(Head::parse))
    }

    /// Reads a body, handing over each piece as it comes; gives the trailers. An early end is an error.
    pub fn body(&mut self, framing: Framing, mut each: impl FnMut(&[u8])) -> io::Result<Head> {
        match framing {
            Framing::None => Ok(Head::default()),
            Framing::Length(length) => self.octets(length, &mut each).map(|()| Head::default()),
            Framing::Chunked => self.chunks(&mut each),
            Framing::UntilClose => loop {
                each(&std::mem::take(&mut self.buffer));
                if !self.fill()? {
                    return Ok(Head::default());
                }
            },
        }
    }

    fn octets(&mut self, mut length: usize, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() && !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let now = length.min(self.buffer.len());
            let rest = self.buffer.split_off(now);
            each(&std::mem::replace(&mut self.buffer, rest));
            length -= now;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let line = self.take_until(b"\r\n")?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn chunks(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<Head> {
        loop {
            let size = self.line()?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                break;
            }
            self.octets(size, each)?;
            self.line()?;
        }
        let mut trailers = Vec::from(*b"trailers\r\n");
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head::parse(trailers));
            }
            trailers.extend_from_slice(line.as_bytes());
            trailers.extend_from_slice(b"\r\n");
        }
    }
}
