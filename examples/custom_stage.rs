//! A gateway with a condition of its own: a caller reaches only the tenant that the token names.
//!
//! The configuration says `access: [ { realm: app }, { stage: same_tenant } ]`. Run it as you would run `portcullis`:
//! `cargo run --example custom_stage -- run -c conf/custom-stage.yaml`.

use std::process::ExitCode;

use async_trait::async_trait;
use portcullis::Gateway;
use portcullis::auth::stage::{Authorizer, StageRequest, StageVerdict};
use portcullis::jose::Json;

/// `/tenants/NAME/…` is for callers whose token says `"tenant": "NAME"`.
struct SameTenant;

#[async_trait]
impl Authorizer for SameTenant {
    async fn authorize(&self, request: &StageRequest) -> StageVerdict {
        let asked_for = request.path.strip_prefix("/tenants/").and_then(|rest| rest.split('/').next());
        let own = request.identity.as_ref().and_then(|caller| caller.claims().member("tenant")).and_then(Json::as_str);
        match (asked_for, own) {
            (Some(asked_for), Some(own)) if asked_for == own => StageVerdict::Admit,
            _ => StageVerdict::Forbid,
        }
    }
}

fn main() -> ExitCode {
    Gateway::builder().authorizer("same_tenant", SameTenant).main()
}
