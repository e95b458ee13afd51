//! Does the shared configuration run unchanged before a real Flask application? The five requests of the main job.

use crate::harness::application::Application;
use crate::harness::tools::crate_folder;
use crate::harness::{Gateway, Request, Response};

/// `{"user_id": 656670838050885}`, signed with the secret that stands in the configuration as default.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo2NTY2NzA4MzgwNTA4ODV9.\
                     caQ6cp-BA-OMxXu4zTUjV0OiZo1iygvdi7GPQNjNVHM";

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
    let application = Application::of("flask_app.py");
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
fn the_five_requests_of_the_main_job_with_a_verifier_service() {
    let (application, verifier) = (Application::of("flask_app.py"), Application::of("flask_verifier.py"));
    let yaml = std::fs::read_to_string(crate_folder().join("conf/auth-request.yaml")).unwrap();
    let gateway = Gateway::prepare(&yaml)
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN", "127.0.0.1:0")
        .env("VERIFIER", format!("http://{}/api/auth/verify", verifier.address))
        .env("UPSTREAM", application.address)
        .start();
    let hello = with_token(&gateway, "/api/hello?lang=en&x=%20");
    assert_eq!((hello.status, &hello.json()["user_id"]), (200, &"656670838050885".into()));
    assert_eq!(with_token(&gateway, "/api/public/hello").status, 200);
    assert_eq!(without_token(&gateway, "/api/public/hello").status, 200);
    assert_eq!(with_token(&gateway, "/api/login").status, 404, "the application knows no such page");
    let refused = without_token(&gateway, "/api/hello");
    assert_eq!((refused.status, refused.text().as_str()), (401, "Unauthorized"));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let forged = gateway.send(&Request::get("/api/public/hello").header("X-User-ID", "1"));
    assert_eq!((forged.status, &forged.json()["user_id"]), (200, &serde_json::Value::Null));

    let posted = gateway.send(&Request::post("/api/hello", "a body").bearer(TOKEN));
    assert_eq!(posted.status, 405, "the application's own answer");
    let seen = crate::harness::Client::connect(verifier.address).exchange(&Request::get("/seen")).json();
    assert_eq!(seen[0], serde_json::json!({ "uri": "/api/hello?lang=en&x=%20", "method": "GET", "body": 0 }));
    let last = seen.as_array().unwrap().last().unwrap();
    assert_eq!(*last, serde_json::json!({ "uri": "/api/hello", "method": "POST", "body": 0 }));
}

#[test]
fn flask_hears_of_no_user_that_the_client_made_up() {
    let application = Application::of("flask_app.py");
    let gateway = before(&application);
    for spelling in ["X-User-ID", "x_user_id", "X_USER_ID", "X-User_ID"] {
        let spoofed = gateway.send(&Request::get("/api/public/hello").header(spelling, "1"));
        assert_eq!(spoofed.json()["user_id"], serde_json::Value::Null, "{spelling}");
        let verified = gateway.send(&Request::get("/api/hello").header(spelling, "1").bearer(TOKEN));
        assert_eq!(verified.json()["user_id"], "656670838050885", "{spelling}");
    }
}
