//! What do clients meet before the first request? Certificates, versions, sessions, and certificates of their own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::harness::certificates::Certificate;
use crate::harness::curl::curl;
use crate::harness::{Client, Gateway, Request, wait};

/// A gateway with one TLS listener, whose `tls` has this besides the certificate.
fn with(tls: &str, authority: &Certificate) -> Gateway {
    let certificate = authority.vouch_for("localhost");
    Gateway::prepare(&yaml(tls))
        .file("c.crt", certificate.pem())
        .file("c.key", certificate.key_pem())
        .file("ca.pem", authority.pem())
        .start()
}

fn yaml(tls: &str) -> String {
    format!(
        "listeners:\n  - address: 127.0.0.1:0\n    tls: {{ certificates: [{{ certificate: c.crt, key: c.key }}]{tls} }}\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         locations:\n\
         \x20 - match: {{ path: /who }}\n    access: public\n    redirect: {{ status: 302, to: '/?{{client.certificate.subject}}|{{client.certificate.san}}' }}\n\
         \x20 - match: {{ path: /alice }}\n    access: {{ check: '\"DNS:alice\" in client.certificate.san' }}\n    respond: {{ status: 200, text: hello }}\n\
         \x20 - match: {{ prefix: / }}\n    access: public\n    respond: {{ status: 200, text: ok }}\n"
    )
}

