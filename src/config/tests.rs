//! Are whole files read as their authors meant, and is everything wrong in one told in one run?

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::schema::{Access, Action, KeyOrigin, PathMatch};
use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// A file of ours.
fn conf(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name)
}

const FILES: [&str; 5] =
    ["auth-jwt.yaml", "auth-request.yaml", "browser-and-api.yaml", "dify.yaml", "shared-secret.yaml"];

#[test]
fn the_shared_secret_file_loads_without_a_word() {
    let loaded = load(&conf("shared-secret.yaml"), &nothing);
    assert_eq!(shown(&loaded.problems), [""; 0]);
    assert_eq!(shown(&loaded.warnings), [""; 0]);
    let config = loaded.config;
    assert_eq!(config.listeners[0].address.value, (Ipv4Addr::LOCALHOST, 8965).into());
    assert_eq!(config.admin.unwrap().port(), 9145);
    assert!(matches!(&config.keys[0].sources[0].from, KeyOrigin::Secret(secret) if secret.expose().len() == 38));
    assert_eq!(config.realms[0].keys[0].value, "app");
    assert_eq!(config.realms[0].identity_headers[0].value.value, "{claims.user_id}");
    assert_eq!(config.locations.len(), 4);
    assert!(matches!(config.locations[0].access, Access::Public));
    assert!(matches!(&config.locations[3].access, Access::Realm { name, .. } if name.value == "app"));
    assert!(matches!(&config.locations[3].action, Action::Upstream(name) if name.value == "app"));
    assert_eq!(config.locations[3].responses[0].status.value, 401);
}

#[test]
fn the_environment_fills_the_shared_secret_file() {
    let env = |name: &str| match name {
        "LISTEN" => Some("[::1]:80".to_owned()),
        "JWT_SECRET" => Some("0123".to_owned()),
        _ => None,
    };
    let loaded = load(&conf("shared-secret.yaml"), &env);
    assert_eq!(shown(&loaded.problems), [""; 0]);
    assert_eq!(loaded.config.listeners[0].address.to_string(), "[::1]:80");
    assert!(matches!(&loaded.config.keys[0].sources[0].from, KeyOrigin::Secret(secret) if secret.expose() == b"0123"));
}

#[test]
fn the_other_files_load_with_one_kind_of_warning() {
    for name in FILES {
        let loaded = load(&conf(name), &nothing);
        let warnings = shown(&loaded.warnings);
        assert!(warnings.iter().all(|warning| warning.contains("allowed_origins")), "{name}: {warnings:?}");
        assert_eq!(shown(&loaded.problems), [""; 0], "{name}");
    }
}

const BAD: &str = r#"listeners:
  - address: :80
    htp2: true
  - { address: 127.0.0.1:8443, tls: { certificates: [] } }
access_log: { to: stdout, format: jsn }
process: { shutdown_timeout: 30 }
keys:
  app: [{ secret: "${NO_SUCH_SECRET}" }, { secret: x, pem_file: y }]
realms:
  app:
    keys: app
    leeway: 1 minute
    issuer: []
    token: [bearer, { cookie: a }, bearer]
    identity_headers: { Cookie: "{claims.sub}" }
  app: { keys: app }
  late: { key: app, shadow: true }
upstreams:
  app: { servers: [127.0.0.1], retries: 11 }
forward_auth: {}
locations:
  - match: { prefix: api, path: /api }
    access: { any: [{ ip: [10.0.0.1/8] }, { realm: app, optional: true }] }
    upstream: app
  - match: { prefix: / }
    redirect: { status: 200, to: "https://x/" }
    methods: [get]
  - match: { path: /x }
    access: publik
responses:
  200: { text: x }
  502: { file: }
"#;

#[test]
fn a_dozen_problems_are_told_in_one_run_in_file_order() {
    let loaded = parse(BAD, Path::new("/etc/gate"), &nothing);
    assert_eq!(
        shown(&loaded.problems),
        [
            "2:14: listeners[0].address: \":80\" has no address: write 0.0.0.0:80 for all of IPv4, [::]:80 for all of IPv6 as well",
            "3:5: listeners[0]: unknown key \"htp2\"; did you mean \"http2\"?",
            "4:53: listeners[1].tls.certificates: the list is empty: no client could connect",
            "5:35: access_log.format: expected \"json\" or a template like '{client.ip} …', found \"jsn\"; did you mean \"json\"?",
            "6:30: process.shutdown_timeout: a duration needs a unit: write 30s for seconds or 30ms for milliseconds",
            "8:19: keys.app[0].secret: the environment has no variable NO_SUCH_SECRET; set it, or give a default: ${NO_SUCH_SECRET:-…}",
            "8:55: keys.app[1]: \"secret\" and \"pem_file\" together: exactly one of \"jwks_file\", \"pem_file\", \"jwks\", \"secret\", \"secret_file\", \"jwks_url\" or \"discovery\" is allowed",
            "12:13: realms.app.leeway: expected a duration like 250ms, 30s, 15m or 1h, found \"1 minute\"",
            "13:13: realms.app.issuer: the list is empty: no token could pass",
            "14:36: realms.app.token[2]: this stands in the list already, at 14:13",
            "15:25: realms.app.identity_headers.Cookie: \"Cookie\" cannot be set here: it carries the client's own credentials",
            "16:3: realms: duplicate key \"app\": it stands at 10:3 already",
            "17:11: realms.late: unknown key \"key\"; did you mean \"keys\"?",
            "19:20: upstreams.app.servers[0]: \"127.0.0.1\" has no port: write \"127.0.0.1:8080\"",
            "19:41: upstreams.app.retries: expected a whole number from 0 to 10, found \"11\"",
            "22:27: locations[0].match: \"prefix\" and \"path\" together: exactly one of \"path\", \"prefix\" or \"regex\" is allowed",
            "23:28: locations[0].access.any[0].ip[0]: \"10.0.0.1/8\" has bits set after its prefix; did you mean 10.0.0.0/8?",
            "23:67: locations[0].access.any[1].optional: \"optional: true\" inside \"any\" would let everybody in who shows no token",
            "25:5: locations[1]: every location says who may enter: add \"access: public\" or a realm",
            "26:25: locations[1].redirect.status: expected a redirect: 301, 302, 303, 307 or 308, found \"200\"",
            "27:15: locations[1].methods[0]: methods are upper case: write \"GET\", not \"get\"",
            "28:5: locations[2]: one of \"upstream\", \"respond\", \"redirect\" or \"echo\" is needed",
            "29:13: locations[2].access: expected \"public\" or who may enter, like { realm: NAME }, found \"publik\"; did you mean \"public\"?",
            "31:3: responses.200: expected a status from 400 to 599, found \"200\"",
            "32:14: responses.502.file: expected a file name, found nothing",
        ]
    );
}

