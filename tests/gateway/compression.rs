//! Is an answer made smaller where its location asks for it, and only where that is safe?

use std::io::Read;
use std::process::{Command, Stdio};

use crate::harness::{Gateway, Request, Upstream};

fn page(media_type: &str, more: &str) -> String {
    let body = "words and words ".repeat(500);
    format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn before(upstream: &Upstream) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ prefix: /plain }}, access: public, upstream: app }}\n\
         \x20 - {{ match: {{ prefix: / }}, access: public, upstream: app, compress: [br, gzip] }}\n",
        upstream.address()
    ))
}

#[test]
fn the_first_coding_that_the_client_takes_is_used() {
    let upstream = Upstream::says(page("text/html", ""));
    let gateway = before(&upstream);
    for (accepted, expected) in [
        ("gzip, deflate, br", Some("br")),
        ("gzip", Some("gzip")),
        ("br;q=0, gzip", Some("gzip")),
        ("zstd", None),
        ("", None),
    ] {
        let answer = gateway.send(&Request::get("/").header("Accept-Encoding", accepted));
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        if expected.is_some() {
            assert!(answer.body.len() < 1000, "{} octets", answer.body.len());
            assert!(answer.header("vary").unwrap().to_ascii_lowercase().contains("accept-encoding"));
            assert_eq!(upstream.last().head.value("accept-encoding"), expected, "the upstream may do it itself");
        }
    }
    let untouched = gateway.send(&Request::get("/plain").header("Accept-Encoding", "gzip"));
    assert_eq!((untouched.header("content-encoding"), untouched.body.len()), (None, 8000));
}

#[test]
fn what_was_compressed_is_what_was_sent() {
    let upstream = Upstream::says(page("application/json", ""));
    let gateway = before(&upstream);
    let answer = gateway.send(&Request::get("/").header("Accept-Encoding", "gzip"));
    let mut gunzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = gunzip.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &answer.body).unwrap();
    drop(input);
    let mut text = String::new();
    gunzip.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(gunzip.wait().unwrap().success());
    assert_eq!(text, "words and words ".repeat(500));
}

#[test]
fn streams_parts_and_what_is_not_to_be_changed_are_left_alone() {
    for (media_type, more) in [
        ("text/event-stream", ""),
        ("application/x-ndjson", ""),
        ("image/png", ""),
        ("text/html", "Cache-Control: no-transform\r\n"),
        ("text/html", "Content-Range: bytes 0-7999/9000\r\n"),
        ("text/html", "Content-Encoding: gzip\r\n"),
    ] {
        let upstream = Upstream::says(page(media_type, more));
        let gateway = before(&upstream);
        let answer = gateway.send(&Request::get("/").header("Accept-Encoding", "gzip, br"));
        assert_eq!(answer.body.len(), 8000, "{media_type} {more}");
    }
}
