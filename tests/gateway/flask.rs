//! Does the shared configuration run unchanged before a real Flask application? The five requests of the main job.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::harness::log::Log;
use crate::harness::tools::{crate_folder, fixture, tool};
use crate::harness::{Gateway, Request, Response};

/// `{"user_id": 656670838050885}`, signed with the secret that stands in the configuration as default.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo2NTY2NzA4MzgwNTA4ODV9.\
                     caQ6cp-BA-OMxXu4zTUjV0OiZo1iygvdi7GPQNjNVHM";

/// A Flask application that runs, until it is dropped.
struct Application {
    child: Child,
    address: SocketAddr,
}

impl Application {
    fn start() -> Self {
        let mut child = Command::new(tool("venv/bin/python"))
            .arg(fixture("flask_app.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = Log::of(child.stderr.take().unwrap());
        let address = Log::of(child.stdout.take().unwrap())
            .find(0, "of its address", |line| line.strip_prefix("listening on ")?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("Flask did not start: {}", complaints.to_end()));
        Self { child, address }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn before(application: &Application) -> Gateway {
    let yaml = std::fs::read_to_string(crate_folder().join("conf/shared-secret.yaml")).unwrap();
    Gateway::prepare(&yaml)
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN", "127.0.0.1:0")
        .env("UPSTREAM", application.address)
        .start()
}

fn with_token(gateway: &Gateway, path: &str) -> Response {
    gateway.send(&Request::get(path).bearer(TOKEN))
}

fn without_token(gateway: &Gateway, path: &str) -> Response {
    gateway.send(&Request::get(path))
}

#[test]
fn the_five_requests_of_the_main_job() {
    let application = Application::start();
    let gateway = before(&application);

    let hello = with_token(&gateway, "/api/hello");
    assert_eq!(hello.status, 200);
    assert_eq!(hello.json()["user_id"], "656670838050885");

    assert_eq!(with_token(&gateway, "/api/public/hello").status, 200);
    assert_eq!(without_token(&gateway, "/api/public/hello").status, 200);

    let login = with_token(&gateway, "/api/login");
    assert_eq!(login.status, 404);
    assert_eq!(login.json()["error"], "the application knows no such page");

    let refused = without_token(&gateway, "/api/hello");
    assert_eq!((refused.status, refused.text().as_str()), (401, "Unauthorized"));
    assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
}

#[test]
fn flask_hears_of_no_user_that_the_client_made_up() {
    let application = Application::start();
    let gateway = before(&application);
    for spelling in ["X-User-ID", "x_user_id", "X_USER_ID", "X-User_ID"] {
        let spoofed = gateway.send(&Request::get("/api/public/hello").header(spelling, "1"));
        assert_eq!(spoofed.json()["user_id"], serde_json::Value::Null, "{spelling}");
        let verified = gateway.send(&Request::get("/api/hello").header(spelling, "1").bearer(TOKEN));
        assert_eq!(verified.json()["user_id"], "656670838050885", "{spelling}");
    }
}
