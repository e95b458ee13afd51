//! How do requests and answers travel? Connections kept, nothing buffered, failures told apart and in time.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::gateway::PLAIN;
use crate::harness::upstream::{BlackHole, CLOSED_PORT};
use crate::harness::{Behaviour, Gateway, Request, Upstream};

/// Everything is public and goes to one upstream with these settings.
fn gateway_to(upstream: &str) -> Gateway {
    Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {upstream} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n"
    ))
}

fn servers(addresses: &[&dyn std::fmt::Display], settings: &str) -> String {
    let addresses: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    format!("{{ servers: [{}]{settings} }}", addresses.join(", "))
}

fn gateway_before(upstream: &Upstream) -> Gateway {
    gateway_to(&servers(&[&upstream.address()], ""))
}

#[test]
fn both_connections_are_kept_for_the_next_request() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    for number in 0..50 {
        let body = format!("request {number}");
        let answer = client.exchange(&Request::post("/", body.clone()));
        assert!(answer.text().ends_with(&body));
    }
    for _ in 0..10 {
        gateway.send(&Request::get("/"));
    }
    // An answer may reach the client a moment before the upstream's connection is free again.
    let by_the_first = upstream.received().iter().filter(|one| one.connection == 0).count();
    assert!(by_the_first >= 50, "{by_the_first} of 60 requests came by the first connection");
    assert!(upstream.connections() <= 5, "{} connections for 60 requests", upstream.connections());
}

#[test]
fn a_client_that_asks_to_close_is_closed_after_its_answer() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    let answer = client.exchange(&Request::get("/").header("Connection", "close"));
    assert_eq!(answer.status, 200);
    client.expect_close();
}

#[test]
fn an_answer_arrives_chunk_by_chunk_while_the_upstream_still_writes() {
    let (upstream, chunks) = Upstream::drip();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    let head = client.head().unwrap();
    let (mut arrived, mut sent, mut sender) = (Vec::new(), Vec::new(), Some(chunks));
    let mut number = 0;
    let mut send_next = |sent: &mut Vec<u8>| {
        if number < 5 {
            let chunk = format!("chunk {number}").into_bytes();
            sent.extend_from_slice(&chunk);
            sender.as_ref().unwrap().send(chunk).unwrap();
            number += 1;
        } else {
            sender = None;
        }
    };
    send_next(&mut sent);
    // The next chunk leaves only when the one before has arrived: buffering would wait for ever.
    let read = client.body(&head, |piece| {
        arrived.extend_from_slice(piece);
        if arrived == sent {
            send_next(&mut sent);
        }
    });
    read.unwrap();
    assert_eq!(arrived, b"chunk 0chunk 1chunk 2chunk 3chunk 4");
}

#[test]
fn an_upload_arrives_chunk_by_chunk_while_the_client_still_writes() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    client.send(Request::new("POST", "/").header("Transfer-Encoding", "chunked").octets());
    let mut sent = Vec::new();
    for number in 0..5 {
        let chunk = format!("chunk {number}");
        client.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        sent.extend_from_slice(chunk.as_bytes());
        upstream.wait_until("the chunk arrives", |received| received.first().is_some_and(|one| one.body == sent));
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(upstream.last().body, sent);
}

#[test]
fn large_bodies_pass_unchanged_in_both_directions() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let body: Vec<u8> = (0..8_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mut client = gateway.client();
    let writer = body.clone();
    let answer = client.exchange(&Request::post("/", writer));
    assert_eq!(answer.status, 200);
    assert!(upstream.last().body == body, "the upload changed on its way");
    assert!(answer.body.ends_with(&body), "the answer changed on its way");
}

#[test]
fn a_refused_connection_is_502() {
    let gateway = gateway_to(&servers(&[&CLOSED_PORT], ""));
    let answer = gateway.send(&Request::get("/"));
    assert_eq!((answer.status, answer.header("cache-control")), (502, Some("no-store")));
    let line = gateway.line_of(&answer);
    assert_eq!((&line["auth_reason"], &line["status"]), (&json!("upstream_unavailable"), &json!(502)));
    let failures = gateway.metrics().sum("portcullis_upstream_failures_total", &["upstream=\"app\""]);
    assert!(failures >= 1.0, "{failures}");
}

