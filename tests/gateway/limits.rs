//! What does a client that is slow, or huge, or makes no sense, cost? Less than the limits, and nobody else anything.

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Request, wait};

fn gateway() -> Gateway {
    Gateway::start(&format!(
        "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: ok }} }}]\n"
    ))
}

#[test]
fn a_head_over_32_kib_is_431_and_one_under_it_is_served() {
    let gateway = gateway();
    let with = |octets: usize| gateway.send(&Request::get("/").header("X-Long", "x".repeat(octets)));
    assert_eq!(with(31 * 1024).status, 200);
    let answer = with(33 * 1024);
    assert_eq!((answer.status, gateway.reason_of(&answer).as_str()), (431, "headers_too_large"));
    let many =
        (0..200).fold(Request::get("/"), |request, number| request.header(&format!("X-{number}"), "x".repeat(200)));
    assert_eq!(gateway.send(&many).status, 431);
}

#[test]
fn what_is_too_large_to_be_served_is_too_large_to_be_logged() {
    let gateway = gateway();
    let answer = gateway.send(&Request::get(&format!("/{}?{}", "p".repeat(20_000), "q".repeat(20_000))));
    assert_eq!(answer.status, 431);
    let line = gateway.line_of(&answer).to_string();
    assert!(line.len() < 4096, "{} octets", line.len());
}

#[test]
fn what_the_engine_answers_by_itself_is_counted_in_a_metric() {
    let gateway = gateway();
    let series = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("portcullis_") && line.contains("malformed"));
        lines.map(str::to_owned).collect()
    };
    let before = series(&gateway.metrics().0);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    wait::until("the malformed request is counted", || (series(&gateway.metrics().0) != before).then_some(()));
}

#[test]
fn a_client_that_goes_away_costs_nobody_else_anything() {
    let gateway = gateway();
    for octets in ["", "GET", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"] {
        for _ in 0..20 {
            gateway.client().send(octets);
        }
    }
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    wait::until("their connections are closed", || {
        (gateway.metrics().sum("portcullis_connections", &[]) == 0.0).then_some(())
    });
    assert!(!gateway.log.text().contains("panicked"));
}
