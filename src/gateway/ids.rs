//! What is a request called? An id of its own, and the trace that it belongs to.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A name for one request: 128 random bits.
pub fn new_request_id() -> String {
    let mut id = [0; 32];
    write_hex(&mut id, &fastrand::u128(..).to_be_bytes());
    String::from_utf8_lossy(&id).into_owned()
}

/// The trace that a request belongs to (W3C Trace Context §3.2) goes on; a request without one begins its own, which has the
/// request's id if that can be one.
pub fn set_trace(headers: &mut HeaderMap, request_id: &str) {
    let mut said = headers.get_all(&TRACEPARENT).iter();
    if let (Some(said), None) = (said.next(), said.next())
        && is_traceparent(said.as_bytes())
    {
        return;
    }
    headers.remove(&TRACESTATE);
    let is_id = request_id.len() == 32 && request_id.bytes().all(is_lower_hex) && request_id.bytes().any(|o| o != b'0');
    let (mut trace, mut parent) = ([0; 32], [0; 16]);
    write_hex(&mut parent, &fastrand::u64(1..).to_be_bytes());
    let trace = if is_id {
        request_id.as_bytes()
    } else {
        write_hex(&mut trace, &fastrand::u128(1..).to_be_bytes());
        &trace
    };
    if let Ok(begun) = HeaderValue::try_from([b"00-", trace, b"-", &parent, b"-01"].concat()) {
        headers.insert(TRACEPARENT, begun);
    }
}

/// In lower case. The formatter of the standard library takes ten times as long, and this is done for every request.
fn write_hex(digits: &mut [u8], octets: &[u8]) {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
    for (digits, octet) in digits.chunks_exact_mut(2).zip(octets) {
        digits.copy_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
}

/// `00-` trace `-` parent `-` flags; neither of the two is all zeros. Later versions may add to it.
fn is_traceparent(said: &[u8]) -> bool {
    let part = |from: usize, to: usize| said.get(from..to).unwrap_or_default();
    let is_hex = |octets: &[u8]| !octets.is_empty() && octets.iter().copied().all(is_lower_hex);
    let is_id = |octets: &[u8]| is_hex(octets) && octets.iter().any(|octet| *octet != b'0');
    let dashes = [2, 35, 52].iter().all(|place| said.get(*place) == Some(&b'-'));
    let is_whole = said.len() == 55 || (said.len() > 55 && part(0, 2) != b"00" && said.get(55) == Some(&b'-'));
    dashes
        && is_whole
        && is_hex(part(0, 2))
        && part(0, 2) != b"ff"
        && is_id(part(3, 35))
        && is_id(part(36, 52))
        && is_hex(part(53, 55))
}

fn is_lower_hex(octet: u8) -> bool {
    matches!(octet, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_written_in_lower_case_with_their_zeros() {
        let mut digits = [0; 10];
        write_hex(&mut digits, &[0x00, 0x09, 0x0a, 0x9f, 0xff]);
        assert_eq!(&digits, b"00090a9fff");
        assert!(new_request_id().bytes().all(is_lower_hex));
        assert_eq!(new_request_id().len(), 32);
    }

    #[test]
    fn a_trace_that_is_none_begins_anew_with_the_id_of_the_request() {
        let id = new_request_id();
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
        set_trace(&mut headers, &id);
        let begun = headers.get(TRACEPARENT).map(HeaderValue::as_bytes).unwrap_or_default().to_vec();
        assert!(is_traceparent(&begun) && begun.starts_with(format!("00-{id}-").as_bytes()));
        assert!(!headers.contains_key(TRACESTATE));
        set_trace(&mut headers, &new_request_id());
        assert_eq!(headers.get(TRACEPARENT).map(HeaderValue::as_bytes), Some(begun.as_slice()), "it goes on");
    }
}