/// What `openssl s_client` says of a handshake.
fn s_client(address: SocketAddr, arguments: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", "localhost"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let _ = client.stdin.take().unwrap().write_all(request);
    let output = client.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn only_the_protocols_and_ciphers_that_are_written_are_spoken() {
    let authority = Certificate::authority("test");
    let gateway = with("", &authority);
    let modern = gateway.listener(0);
    assert!(s_client(modern, &["-tls1_2"]).contains("New, TLSv1.2"));
    assert!(s_client(modern, &["-tls1_3"]).contains("New, TLSv1.3"));
    for old in ["-tls1_1", "-tls1"] {
        let said = s_client(modern, &[old, "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(said.contains("New, (NONE)"), "{old}: {said}");
    }
    let gateway = with(", protocols: [TLSv1.3], ciphersuites: TLS_CHACHA20_POLY1305_SHA256", &authority);
    let third = gateway.listener(0);
    assert!(s_client(third, &["-tls1_2"]).contains("New, (NONE)"));
    assert!(s_client(third, &[]).contains("TLS_CHACHA20_POLY1305_SHA256"));
    let offered = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"];
    let ciphers = ", ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256'";
    let gateway = with(&format!("{ciphers}, prefer_server_ciphers: true"), &authority);
    let ours = gateway.listener(0);
    assert!(s_client(ours, &offered).contains("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"));
    let gateway = with(&format!("{ciphers}, prefer_server_ciphers: false"), &authority);
    let theirs = gateway.listener(0);
    assert!(s_client(theirs, &offered).contains("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"));
}

#[test]
fn a_session_is_taken_up_again_unless_there_is_no_cache() {
    let authority = Certificate::authority("test");
    let again = |gateway: &Gateway, version: &str| {
        let said = s_client(gateway.listener(0), &[version, "-reconnect"]);
        said.lines().filter(|line| line.starts_with("Reused, ")).count()
    };
    let keeping = with("", &authority);
    assert!(again(&keeping, "-tls1_2") > 0);
    let forgetting = with(", session_cache: 0", &authority);
    assert_eq!(again(&forgetting, "-tls1_2"), 0);
}

#[test]
fn a_session_is_not_taken_up_again_after_its_time() {
    let authority = Certificate::authority("test");
    let gateway = with(", session_timeout: 2s", &authority);
    let ticket = gateway.folder().join("ticket");
    let ticket = ticket.to_str().unwrap();
    let first = s_client(gateway.listener(0), &["-tls1_2", "-sess_out", ticket]);
    assert!(first.contains("New, TLSv1.2"), "{first}");
    let again = || s_client(gateway.listener(0), &["-tls1_2", "-sess_in", ticket]);
    assert!(again().contains("Reused, TLSv1.2"));
    wait::until("the session is too old", || again().contains("New, TLSv1.2").then_some(()));
}

#[test]
fn who_shows_a_certificate_is_known_by_it_and_nobody_else_is() {
    let authority = Certificate::authority("test");
    let gateway = with(", client_certificate: { ca: ca.pem }", &authority);
    let url = |path: &str| format!("https://localhost:{}{path}", gateway.listener(0).port());
    for (name, certificate) in [
        ("alice", authority.vouch_for("alice")),
        ("bob", authority.vouch_for("bob")),
        ("mallory", Certificate::authority("other").vouch_for("alice")),
    ] {
        gateway.write(&format!("{name}.crt"), certificate.pem());
        gateway.write(&format!("{name}.key"), certificate.key_pem());
    }
    let file = |name: &str| gateway.folder().join(name).display().to_string();
    let shown = |name: &str| {
        ["--cert".to_owned(), file(&format!("{name}.crt")), "--key".to_owned(), file(&format!("{name}.key"))]
    };
    let ask = |name: &str, path: &str| {
        let shown = shown(name);
        let arguments: Vec<&str> = shown.iter().map(String::as_str).collect();
        curl(
            &[arguments.as_slice(), &["--write-out", "%{redirect_url}\n%{http_code} %{http_version}", &url(path)]]
                .concat(),
        )
    };
    for version in ["--http1.1", "--http2"] {
        let shown = shown("alice");
        let arguments: Vec<&str> = shown.iter().map(String::as_str).collect();
        assert_eq!(curl(&[arguments.as_slice(), &[version, &url("/alice")]].concat()).status, 200);
    }
    assert_eq!(ask("bob", "/alice").status, 403);
    let who = ask("alice", "/who");
    assert!(who.body.contains("CN=alice|DNS:alice"), "{who:?}");
    for arguments in [vec![], shown("mallory").to_vec()] {
        let said = Command::new("curl").args(["--silent", "--insecure", &url("/")]).args(arguments).output().unwrap();
        assert!(!said.status.success());
        assert!(said.stdout.is_empty(), "no request passes without a certificate that is vouched for");
    }
    wait::until("failed handshakes are counted", || {
        (gateway.metrics().sum("portcullis_tls_handshake_failures_total", &[]) >= 1.0).then_some(())
    });
}

#[test]
fn a_certificate_that_is_optional_is_still_a_good_one() {
    let authority = Certificate::authority("test");
    let gateway = with(", client_certificate: { ca: ca.pem, required: false }", &authority);
    let url = format!("https://localhost:{}/", gateway.listener(0).port());
    assert_eq!(curl(&[&url]).status, 200);
    assert_eq!(curl(&[&format!("{url}alice")]).status, 403, "without a certificate there is no name in it");
    let other = Certificate::authority("other").vouch_for("alice");
    gateway.write("other.crt", other.pem());
    gateway.write("other.key", other.key_pem());
    let file = |name: &str| gateway.folder().join(name).display().to_string();
    let said = Command::new("curl")
        .args(["--silent", "--insecure", &url, "--cert", &file("other.crt"), "--key", &file("other.key")])
        .output()
        .unwrap();
    assert!(!said.status.success());
}

#[test]
fn certificates_that_change_are_shown_without_a_connection_noticing() {
    let authority = Certificate::authority("test");
    let gateway = with("", &authority);
    let address = gateway.listener(0);
    let mut open = Client::connect_tls(address, "localhost");
    assert_eq!(open.exchange(&Request::get("/")).status, 200);
    let renewed = authority.vouch_for("renewed.example");
    gateway.write("c.crt", renewed.pem());
    wait::until("the half of a pair is not used", || gateway.log.text().contains("does not belong to").then_some(()));
    assert_eq!(Client::connect_tls(address, "localhost").server_subject(), "localhost");
    gateway.write("c.key", renewed.key_pem());
    wait::until("the new certificate is shown", || {
        (Client::connect_tls(address, "localhost").server_subject() == "renewed.example").then_some(())
    });
    assert_eq!(open.exchange(&Request::get("/")).status, 200, "the connection is the same");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("portcullis_certificate_renewals_total", &["result=\"loaded\""]), 1.0);
    assert!(metrics.sum("portcullis_certificate_expiry_timestamp_seconds", &["c.crt"]) > 1e9);
}

#[test]
fn a_reload_changes_what_is_spoken() {
    let authority = Certificate::authority("test");
    let gateway = with("", &authority);
    let address = gateway.listener(0);
    assert!(s_client(address, &["-tls1_2"]).contains("New, TLSv1.2"));
    gateway.reload(&yaml(", protocols: [TLSv1.3]"));
    assert!(s_client(address, &["-tls1_2"]).contains("New, (NONE)"));
    assert!(s_client(address, &["-tls1_3"]).contains("New, TLSv1.3"));
}

#[test]
fn an_ocsp_response_is_stapled() {
    let authority = Certificate::authority("test");
    let certificate = authority.vouch_for("localhost");
    let yaml = yaml("").replace("key: c.key", "key: c.key, ocsp: c.ocsp");
    let prepared = Gateway::prepare(&yaml)
        .file("c.crt", certificate.pem())
        .file("c.key", certificate.key_pem())
        .file("ca.pem", authority.pem())
        .file("ca.key", authority.key_pem())
        .file("index.txt", "");
    let file = |name: &str| prepared.folder().join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["ocsp", "-index", &file("index.txt"), "-CA", &file("ca.pem"), "-rsigner", &file("ca.pem")])
        .args(["-rkey", &file("ca.key"), "-issuer", &file("ca.pem"), "-cert", &file("c.crt")])
        .args(["-ndays", "1", "-respout", &file("c.ocsp")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let gateway = prepared.start();
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(gateway.listener(0), &[version, "-status"]);
        assert!(said.contains("OCSP Response Status: successful"), "{said}");
    }
}

#[test]
fn bad_files_and_ciphers_are_told_with_their_place() {
    let authority = Certificate::authority("test");
    let certificate = authority.vouch_for("localhost");
    let refused = |tls: &str| {
        let prepared = Gateway::prepare(&yaml(tls))
            .file("c.crt", certificate.pem())
            .file("c.key", certificate.key_pem())
            .file("empty.pem", "");
        let output = prepared.command(&["check", "-c", "portcullis.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    for (tls, words) in [
        (", ciphers: NONSENSE", "OpenSSL knows no cipher in \"NONSENSE\""),
        (", ciphersuites: TLS_NONSENSE", "OpenSSL knows no cipher in \"TLS_NONSENSE\""),
        (", client_certificate: { ca: empty.pem }", "this file holds no certificate in PEM"),
        (", client_certificate: { ca: missing.pem }", "cannot read "),
    ] {
        let said = refused(tls);
        assert!(said.contains(words) && said.contains("3:"), "{tls}: {said}");
    }
}
