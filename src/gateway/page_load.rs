//! Is this a browser that loads a page? Only then does a redirect help anybody.

use http::header::{ACCEPT, AUTHORIZATION, HeaderName};
use http::{HeaderMap, Method};
use pingora_http::RequestHeader;

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What `Vary` names where an answer depends on it.
pub const DEPENDS_ON: &str = "Accept, Sec-Fetch-Mode";

/// GET or HEAD, `Accept` prefers HTML, no mode of fetching but `navigate`, no credentials of a program.
pub fn is_page_load(request: &RequestHeader) -> bool {
    let mode = request.headers.get(&SEC_FETCH_MODE);
    matches!(request.method, Method::GET | Method::HEAD)
        && prefers_html(&request.headers)
        && mode.is_none_or(|mode| mode == "navigate")
        && !request.headers.contains_key(AUTHORIZATION)
        && !request.headers.contains_key(&X_REQUESTED_WITH)
}

/// Whether HTML is named, with no less weight than anything else that is named (RFC 9110 §12.5.1). `*/*` names nothing.
fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut others) = (0.0_f32, 0.0_f32);
    for (media_type, quality) in accepted(headers) {
        match media_type.as_str() {
            "text/html" => html = html.max(quality),
            "*/*" => {}
            _ => others = others.max(quality),
        }
    }
    html > 0.0 && html >= others
}

/// Whether `Accept` names JSON with more weight than text of any kind.
pub fn prefers_json(headers: &HeaderMap) -> bool {
    let (mut json, mut text) = (0.0_f32, 0.0_f32);
    for (media_type, quality) in accepted(headers) {
        match media_type.as_str() {
            "application/json" | "application/problem+json" => json = json.max(quality),
            "text/html" | "text/plain" | "text/*" => text = text.max(quality),
            _ => {}
        }
    }
    json > text
}

/// The media ranges of `Accept`, in lower case, with their weights.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (String, f32)> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (media_type, quality.map_or(Some(1.0), |quality| quality.parse().ok()).unwrap_or(0.0))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const CHROMIUM: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

    fn loads(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut head = RequestHeader::build(method, b"/", None).unwrap();
        for (name, value) in headers {
            head.append_header((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        is_page_load(&head)
    }

    #[test]
    fn browsers_load_pages_and_programs_do_not() {
        let browser = ("accept", CHROMIUM);
        assert!(loads("GET", &[browser]));
        assert!(loads("HEAD", &[browser, ("sec-fetch-mode", "navigate")]));
        assert!(loads("GET", &[("accept", "text/html")]));
        for (method, headers) in [
            ("POST", vec![browser]),
            ("OPTIONS", vec![browser]),
            ("GET", vec![]),
            ("GET", vec![("accept", "*/*")]),
            ("GET", vec![("accept", "application/json, text/html;q=0.9")]),
            ("GET", vec![("accept", "text/html;q=0")]),
            ("GET", vec![browser, ("sec-fetch-mode", "cors")]),
            ("GET", vec![browser, ("authorization", "Bearer x")]),
            ("GET", vec![browser, ("x-requested-with", "XMLHttpRequest")]),
        ] {
            assert!(!loads(method, &headers), "{method} {headers:?}");
        }
    }

    #[test]
    fn json_is_preferred_where_it_weighs_more_than_text() {
        let prefers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            prefers_json(&headers)
        };
        assert!(prefers("application/json") && prefers("application/problem+json, text/html;q=0.5"));
        assert!(!prefers("*/*") && !prefers(CHROMIUM) && !prefers("application/json;q=0.1, text/*"));
    }
}
