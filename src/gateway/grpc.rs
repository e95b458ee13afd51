//! What is a refusal called where gRPC is spoken? Its clients read the status in trailers, and nothing else.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

use crate::auth::Denial;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether a request speaks gRPC.
pub fn is_grpc(request: &RequestHeader) -> bool {
    const KIND: &[u8] = b"application/grpc";
    let kind = request.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    let rest = kind.filter(|kind| kind.get(..KIND.len()).is_some_and(|start| start.eq_ignore_ascii_case(KIND)));
    rest.is_some_and(|kind| matches!(kind.get(KIND.len()), None | Some(b'+' | b';')))
}

/// An answer of trailers only, which stand where headers do.
pub fn refusal(denial: &Denial) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build(200, Some(4))?;
    head.insert_header(CONTENT_TYPE, "application/grpc")?;
    head.insert_header(GRPC_STATUS, status(denial.status).to_string())?;
    head.insert_header(GRPC_MESSAGE, denial.reason.code())?;
    head.insert_header(CACHE_CONTROL, "no-store")?;
    Ok(head)
}

/// What a status of HTTP is in gRPC.
fn status(http: u16) -> u8 {
    match http {
        400 | 413 | 431 => 3,
        401 => 16,
        403 => 7,
        404 | 405 => 12,
        408 | 504 => 4,
        429 => 8,
        502 | 503 => 14,
        500 => 13,
        _ => 2,
    }
}
