//! Does a stage of a program of somebody else's decide, and only that?

use serde_json::json;

use crate::harness::issuer::now;
use crate::harness::tools::crate_folder;
use crate::harness::{Gateway, Issuer, Request};

/// The example, with the keys of this issuer.
fn example(issuer: &Issuer) -> crate::harness::gateway::Prepared {
    let yaml = std::fs::read_to_string(crate_folder().join("conf/custom-stage.yaml")).unwrap();
    let prepared = Gateway::prepare(&yaml).example("custom_stage");
    prepared.env("LISTEN", "127.0.0.1:0").env("ADMIN", "127.0.0.1:0").env("JWT_SECRET", &issuer.private)
}

fn of_tenant(issuer: &Issuer, tenant: &str) -> String {
    issuer.token(&json!({ "sub": "alice", "tenant": tenant, "exp": now() + 600 }))
}

#[test]
fn the_example_lets_each_caller_into_its_own_tenant() {
    let issuer = Issuer::of("HS256");
    let gateway = example(&issuer).start();
    let red = of_tenant(&issuer, "red");
    let own = gateway.send(&Request::get("/tenants/red/x").bearer(&red));
    assert_eq!((own.status, &own.json()["headers"]["x-user-id"]), (200, &json!("alice")));
    for other in ["/tenants/blue", "/tenants/", "/tenants/red%2e%2e/blue"] {
        let told = gateway.send(&Request::get(other).bearer(&red));
        assert_eq!((told.status, gateway.reason_of(&told).as_str()), (403, "stage_denied"), "{other}");
    }
    let nobody = gateway.send(&Request::get("/tenants/red"));
    assert_eq!((nobody.status, gateway.reason_of(&nobody).as_str()), (401, "token_missing"), "the realm comes first");
    assert!(gateway.reload(&std::fs::read_to_string(gateway.folder().join("portcullis.yaml")).unwrap()).taken);
    assert_eq!(gateway.send(&Request::get("/tenants/red").bearer(&red)).status, 200, "after a reload");
}

#[test]
fn explain_and_check_know_the_stages_of_the_program() {
    let issuer = Issuer::of("HS256");
    let prepared = example(&issuer);
    assert!(prepared.command(&["check", "-c", "portcullis.yaml"]).status.success());
    let token = of_tenant(&issuer, "red");
    let explained =
        prepared.command(&["explain", "-c", "portcullis.yaml", "--token", &token, "--url", "/tenants/blue"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert_eq!(explained.status.code(), Some(1), "{text}");
    assert!(text.contains("same_tenant says that it may not"), "{text}");
}

#[test]
fn a_stage_that_nobody_registered_is_a_problem_and_no_open_door() {
    let yaml = std::fs::read_to_string(crate_folder().join("conf/custom-stage.yaml")).unwrap();
    let refused = Gateway::prepare(&yaml).command(&["check", "-c", "portcullis.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("locations[0].access[1].stage: no stage \"same_tenant\" is registered"), "{told}");
}