#[test]
fn an_upstream_that_hangs_up_is_502() {
    let upstream = Upstream::with(Behaviour::HangUp);
    let gateway = gateway_before(&upstream);
    let answer = gateway.send(&Request::get("/"));
    assert_eq!(answer.status, 502);
    assert_eq!(gateway.reason_of(&answer), "upstream_unavailable");
}

#[test]
fn an_answer_that_is_not_http_is_502() {
    let upstream = Upstream::says("it is not HTTP that I speak\r\n\r\n");
    let gateway = gateway_before(&upstream);
    assert_eq!(gateway.send(&Request::get("/")).status, 502);
}

#[test]
fn a_silent_upstream_is_504_when_its_read_timeout_has_passed() {
    let upstream = Upstream::with(Behaviour::Silent);
    let gateway = gateway_to(&servers(&[&upstream.address()], ", timeouts: { read: 300ms }"));
    let began = Instant::now();
    let answer = gateway.send(&Request::get("/"));
    let took = began.elapsed();
    assert_eq!(answer.status, 504);
    assert_eq!(gateway.reason_of(&answer), "upstream_timeout");
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(upstream.received().len(), 1, "a request that was sent is not sent again");
}

#[test]
fn a_black_hole_is_504_when_its_connect_timeout_has_passed() {
    let hole = BlackHole::new();
    let settings = ", timeouts: { connect: 300ms }, retries: 0";
    let gateway = gateway_to(&servers(&[&hole.address()], settings));
    let began = Instant::now();
    let answer = gateway.send(&Request::get("/"));
    let took = began.elapsed();
    assert_eq!(answer.status, 504);
    assert_eq!(gateway.reason_of(&answer), "upstream_timeout");
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn another_server_is_tried_when_one_cannot_be_reached() {
    let upstream = Upstream::echo();
    let gateway = gateway_to(&servers(&[&CLOSED_PORT, &upstream.address()], ""));
    let mut client = gateway.client();
    for _ in 0..10 {
        assert_eq!(client.exchange(&Request::get("/")).status, 200);
        assert_eq!(client.exchange(&Request::post("/", "once")).status, 200);
    }
    assert_eq!(upstream.received().len(), 20);
}

#[test]
fn no_more_servers_are_tried_than_retries_allows() {
    let upstream = Upstream::echo();
    let dead = servers(&[&"127.0.0.2:1", &"127.0.0.3:1", &upstream.address()], ", retries: 1");
    let gateway = gateway_to(&dead);
    let statuses: Vec<u16> = (0..6).map(|_| gateway.send(&Request::get("/")).status).collect();
    assert!(statuses.contains(&502), "two dead servers in a row are the end: {statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
}

#[test]
fn servers_take_turns() {
    let (first, second) = (Upstream::echo(), Upstream::echo());
    let gateway = gateway_to(&servers(&[&first.address(), &second.address()], ""));
    for _ in 0..10 {
        assert_eq!(gateway.send(&Request::get("/")).status, 200);
    }
    assert_eq!((first.received().len(), second.received().len()), (5, 5));
}

#[test]
fn servers_of_twice_the_weight_get_twice_the_requests() {
    let (light, heavy) = (Upstream::echo(), Upstream::echo());
    let (light_address, heavy_address) = (light.address(), heavy.address());
    let servers = format!("{{ servers: [\"{light_address}\", {{ address: \"{heavy_address}\", weight: 2 }}] }}");
    let gateway = gateway_to(&servers);
    for _ in 0..30 {
        assert_eq!(gateway.send(&Request::get("/")).status, 200);
    }
    assert_eq!((light.received().len(), heavy.received().len()), (10, 20));
}

#[test]
fn a_post_that_was_sent_is_not_sent_again() {
    let (broken, healthy) = (Upstream::with(Behaviour::HangUp), Upstream::echo());
    let gateway = gateway_to(&servers(&[&broken.address(), &healthy.address()], ", retries: 3"));
    let mut statuses: Vec<u16> = (0..4).map(|_| gateway.send(&Request::post("/", "pay")).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
    assert_eq!((broken.received().len(), healthy.received().len()), (2, 2));
}

#[test]
fn a_request_without_a_body_survives_a_connection_that_was_kept_too_long() {
    let upstream = Upstream::with(Behaviour::CloseAfter(1));
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    for number in 0..30 {
        assert_eq!(client.exchange(&Request::get("/")).status, 200, "request {number}");
    }
}

#[test]
fn an_interim_answer_and_an_answer_without_a_body_pass() {
    let upstream = Upstream::says("HTTP/1.1 204 No Content\r\nX-Kind: empty\r\n\r\n");
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    for _ in 0..2 {
        let answer = client.exchange(&Request::get("/"));
        assert_eq!((answer.status, answer.header("x-kind")), (204, Some("empty")));
    }
}

#[test]
fn an_answer_of_many_pieces_that_come_at_once_arrives_whole() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20);
    let pieces: Vec<String> = (1..400).map(|length| format!("{}", length % 10).repeat(length)).collect();
    let chunks: String = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    let upstream =
        Upstream::says(format!("{hints}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"));
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    for _ in 0..3 {
        assert!(client.exchange(&Request::get("/")).text() == pieces.concat());
    }
}

#[test]
fn an_answer_of_known_length_is_not_held_back() {
    let upstream = Upstream::says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let gateway = gateway_to(&servers(&[&upstream.address()], ", timeouts: { read: 2s }"));
    let mut client = gateway.client();
    let began = Instant::now();
    client.send(Request::get("/").octets());
    let head = client.head().expect("the head arrives while the upstream pauses");
    let mut arrived = Vec::new();
    let mut first_piece = None;
    let ended = client.body(&head, |piece| {
        if !piece.is_empty() {
            first_piece.get_or_insert_with(|| began.elapsed());
        }
        arrived.extend_from_slice(piece);
    });
    assert!(first_piece.expect("a piece") < Duration::from_secs(1), "{first_piece:?}");
    assert_eq!(arrived, b"half");
    assert!(ended.is_err(), "half an answer ended well");
}

#[test]
fn an_answer_that_breaks_off_is_not_made_to_look_whole() {
    let half = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let upstream = Upstream::says(half);
    let gateway = gateway_to(&servers(&[&upstream.address()], ", timeouts: { read: 300ms }"));
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    let head = client.head().unwrap();
    assert!(client.body(&head, |_| {}).is_err(), "half an answer ended well");
}

#[test]
fn head_has_the_length_and_not_the_body() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    let answer = client.exchange(&Request::new("HEAD", "/"));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_ne!(answer.header("content-length"), Some("0"));
    assert_eq!(client.exchange(&Request::get("/")).status, 200, "the connection is in step");
}

#[test]
fn a_word_before_the_answer_is_no_answer() {
    let upstream = Upstream::with(Behaviour::Cut(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec()));
    let gateway = Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"], retries: 0, eject: {{ after: 1, for: 1h }} }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        upstream.address()
    ));
    let answer = gateway.send(&Request::get("/"));
    assert_eq!((answer.status, gateway.reason_of(&answer).as_str()), (502, "upstream_unavailable"));
    assert_eq!(gateway.send(&Request::get("/")).status, 503, "it counted as a failure");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a client that is slow is what is tested")]
fn what_is_left_of_a_request_that_was_answered_early_is_not_taken_for_the_next() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0', limits: {{ header_timeout: 300ms }} }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        upstream.local_addr().unwrap()
    ));
    let application = thread::spawn(move || {
        for mut stream in upstream.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").unwrap();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(client.answer().status, 413);
    thread::sleep(Duration::from_millis(600));
    client.send("other ");
    // Whether the connection goes on is Pingora's to say; what comes on it is never a word about a head.
    assert!(client.try_exchange(&Request::get("/")).map_or(true, |next| next.status == 413));
    assert_eq!(gateway.metrics().sum("portcullis_late_heads_total", &[]), 0.0);
    drop(application);
}
