//! Is each section read as the contract says, and is each of its rules kept?

use std::path::Path;

use super::super::{Loaded, parse};

mod access;
mod forward_auth;
mod keys;
mod listeners;
mod locations;
mod process;
mod realms;
mod upstreams;

const LISTENERS: &str =
    "listeners: [{ address: 127.0.0.1:8080 }]\nlocations: [{ match: { prefix: / }, access: public, echo: true }]\n";

/// The file `text`, with a listener and a location if it has none of its own.
fn loaded(text: &str) -> Loaded {
    let whole: String = LISTENERS
        .lines()
        .filter(|line| !text.contains(line.split(' ').next().unwrap()))
        .map(|line| format!("{line}\n"))
        .chain([text.to_owned()])
        .collect();
    parse(&whole, Path::new("/etc/gate"), &|_| None)
}

/// What `text` says, which has no problem.
fn good(text: &str) -> super::Config {
    let loaded = loaded(text);
    assert_eq!(told(&loaded), [""; 0], "{text}");
    loaded.config
}

/// The problems without line and column: `realms.app: "keys" is missing`.
fn told(loaded: &Loaded) -> Vec<String> {
    let told = |problem: &super::super::Problem| {
        let path = &problem.place.path;
        if path.is_empty() { problem.text.clone() } else { format!("{path}: {}", problem.text) }
    };
    loaded.problems.iter().map(told).collect()
}

/// `text` has exactly one problem, which begins with `start` and contains `words`.
fn refused(text: &str, start: &str, words: &str) {
    let told = told(&loaded(text));
    assert!(told.len() == 1 && told[0].starts_with(start) && told[0].contains(words), "{text}: {told:#?}");
}

#[test]
fn a_listener_is_required() {
    let told = told(&parse("realms: {}", Path::new(""), &|_| None));
    assert_eq!(told, ["at least one listener is required: add \"listeners\""]);
    refused("listeners: []", "listeners: ", "at least one listener is required");
    refused("listener: []\nlisteners: [{ address: 127.0.0.1:1 }]", "unknown key \"listener\"; did you mean", "");
    let misspelt = told_of("listners: []\n");
    assert_eq!(misspelt, ["unknown key \"listners\"; did you mean \"listeners\"?"]);
}

fn told_of(text: &str) -> Vec<String> {
    told(&parse(text, Path::new(""), &|_| None))
}

#[test]
fn a_file_that_serves_nothing_is_warned_about() {
    for text in ["", "locations: []\n"] {
        let whole = format!("listeners: [{{ address: 127.0.0.1:1 }}]\n{text}");
        let loaded = parse(&whole, Path::new(""), &|_| None);
        assert_eq!(told(&loaded), [""; 0]);
        assert!(loaded.warnings[0].text.contains("answered 404"));
    }
    let redirect = "listeners: [{ address: 127.0.0.1:1, redirect_to_https: 301 }]";
    assert_eq!(parse(redirect, Path::new(""), &|_| None).warnings, []);
}

#[test]
fn a_file_is_a_mapping() {
    assert_eq!(told_of("[a]"), ["expected a mapping (\"key: value\"), found a list"]);
    assert_eq!(told_of("a"), ["expected a mapping (\"key: value\"), found text"]);
}

#[test]
fn nothing_is_told_where_a_value_is_needed() {
    for text in ["realms:", "realms: ~", "keys: null", "upstreams:", "admin:", "process:", "responses:", "locations:"] {
        let section = text.split(':').next().unwrap();
        refused(&format!("{text}\n"), &format!("{section}: expected "), "found nothing");
    }
}

#[test]
fn a_template_without_quotes_is_recognised() {
    let realm = "realms: { app: { keys: a, identity_headers: { X-User-ID: {claims.sub} } } }";
    refused(realm, "realms.app.identity_headers.X-User-ID: ", "must be in quotes");
}
