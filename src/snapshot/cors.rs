//! Whose pages may read what a location answers? (Fetch Standard §3.3, "CORS protocol".)

use http::{HeaderValue, Method};

pub use crate::config::schema::{Credentials, Origins};

/// Rules of a location for pages of other origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Whose pages.
    pub origins: Origins,
    /// `Access-Control-Allow-Methods`.
    pub methods: HeaderValue,
    /// `Access-Control-Allow-Headers`, if any header may be sent that is not safe by itself.
    pub headers: Option<HeaderValue>,
    /// Whether cookies and the like may be sent along.
    pub credentials: Credentials,
    /// `Access-Control-Max-Age`, in seconds.
    pub max_age: Option<HeaderValue>,
}

impl Cors {
    /// `Access-Control-Allow-Origin` for a page of this origin, if it may read.
    pub fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::These(origins) => {
                origins.iter().any(|own| own.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }
}

/// Methods as a header names them.
pub fn method_list(methods: &[Method]) -> Option<HeaderValue> {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}
