//! What may an operator write about answers of the gateway itself, and about headers?

use std::path::PathBuf;

use http::HeaderName;

use super::super::place::Located;

/// A header and the template of its value.
#[derive(Debug)]
pub struct HeaderTemplate {
    /// The header's name, at the place of its key.
    pub name: Located<HeaderName>,
    /// Template text.
    pub value: Located<String>,
}

/// `respond`: an answer in the place of an upstream's.
#[derive(Debug)]
pub struct Respond {
    /// 200 to 599.
    pub status: u16,
    /// What it says.
    pub body: ResponseBody,
}

/// An answer of the gateway: what it says and in which media type.
#[derive(Debug)]
pub struct ResponseBody {
    /// A value for `Content-Type`.
    pub media_type: String,
    /// What it says.
    pub content: Content,
}

/// What an answer of the gateway says.
#[derive(Debug)]
pub enum Content {
    /// This text.
    Text(String),
    /// What the file holds.
    File(Located<PathBuf>),
}

/// `responses: { 401: … }`
#[derive(Debug)]
pub struct CustomResponse {
    /// 400 to 599, at the place of its key.
    pub status: Located<u16>,
    /// Template of where a browser that loads a page is sent instead.
    pub browser: Option<Located<String>>,
    /// What the answer says to all others; `None`: what it would say anyway.
    pub body: Option<ResponseBody>,
}
