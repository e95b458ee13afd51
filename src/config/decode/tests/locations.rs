//! Are locations and the gateway's own answers read as the contract says?

use http::Method;

use super::super::super::schema::{Action, Content, EncodedSlash, Location, PathMatch};
use super::{good, loaded, refused};
use crate::config::schema::Coding;

fn file(location: &str) -> String {
    format!("locations: [{{ {location} }}]\n")
}

fn location(text: &str) -> Location {
    good(&file(text)).locations.remove(0)
}

fn action(text: &str) -> Action {
    location(&format!("match: {{ prefix: / }}, access: public, {text}")).action
}

#[test]
fn matches_are_read() {
    let location = location(
        "match: { host: [A.example.com, '*.example.com'], listener: plain, regex: '^/u', methods: [GET] }, \
         access: public, methods: [GET, PURGE], upstream: app",
    );
    let hosts: Vec<_> = location.matcher.hosts.iter().map(|host| host.to_string()).collect();
    assert_eq!(hosts, ["a.example.com", "*.example.com"]);
    assert_eq!(location.matcher.listener.unwrap().value, "plain");
    assert_eq!(location.matcher.path.value, PathMatch::Regex("^/u".to_owned()));
    assert_eq!(location.matcher.methods.unwrap(), [Method::GET]);
    assert_eq!(location.methods.unwrap().len(), 2);
    assert!(matches!(location.action, Action::Upstream(name) if name.value == "app"));
}

#[test]
fn edits_of_a_location_are_read() {
    let location = location(
        "match: { prefix: /a }, access: public, upstream: app, replace_prefix: /, encoded_slash: keep, \
         identity_headers: { X-Team: t }, request_headers: { X-Env: prod, Cookie: '' }, response_headers: { X-A: b }",
    );
    assert_eq!((location.replace_prefix.unwrap().as_str(), location.encoded_slash), ("/", EncodedSlash::Keep));
    assert_eq!(location.identity_headers[0].name.value, "x-team");
    let edits: Vec<_> = location.request_headers.iter().map(|edit| (edit.name.as_str(), edit.value.as_str())).collect();
    assert_eq!(edits, [("x-env", "prod"), ("cookie", "")]);
    assert_eq!(location.response_headers.len(), 1);
}

