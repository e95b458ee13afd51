//! What does the protected header of a token say, whatever kind of token it is? (RFC 7515 §4, RFC 7516 §4.)

use super::base64url;
use super::error::TokenError;
use super::json::Json;

/// Octets of a decoded header.
const MAX_HEADER: usize = 8 * 1024;
/// The same in base64url: 4 characters for 3 octets, the last group cut.
const MAX_HEADER_TEXT: usize = MAX_HEADER * 4 / 3 + 1;
/// Octets of a key id.
pub(super) const MAX_KEY_ID: usize = 1024;

/// The header, which is an object. Members with a key in them, or the place of one (`jwk`, `jku`, `x5u`, `x5c`), are
/// read like any other and never used: a token cannot bring its own key (RFC 8725 §3.10).
pub(super) fn read(text: &str) -> Result<Json, TokenError> {
    if text.len() > MAX_HEADER_TEXT {
        return Err(TokenError::Malformed("the header is longer than 8 KiB"));
    }
    let octets = decode(text, "the header is not strict base64url")?;
    let header = Json::parse(&octets).map_err(|error| TokenError::Malformed(error.problem.words()))?;
    if header.as_object().is_some() { Ok(header) } else { Err(TokenError::Malformed("the header is not an object")) }
}

/// A segment of a token.
pub(super) fn decode(text: &str, why: &'static str) -> Result<Vec<u8>, TokenError> {
    base64url::decode(text).ok_or(TokenError::Malformed(why))
}

/// `kid` is text of bounded length (RFC 7515 §4.1.4).
pub(super) fn judge_key_id(value: &Json) -> Result<(), TokenError> {
    let key_id = value.as_str().ok_or(TokenError::Malformed("`kid` is not a string"))?;
    if key_id.len() > MAX_KEY_ID { Err(TokenError::Malformed("`kid` is longer than 1 KiB")) } else { Ok(()) }
}

/// `typ` and `cty` are text (RFC 7515 §4.1.9, §4.1.10).
pub(super) fn judge_type(value: &Json) -> Result<(), TokenError> {
    value.as_str().map(|_| ()).ok_or(TokenError::Malformed("`typ` or `cty` is not a string"))
}
