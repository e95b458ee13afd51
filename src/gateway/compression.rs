//! Is an answer made smaller on its way? By Pingora's own coders, where the location asks for it.

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use pingora_core::Result;
use pingora_core::protocols::http::compression::Algorithm;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::snapshot::Coding;

/// Levels that cost little and save most: about what nginx takes.
fn coder(coding: Coding) -> (Algorithm, u32, HeaderValue) {
    match coding {
        Coding::Zstd => (Algorithm::Zstd, 3, HeaderValue::from_static("zstd")),
        Coding::Brotli => (Algorithm::Brotli, 4, HeaderValue::from_static("br")),
        Coding::Gzip => (Algorithm::Gzip, 5, HeaderValue::from_static("gzip")),
    }
}

/// Chooses the first coding that the client takes. The upstream is asked for the same, and may do the work itself.
pub fn choose(codings: &[Coding], session: &mut Session, upstream: &mut RequestHeader) -> Result<()> {
    let chosen = codings.iter().copied().map(coder).find(|(_, _, name)| takes(&upstream.headers, name));
    let Some((algorithm, level, name)) = chosen.filter(|_| session.upstream_compression.is_header_phase()) else {
        return Ok(());
    };
    session.upstream_compression.adjust_algorithm_level(algorithm, level);
    upstream.insert_header(ACCEPT_ENCODING, name)
}

/// Whether a client takes a coding that it names (RFC 9110 §12.5.3).
fn takes(headers: &HeaderMap, coding: &HeaderValue) -> bool {
    let said = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).any(|entry| {
        let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        name.trim().as_bytes().eq_ignore_ascii_case(coding.as_bytes()) && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// Leaves alone what must not wait in a coder, and what is a part of something.
pub fn spare(session: &mut Session, answer: &ResponseHeader) {
    let is_spared = answer.status == StatusCode::PARTIAL_CONTENT
        || answer.headers.contains_key(CONTENT_RANGE)
        || says(answer, &CACHE_CONTROL, "no-transform")
        || ["text/event-stream", "application/grpc", "application/x-ndjson", "application/stream+json"]
            .iter()
            .any(|streamed| says(answer, &CONTENT_TYPE, streamed));
    if is_spared && session.upstream_compression.is_header_phase() {
        session.upstream_compression.adjust_level(0);
    }
}

fn says(answer: &ResponseHeader, name: &http::HeaderName, word: &str) -> bool {
    let values = answer.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.into_iter().any(|value| value.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_taken_if_it_is_named_with_any_weight_but_none() {
        let taken = |said: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(said));
            takes(&headers, &HeaderValue::from_static("br"))
        };
        for said in ["br", "gzip, br", "gzip;q=1.0, BR;q=0.1", " br ; q=1"] {
            assert!(taken(said), "{said}");
        }
        for said in ["", "gzip", "br;q=0", "brotli", "*", "br;q=0.000"] {
            assert!(!taken(said), "{said}");
        }
    }
}
