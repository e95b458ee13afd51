//! How does a test speak HTTP/2? As curl does.

use std::process::Command;

/// What curl was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The version of HTTP, as curl names it: `1.1` or `2`.
    pub version: String,
    /// The body.
    pub body: String,
}

/// Runs curl with these arguments; the URL is one of them.
pub fn curl(arguments: &[&str]) -> Answer {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--max-time", "30"])
        .args(["--write-out", "\n%{http_code} %{http_version}"])
        .args(arguments)
        .output()
        .expect("curl is there: run make test");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {arguments:?}: {complaint}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, last) = text.rsplit_once('\n').unwrap();
    let (status, version) = last.split_once(' ').unwrap();
    Answer { status: status.parse().unwrap(), version: version.to_owned(), body: body.to_owned() }
}