#[test]
fn names_stay_known_whatever_is_wrong_with_what_they_name() {
    let config = parse(BAD, Path::new("/etc/gate"), &nothing).config;
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.keys[0].name.value, "app");
    let realms: Vec<_> = config.realms.iter().map(|realm| realm.name.as_str()).collect();
    assert_eq!(realms, ["app", "late"]);
    assert_eq!(config.upstreams[0].name.value, "app");
    assert!(matches!(config.locations[0].matcher.path.value, PathMatch::Broken));
    assert!(matches!(config.locations[1].access, Access::Broken));
    assert!(matches!(config.locations[1].action, Action::Broken));
    assert!(matches!(config.locations[2].access, Access::Broken));
}

#[test]
fn relative_file_names_are_relative_to_the_folder() {
    let text = "listeners: [{ address: 127.0.0.1:1 }]\nkeys: { a: [{ pem_file: a.pem }, { pem_file: /b.pem }] }\n";
    let config = parse(text, Path::new("/etc/gate"), &nothing).config;
    let files: Vec<_> = config.keys[0]
        .sources
        .iter()
        .map(|source| {
            let KeyOrigin::PemFile(file) = &source.from else { panic!("{source:?}") };
            file.path().display().to_string()
        })
        .collect();
    assert_eq!(files, ["/etc/gate/a.pem", "/b.pem"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let path = conf("no-such-file.yaml");
    let loaded = load(&path, &nothing);
    let line = loaded.problems[0].in_file(&path).to_string();
    assert!(line.contains("no-such-file.yaml: cannot be read: "), "{line}");
}

#[test]
fn no_secret_is_in_a_problem_or_in_debug() {
    for source in [
        "{ secret: hunter2, encoding: hex }",
        "{ secret: [hunter2] }",
        "{ secret: { hunter2: } }",
        "{ secret: hunter2 ${ }",
        "{ secret: \"hunter2${\" }",
        "{secret:hunter2}",
        "{ secret: hunter2 }",
        "{ jwks: { kty: oct, k: hunter2 } }",
        "{ jwks: hunter2 }",
        "{ jwks: { k: .inf, x: hunter2 } }",
        "secret:hunter2",
    ] {
        let text = format!("listeners: [{{ address: 127.0.0.1:1 }}]\nkeys: {{ a: [{source}] }}\n");
        let loaded = parse(&text, Path::new(""), &nothing);
        assert!(!format!("{loaded:?}").contains("hunter2"), "{source}: {loaded:?}");
    }
}

/// Not random: what fails once fails always.
fn never_panics(mutate: impl Fn(&str, usize, char) -> String) {
    for name in FILES {
        let text = std::fs::read_to_string(conf(name)).unwrap();
        for (start, character) in text.char_indices() {
            let mutated = mutate(&text, start, character);
            let loaded = parse(&mutated, Path::new(""), &nothing);
            assert!(loaded.problems.iter().all(|problem| problem.place.line > 0 && problem.place.column > 0));
        }
    }
}

#[test]
fn no_truncated_file_panics() {
    never_panics(|text, start, _| text[..start].to_owned());
}

#[test]
fn no_file_with_a_strange_character_panics() {
    const STRANGE: [char; 16] =
        ['{', '}', '[', ']', ':', '-', '"', '\'', '\n', '\t', '&', '*', '$', '\0', 'é', '\u{feff}'];
    never_panics(|text, start, character| {
        let strange = STRANGE[start % STRANGE.len()];
        format!("{}{strange}{}", &text[..start], &text[start + character.len_utf8()..])
    });
}

#[test]
fn no_file_that_lacks_a_character_panics() {
    never_panics(|text, start, character| format!("{}{}", &text[..start], &text[start + character.len_utf8()..]));
}
