//! What is a failure called that Pingora tells us of?

use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_http::ResponseHeader;

use crate::auth::Reason;

/// Every server of the upstream is known to be down.
pub const ALL_DOWN: ErrorType = ErrorType::Custom("all_down");
/// An answer outlived the token that opened it.
pub const TOKEN_ENDED: ErrorType = ErrorType::Custom("token_ended");
/// A body that was not announced and is larger than `limits.body_size`.
pub const BODY_TOO_LARGE: ErrorType = ErrorType::Custom("body_too_large");

/// Whether a head is the answer, and not a word before it (RFC 9110 §15.2). 101 is the last of its kind.
pub fn is_final(head: &ResponseHeader) -> bool {
    !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS
}

/// What a failure is called.
pub fn reason_of(error: &Error) -> Reason {
    match (error.esource(), error.etype()) {
        (_, ErrorType::Custom("body_too_large")) => Reason::BodyTooLarge,
        (_, ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout) => Reason::UpstreamTimeout,
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Reason::UpstreamTimeout,
        (ErrorSource::Upstream, _) => Reason::UpstreamUnavailable,
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Reason::RequestTimeout,
        (ErrorSource::Downstream, _) => Reason::RequestMalformed,
        (ErrorSource::Internal | ErrorSource::Unset, _) => Reason::InternalError,
    }
}
