//! Does gRPC pass, trailers and all, and does a refusal speak its language? Client and server are Google's own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::tools::{fixture, run, tool};
use crate::harness::{Gateway, Issuer};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve() -> (Server, String) {
    let mut child = Command::new(tool("venv/bin/python"))
        .arg(fixture("grpc_echo.py"))
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
    (Server(child), port.trim().to_owned())
}

#[test]
fn calls_pass_with_their_trailers_and_refusals_are_statuses_of_grpc() {
    let (issuer, (_server, port)) = (Issuer::of("ES256"), serve());
    let gateway = Gateway::prepare(&format!(
        "listeners: [{{ address: '127.0.0.1:0', http2: true }}]\n\
         keys: {{ site: [{{ jwks_file: keys.json }}] }}\n\
         realms: {{ site: {{ keys: site, identity_headers: {{ X-User-ID: '{{claims.sub}}' }} }} }}\n\
         upstreams: {{ app: {{ servers: ['127.0.0.1:{port}'], protocol: h2c }}, gone: {{ servers: ['127.0.0.1:1'] }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ path: /test.Echo/Gone }}, access: public, upstream: gone }}\n\
         \x20 - {{ match: {{ path: /test.Echo/Forbidden }}, access: {{ all: [ {{ realm: site }}, {{ check: 'false' }} ] }}, upstream: app }}\n\
         \x20 - {{ match: {{ prefix: / }}, access: {{ realm: site }}, upstream: app }}\n",
    ))
    .file("keys.json", issuer.jwks())
    .start();
    let call = |method: &str, token: &str| {
        let mut command = Command::new(tool("venv/bin/python"));
        command.arg(fixture("grpc_echo.py")).args(["call", &gateway.address().to_string(), method, token]);
        run(&mut command, b"").trim().to_owned()
    };
    let token = issuer.token_of("alice");
    assert_eq!(call("Say", &token), "OK alice: hello | trailer: last words");
    assert_eq!(call("Stream", &token), "OK 0 1 2 3 4 | trailer: last words");
    assert_eq!(call("Fail", &token), "RESOURCE_EXHAUSTED too much", "a status of the server's own");
    assert_eq!(call("Say", "bad"), "UNAUTHENTICATED token_malformed");
    assert_eq!(call("Forbidden", &token), "PERMISSION_DENIED check_failed");
    assert_eq!(call("Gone", &token), "UNAVAILABLE upstream_unavailable");
}
