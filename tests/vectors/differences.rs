//! Where do we differ from the verdicts of Wycheproof on purpose, and why?

/// A case, what we say of it instead, and the reason.
pub type Difference = (u64, Verdict, &'static str);

/// What is said of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Valid,
    /// It is not.
    Invalid,
}

use Verdict::{Invalid, Valid};

/// Of the encrypted tokens: none.
pub const OF_ENCRYPTED: &[Difference] = &[];

/// Of the signed tokens.
pub const OF_SIGNED: &[Difference] = &[
    (346, Invalid, "the key is for PS256 and the token is of PS384: a key names its algorithm (RFC 8725 §3.1)"),
    (347, Invalid, "the key's `alg` is ES521, which is no algorithm; the one of P-521 is ES512 (RFC 7518 §3.1)"),
    (350, Invalid, "as 346, with `key_ops` for `use`"),
    (351, Invalid, "as 347, with `key_ops` for `use`"),
    (
        367,
        Valid,
        "letter by letter the token of case 357, which is valid: the padding that its name speaks of is not there",
    ),
    (370, Valid, "letter by letter the token of case 357, as 367"),
    (372, Invalid, "`?` in the header is no base64url (RFC 7515 §2), whether a decoder may pass over it or not"),
    (373, Invalid, "`?` in the payload, as 372"),
];

/// Of the sets of keys.
pub const OF_KEY_SETS: &[Difference] = &[
    (
        1,
        Valid,
        "a set may hold public keys and secrets: each key names its algorithms, so one never serves as the other",
    ),
    (4, Valid, "two keys may share an id (RFC 7517 §4.5: it need not be unique); each is tried"),
    (7, Valid, "keys of a generator that was broken in 2017 (ROCA) are not told from others by their form"),
];