#[test]
fn answers_have_the_media_type_of_their_form() {
    for (text, status, media_type, body) in [
        (
            "respond: { json: { ok: true, n: 656670838050885 } }",
            200,
            "application/json",
            r#"{"ok":true,"n":656670838050885}"#,
        ),
        ("respond: { status: 404, text: no }", 404, "text/plain; charset=utf-8", "no"),
        ("respond: { text: '' }", 200, "text/plain; charset=utf-8", ""),
        ("respond: { html: <p> }", 200, "text/html; charset=utf-8", "<p>"),
        ("respond: { text: x, type: text/css }", 200, "text/css", "x"),
        ("respond: { json: [a, 1] }", 200, "application/json", r#"["a",1]"#),
        ("respond: { json: ~ }", 200, "application/json", "null"),
    ] {
        let Action::Respond(respond) = action(text) else { panic!("{text}") };
        assert_eq!((respond.status, respond.body.media_type.as_str()), (status, media_type), "{text}");
        assert!(matches!(respond.body.content, Content::Text(written) if written == body), "{text}");
    }
    let Action::Respond(respond) = action("respond: { file: errors/502.HTML }") else { panic!() };
    assert_eq!(respond.body.media_type, "text/html; charset=utf-8");
    assert!(matches!(respond.body.content, Content::File(file) if file.ends_with("gate/errors/502.HTML")));
}

#[test]
fn the_other_actions_are_read() {
    assert!(matches!(action("echo: true"), Action::Echo));
    assert!(matches!(action("respond: { status: 200, echo: true }"), Action::Echo));
    assert!(matches!(action("redirect: { to: /x }"), Action::Redirect { status: 302, to } if to.value == "/x"));
    assert!(matches!(action("redirect: { status: 308, to: /x }"), Action::Redirect { status: 308, .. }));
}

#[test]
fn custom_answers_are_read_by_status() {
    let config = good("responses: { 401: { json: { error: no } }, 502: { file: e.txt } }");
    let statuses: Vec<_> = config.responses.iter().map(|response| response.status.value).collect();
    assert_eq!(statuses, [401, 502]);
    assert_eq!(config.responses[1].body.as_ref().unwrap().media_type, "text/plain; charset=utf-8");
    let config = good("responses: { 401: { browser: { redirect: /login } } }");
    assert!(config.responses[0].body.is_none());
    assert_eq!(config.responses[0].browser.as_ref().unwrap().value, "/login");
    let inner = location("match: { path: / }, access: public, echo: true, responses: { 403: { text: x } }");
    assert_eq!(inner.responses[0].status.value, 403);
}

/// What is written, how the problem begins, and words in it.
const ACTIONS_RULES: &[(&str, &str, &str)] = &[
    ("methods: [GET]", ": one of \"upstream\", \"respond\", \"redirect\" or \"echo\" is needed", ""),
    ("upstream: a, echo: true", ": \"upstream\" and \"echo\" together", ""),
    ("upstrem: a", ": unknown key \"upstrem\"; did you mean \"upstream\"?", ""),
    ("echo: false", ".echo: ", "only be true"),
    ("respond: { status: 200 }", ".respond: one of", "is needed"),
    ("respond: { status: 199, text: x }", ".respond.status: ", "from 200 to 599"),
    ("respond: { status: 404, echo: true }", ".respond.status: ", "from 200 to 200"),
    ("respond: { text: x, html: y }", ".respond: \"text\" and \"html\" together", ""),
    ("respond: { text: x, type: plain }", ".respond.type: expected a media type", ""),
    ("respond: { text: }", ".respond.text: expected text", "found nothing"),
    ("redirect: { status: 304, to: x }", ".redirect.status: expected a redirect", ""),
    ("redirect: { status: 301 }", ".redirect: \"to\" is missing", ""),
    ("echo: true, methods: []", ".methods: the list is empty", ""),
    ("echo: true, methods: [get]", ".methods[0]: ", "write \"GET\""),
    ("echo: true, methods: [GET, GET]", ".methods[1]: ", "already"),
    ("echo: true, replace_prefix: x", ".replace_prefix: a path begins", ""),
    ("echo: true, encoded_slash: decode", ".encoded_slash: expected \"keep\" or \"refuse\"", ""),
    ("echo: true, request_headers: { Host: x }", ".request_headers.Host: ", "cannot be set"),
    ("echo: true, response_headers: { Content-Length: 1 }", ".response_headers.Content-Length: ", "cannot be set"),
    ("echo: true, request_headers: { X-A: }", ".request_headers.X-A: ", "\"\" for empty text"),
    ("echo: true, responses: { 200: { text: x } }", ".responses.200: expected a status from 400 to 599", ""),
    ("echo: true, responses: { 401: {} }", ".responses.401: one of", "is needed"),
    ("echo: true, responses: { 401: { browser: {} } }", ".responses.401.browser: \"redirect\" is missing", ""),
    ("echo: true, responses: { 401: { text: x, status: 402 } }", ".responses.401: unknown key \"status\"", ""),
];

#[test]
fn each_rule_of_actions() {
    for (text, start, words) in ACTIONS_RULES {
        let text = format!("match: {{ prefix: / }}, access: public, {text}");
        refused(&file(&text), &format!("locations[0]{start}"), words);
    }
}

/// What is written, how the problem begins, and words in it.
const MATCHES_RULES: &[(&str, &str, &str)] = &[
    ("{}", ": one of \"path\", \"prefix\" or \"regex\" is needed", ""),
    ("{ prefix: /, path: / }", ": \"prefix\" and \"path\" together", ""),
    ("{ prefix: api }", ".prefix: a path begins with", ""),
    ("{ path: '/a?b=c' }", ".path: ", "can never match"),
    ("{ regex: '' }", ".regex: ", "empty text"),
    ("{ prefix: /, host: [] }", ".host: the list is empty", ""),
    ("{ prefix: /, host: '*' }", ".host: ", "leave \"host\" out"),
    ("{ prefix: /, host: 'a:80' }", ".host: ", "has a port"),
    ("{ prefix: /, host: [a, A] }", ".host[1]: ", "already"),
    ("{ prefix: /, methods: [] }", ".methods: the list is empty", ""),
    ("{ prefx: / }", ": unknown key \"prefx\"; did you mean \"prefix\"?", ""),
];

#[test]
fn each_rule_of_matches() {
    for (text, start, words) in MATCHES_RULES {
        let text = format!("match: {text}, access: public, echo: true");
        refused(&file(&text), &format!("locations[0].match{start}"), words);
    }
    refused(&file("access: public, echo: true"), "locations[0]: \"match\" is missing", "");
    let regex = "match: { regex: x }, access: public, echo: true, replace_prefix: /";
    refused(&file(regex), "locations[0].replace_prefix: ", "needs a match by \"prefix\"");
}

#[test]
fn every_location_says_who_may_enter() {
    refused(&file("match: { prefix: / }, echo: true"), "locations[0]: every location says who may enter", "");
}

#[test]
fn codings_are_a_list_or_off() {
    let codings = |text: &str| {
        let config = good(&file(&format!("match: {{ prefix: / }}, access: public, echo: true, compress: {text}")));
        config.locations[0].compress.clone()
    };
    assert_eq!(codings("[zstd, br, gzip]"), [Coding::Zstd, Coding::Brotli, Coding::Gzip]);
    assert!(codings("off").is_empty());
    for (text, words) in [("[]", "write \"off\""), ("[deflate]", "found \"deflate\""), ("gzip", "a list")] {
        let text = file(&format!("match: {{ prefix: / }}, access: public, echo: true, compress: {text}"));
        refused(&text, "locations[0].compress", words);
    }
}

#[test]
fn a_method_that_looks_like_a_slip_is_warned_about() {
    let loaded = loaded(&file("match: { prefix: / }, access: public, echo: true, methods: [POTS]"));
    assert!(loaded.warnings[0].text.contains("did you mean \"POST\"?"));
}
