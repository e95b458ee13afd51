//! How does a test write a request? As prose for the usual ones, as octets for the others.

/// A request of HTTP/1.1.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    target: String,
    host: Option<String>,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Any method.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: Some("localhost".to_owned()),
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// POST with a body and its length.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut request = Self::new("POST", target).header("Content-Length", body.len());
        request.body = body;
        request
    }

    /// Another host.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// No Host at all.
    pub fn without_host(mut self) -> Self {
        self.host = None;
        self
    }

    /// Adds a header; the same name may come again.
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds `Authorization: Basic` of `user:password`.
    pub fn basic(self, credentials: &str) -> Self {
        use base64::Engine;
        let written = base64::engine::general_purpose::STANDARD.encode(credentials);
        self.header("Authorization", format!("Basic {written}"))
    }

    /// Adds `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds a body without saying how long it is.
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if let Some(host) = &self.host {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}
