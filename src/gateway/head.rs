//! How are the headers of a request changed without paying for their spelling?
//!
//! Pingora keeps how every name was spelt in a second map, and makes each change in both. Names mean the same in any case
//! (RFC 9110 §5.1): after the first change of ours they are written in lower case, as HTTP/2 writes them.

use http::HeaderMap;
use http::request::Parts;
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

/// Makes changes in the one map that counts. The target stays as it was written.
pub fn change(head: &mut RequestHeader, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
    let told_by_uri = head.uri.path_and_query().is_some_and(|target| target.as_str().as_bytes() == head.raw_path());
    let target = (!told_by_uri).then(|| head.raw_path().to_vec());
    let nothing = RequestHeader::from(http::Request::new(()).into_parts().0);
    let mut parts = Parts::from(std::mem::replace(head, nothing));
    change(&mut parts.headers);
    *head = RequestHeader::from(parts);
    target.map_or(Ok(()), |target| head.set_raw_path(&target))
}

/// The same for an answer.
pub fn change_answer(head: &mut ResponseHeader, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
    let nothing = ResponseHeader::from(http::Response::new(()).into_parts().0);
    let before = std::mem::replace(head, nothing);
    let reason = before.get_reason_phrase().filter(|reason| Some(*reason) != before.status.canonical_reason());
    let reason = reason.map(str::to_owned);
    let mut parts = http::response::Parts::from(before);
    change(&mut parts.headers);
    *head = ResponseHeader::from(parts);
    reason.map_or(Ok(()), |reason| head.set_reason_phrase(Some(&reason)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_target_of_any_form_stays_as_it_was_written() {
        for target in ["/a?b=c", "*", "http://example.com/a?b", "/\u{e4}"] {
            let mut head = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
            head.insert_header("X-Kept", "1").unwrap();
            change(&mut head, |headers| drop(headers.insert("x-new", HeaderValue::from_static("2")))).unwrap();
            assert_eq!(head.raw_path(), target.as_bytes());
            let mut written = Vec::new();
            head.header_to_h1_wire(&mut written);
            assert_eq!(written, b"x-kept: 1\r\nx-new: 2\r\n");
        }
        let mut odd = RequestHeader::build("GET", b"/\xff", None).unwrap();
        change(&mut odd, |_| {}).unwrap();
        assert!(!odd.raw_path_is_utf8(), "it is still refused");
    }

    #[test]
    fn an_answer_keeps_its_status_its_own_words_and_its_headers() {
        let mut head = ResponseHeader::build(299, None).unwrap();
        head.set_reason_phrase(Some("As You Like It")).unwrap();
        head.append_header("Set-Cookie", "a=1").unwrap();
        head.append_header("Set-Cookie", "b=2").unwrap();
        change_answer(&mut head, |headers| drop(headers.insert("x-new", HeaderValue::from_static("1")))).unwrap();
        assert_eq!(head.headers.get("x-new").unwrap(), "1");
        assert_eq!((head.status.as_u16(), head.get_reason_phrase()), (299, Some("As You Like It")));
        assert_eq!(head.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    }
}
