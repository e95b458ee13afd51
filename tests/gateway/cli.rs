//! Does the command line do what it says? Exit codes, every problem at once, the demo, keys and tokens.

use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::harness::gateway::{PLAIN, Prepared, binary};
use crate::harness::log::Log;
use crate::harness::{Gateway, Request};

/// A good configuration.
fn good() -> Prepared {
    let yaml = format!("{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, echo: true }}]\n");
    Gateway::prepare(&yaml)
}

const BAD: &str = r#"
listeners: [{ address: "127.0.0.1:0", adress: x }]
keys: { site: [{ jwks_file: lost.json }] }
realms:
  dify: { keys: stie, require: ["claims.role =="], identity_headers: { Host: "{claims.sub}" } }
upstreams: { up: { servers: [] } }
locations:
  - { match: { prefix: / }, access: { realm: dfiy }, upstream: up }
  - { match: { prefix: /x, path: /y }, access: public, upstream: pu }
  - { match: { prefix: /z }, upstream: up }
"#;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_and_t_accept_a_good_configuration() {
    let prepared = good();
    for arguments in [["check", "-c", "portcullis.yaml"], ["-t", "-c", "portcullis.yaml"]] {
        let output = prepared.command(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
    }
}

#[test]
fn check_t_and_run_tell_every_problem_at_once_with_its_place() {
    let prepared = Gateway::prepare(BAD);
    let check = ["check", "-c", "portcullis.yaml"];
    for arguments in [check, ["-t", "-c", "portcullis.yaml"], ["run", "-c", "portcullis.yaml"]] {
        let output = prepared.command(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = complaints(&output);
        for problem in [
            "adress",
            "lost.json",
            "stie",
            "did you mean \"site\"",
            "require[0]",
            "Host",
            "servers",
            "dfiy",
            "did you mean \"dify\"",
            "locations[1].match",
            "\"pu\"",
            "locations[2]",
            "access",
        ] {
            assert!(told.contains(problem), "{problem} is not in\n{told}");
        }
        // Line and column, as compilers write them.
        assert!(told.contains("portcullis.yaml:2:") && told.contains("portcullis.yaml:8:"), "{told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_bad_configuration() {
    let prepared = good();
    for command in ["check", "run", "explain"] {
        let output = prepared.command(&[command, "-c", "nowhere.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(complaints(&output).contains("nowhere.yaml"), "{command}");
    }
}

#[test]
fn check_tells_no_secret() {
    let secret = "tell-nobody-this-secret-of-the-site";
    let yaml = format!(
        "{PLAIN}keys: {{ site: [{{ secret: {secret}, encoding: hex }}, {{ secert: {secret} }}] }}\nlocations: 5\n"
    );
    let output = Gateway::prepare(&yaml).command(&["check", "-c", "portcullis.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!(complaints(&output) + &out(&output)).contains(secret), "{}", complaints(&output));
}

/// The demo, until it is dropped.
struct Demo {
    child: Child,
    shown: Log,
    _folder: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        // An address of this test alone: the lines must name a port before it is bound.
        static DEMOS: AtomicU8 = AtomicU8::new(1);
        let (pid, demo) = (std::process::id(), DEMOS.fetch_add(1, Ordering::Relaxed));
        let own = format!("127.{}.{}.{demo}", 100 + pid / 250 % 100, 1 + pid % 250);
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(binary())
            .env("TMPDIR", folder.path())
            .args(["demo", "--listen", &format!("{own}:18080"), "--admin", &format!("{own}:19145")])
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = Log::of(child.stdout.take().unwrap());
        let log = Log::of(child.stderr.take().unwrap());
        let ready = log.find(0, "`ready`", |line| line.ends_with(" ready").then_some(()));
        assert!(ready.is_some(), "{}", log.text());
        Self { child, shown, _folder: folder }
    }

    fn lines_to_paste(&self) -> Vec<String> {
        let lines = self.shown.lines().into_iter();
        lines.filter(|line| line.starts_with("curl ")).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_line_of_the_demo_works_when_it_is_pasted() {
    let demo = Demo::start();
    let lines = demo.lines_to_paste();
    let answers: Vec<String> = lines.iter().map(|line| pasted(line)).collect();
    let [no_token, alice, spoofed, expired, metrics] = answers.as_slice() else { panic!("{lines:?}") };
    assert!(no_token.starts_with("HTTP/1.1 401") && no_token.contains("token_missing"), "{no_token}");
    assert!(alice.starts_with("HTTP/1.1 200") && alice.contains("\"x-user-id\": \"alice\""), "{alice}");
    assert!(spoofed.starts_with("HTTP/1.1 200") && !spoofed.contains("root"), "{spoofed}");
    assert!(expired.starts_with("HTTP/1.1 401") && expired.contains("token_expired"), "{expired}");
    assert!(metrics.contains("portcullis_requests_total"), "{metrics}");
}

#[test]
fn the_demo_leaves_no_key_behind() {
    let mut demo = Demo::start();
    let file = demo.shown.find(0, "of the configuration", |line| {
        let place = line.strip_prefix("The configuration is ")?.split(';').next()?;
        Some(std::path::PathBuf::from(place))
    });
    let file = file.unwrap();
    assert!(file.exists());
    let sent = Command::new("kill").args(["-INT", &demo.child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    assert!(!file.exists(), "{} is left behind", file.display());
}

fn pasted(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", complaints(&output));
    out(&output)
}

#[test]
fn token_key_mint_and_show_work_together_with_the_gateway() {
    for algorithm in ["ES256", "ES384", "EdDSA", "RS256", "PS512", "HS256"] {
        let symmetric = algorithm.starts_with("HS");
        let source = if symmetric { "secret_file: private.key" } else { "jwks_file: public.jwks" };
        let prepared = Gateway::prepare(&format!(
            "{PLAIN}keys: {{ site: [{{ {source} }}] }}\nrealms: {{ site: {{ keys: site, required_claims: [sub, exp] }} }}\n\
             locations: [{{ match: {{ prefix: / }}, access: {{ realm: site }}, respond: {{ status: 200, text: in }} }}]\n"
        ));
        let key = prepared.command(&["token", "key", "--algorithm", algorithm, "--kid", "k1"]);
        assert!(key.status.success(), "{algorithm}: {}", complaints(&key));
        let again = prepared.command(&["token", "key", "--algorithm", algorithm]);
        assert!(!again.status.success(), "a private key is never overwritten");
        let mut mint = vec!["token", "mint", "--algorithm", algorithm, "--claim", "sub=alice", "--claim", "n=5"];
        if !symmetric {
            mint.extend(["--kid", "k1"]);
        }
        let minted = prepared.command(&mint);
        assert!(minted.status.success(), "{algorithm}: {}", complaints(&minted));
        let token = out(&minted).trim().to_owned();
        let shown = out(&prepared.command(&["token", "show", &token]));
        for word in [algorithm, "alice", "sub", "exp"] {
            assert!(shown.contains(word), "{word} is not in {shown}");
        }
        let gateway = prepared.start();
        let answer = gateway.send(&Request::get("/").bearer(&token));
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
    }
}

#[cfg(unix)]
#[test]
fn a_private_key_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let prepared = good();
    assert!(prepared.command(&["token", "key"]).status.success());
    let mode = std::fs::metadata(prepared.folder().join("private.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn help_names_every_command_and_nonsense_is_2() {
    let prepared = good();
    for arguments in [vec!["--help"], vec!["-h"]] {
        let output = prepared.command(&arguments);
        assert_eq!(output.status.code(), Some(0));
        for word in ["run", "check", "explain", "demo", "token", "-t"] {
            assert!(out(&output).contains(word), "{word}");
        }
    }
    for command in ["run", "check", "explain", "demo", "token"] {
        assert_eq!(prepared.command(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
    assert!(out(&prepared.command(&["--version"])).starts_with("portcullis "));
    for arguments in [vec![], vec!["fly"], vec!["run"], vec!["run", "--fast"], vec!["-c", "portcullis.yaml"]] {
        assert_eq!(prepared.command(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}
