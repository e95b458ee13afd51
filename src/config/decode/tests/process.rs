//! Are `admin`, `access_log` and `process` read as the contract says?

use std::time::Duration;

use super::super::super::schema::{LogFormat, LogTarget};
use super::{good, loaded, refused};

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = good("");
    assert!(config.admin.is_none());
    assert_eq!((config.access_log.to, config.access_log.format), (LogTarget::Stdout, LogFormat::Json));
    assert_eq!((config.process.threads, config.process.shutdown_timeout), (0, Duration::from_secs(30)));
}

#[test]
fn what_is_written_counts() {
    let config = good(
        "admin: { address: '127.0.0.1:9145' }\naccess_log: { to: off, format: '{client.ip}' }\n\
         process: { threads: 4, shutdown_timeout: 1m }\n",
    );
    assert_eq!(config.admin.unwrap().port(), 9145);
    assert_eq!(config.access_log.to, LogTarget::Off);
    assert!(matches!(config.access_log.format, LogFormat::Template(text) if text.value == "{client.ip}"));
    assert_eq!((config.process.threads, config.process.shutdown_timeout), (4, Duration::from_secs(60)));
    assert_eq!(good("access_log: { to: stderr }").access_log.to, LogTarget::Stderr);
    let file = good("access_log: { to: logs/access.log }").access_log.to;
    assert!(matches!(file, LogTarget::File(file) if file.display().to_string() == "/etc/gate/logs/access.log"));
}

#[test]
fn a_log_file_that_looks_like_a_slip_is_warned_about() {
    assert!(loaded("access_log: { to: stdot }").warnings[0].text.contains("did you mean \"stdout\"?"));
}

/// What is written, how the problem begins, and words in it.
const THE_PROCESS_RULES: &[(&str, &str, &str)] = &[
    ("admin: {}", "admin: \"address\" is missing", ""),
    ("admin: { address: ':9145' }", "admin.address: ", "has no address"),
    ("access_log: { format: text }", "access_log.format: ", "a template"),
    ("process: { threads: -1 }", "process.threads: ", "from 0 to 1024"),
    ("process: { threads: 2000000 }", "process.threads: ", "from 0 to 1024"),
    ("process: { shutdown_timeout: 30 }", "process.shutdown_timeout: ", "write 30s"),
    ("process: { upgrade_socket: '' }", "process.upgrade_socket: ", "found empty text"),
    ("process: { thread: 3 }", "process: unknown key \"thread\"; did you mean \"threads\"?", ""),
];

#[test]
fn each_rule_of_the_process() {
    for (text, start, words) in THE_PROCESS_RULES {
        refused(text, start, words);
    }
}
