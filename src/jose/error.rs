//! What was wrong, in words that say neither a token's text nor a key's?

use std::error::Error;
use std::fmt;

/// Why a token was refused before any key was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// More bytes than the limit. Reason code `token_too_large`.
    TooLarge,
    /// Not the form that RFC 7515 §7.1 and §4, or RFC 7516 §7.1 and §4, ask for; the words say what. Reason code
    /// `token_malformed`.
    Malformed(&'static str),
    /// An encrypted token (five segments, RFC 7516) where a signed one (three, RFC 7515) is asked, or the other way
    /// round. Reason code `token_kind`.
    Kind,
    /// `alg`, `enc` or `zip` is `none`, or a name that is not implemented. Reason code `algorithm_refused`.
    AlgorithmRefused,
    /// `crit` is present: some extension must be understood, and none is (RFC 7515 §4.1.11). The same for a `b64`
    /// that asks for an unencoded payload (RFC 7797). Reason code `critical_header`.
    CriticalHeader,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the token is longer than the limit"),
            Self::Malformed(why) => write!(f, "the token is malformed: {why}"),
            Self::Kind => f.write_str("the token is of another kind (signed, encrypted) than the one asked for"),
            Self::AlgorithmRefused => f.write_str("the token's algorithm is not one that is accepted"),
            Self::CriticalHeader => f.write_str("the token asks for an extension that is not implemented"),
        }
    }
}

impl Error for TokenError {}

/// The signature is not one of this key over this input with this algorithm. No more is said, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureInvalid;

impl fmt::Display for SignatureInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not valid")
    }
}

impl Error for SignatureInvalid {}

/// The token is not one that this key opens. No more is said, on purpose: every cause is this one (RFC 7516 §11.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptionFailed;

impl fmt::Display for DecryptionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token cannot be decrypted")
    }
}

impl Error for DecryptionFailed {}

/// Why a text is not JSON as read here, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Offset in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a JSON text (RFC 8259, and the rules for tokens of RFC 7515 §4 and RFC 7519 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonProblem {
    /// A byte sequence that is not UTF-8.
    NotUtf8,
    /// A byte order mark (RFC 8259 §8.1).
    ByteOrderMark,
    /// The text ends inside a value.
    Truncated,
    /// A character that cannot stand here.
    Unexpected,
    /// Something follows the value.
    Trailing,
    /// Arrays and objects nested more than 32 deep.
    TooDeep,
    /// Two members of one object have the same name.
    DuplicateMember,
    /// Not a number of RFC 8259 §6.
    Number,
    /// Not an escape sequence of RFC 8259 §7.
    Escape,
    /// Half of a surrogate pair.
    LoneSurrogate,
    /// A control character in a string that is not escaped.
    ControlCharacter,
}

impl JsonProblem {
    /// The problem in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotUtf8 => "JSON that is not UTF-8",
            Self::ByteOrderMark => "JSON that begins with a byte order mark",
            Self::Truncated => "JSON that ends too early",
            Self::Unexpected => "JSON with an unexpected character",
            Self::Trailing => "JSON with something after the value",
            Self::TooDeep => "JSON nested too deep",
            Self::DuplicateMember => "JSON with a member named twice",
            Self::Number => "JSON with an invalid number",
            Self::Escape => "JSON with an invalid escape sequence",
            Self::LoneSurrogate => "JSON with a lone surrogate",
            Self::ControlCharacter => "JSON with a bare control character",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.problem.words(), self.offset)
    }
}

impl Error for JsonError {}

/// Why a key, a key set or a key file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// More than 1 MiB of key file.
    TooLarge,
    /// More than 1,000 keys in one file.
    TooManyKeys,
    /// Not JSON.
    Json(JsonError),
    /// JSON, but neither a JWK Set (a list in `keys`) nor a JWK.
    NotAKeySet,
    /// A JWK that is not a JSON object.
    NotAnObject,
    /// A member that this type of key needs is absent.
    MissingMember(&'static str),
    /// A member does not have the form that its definition asks for: the name and what is wrong.
    BadMember(&'static str, &'static str),
    /// `kty`, or the type in a PEM file, is not one that is implemented.
    UnknownKeyType,
    /// The curve is not one that is implemented.
    UnknownCurve,
    /// `alg` is not an algorithm that is implemented, or not one for this.
    UnknownAlgorithm,
    /// The key's `alg` does not belong to keys of its type.
    AlgorithmDoesNotFit,
    /// `use` is for something else (RFC 7517 §4.2).
    UseForbids,
    /// `key_ops` does not allow it (RFC 7517 §4.3).
    OperationsForbid,
    /// An RSA modulus of too few bits: how many it has.
    WeakRsa(usize),
    /// An RSA modulus of more bits than 8192: how many it has.
    RsaTooLong(usize),
    /// An RSA key whose numbers cannot be those of a key: even modulus, exponent even, under 3 or over 32 bits.
    RsaNumbers,
    /// A secret shorter than the hash (RFC 7518 §3.2): octets it has, octets needed.
    WeakSecret(usize, usize),
    /// A secret without octets.
    EmptySecret,
    /// Not a point on its curve.
    NotOnCurve,
    /// A point in compressed form, in a PEM file.
    CompressedPoint,
    /// An RSASSA-PSS public key that carries parameters (RFC 4055 §3.1).
    PssParameters,
    /// An EdDSA point of small order, under which anyone can sign.
    SmallOrder,
    /// None of the algorithms asked for is one that the key allows.
    NoAlgorithmLeft,
    /// No PEM block in the file.
    NoPemBlock,
    /// A PEM block that is cut, nested or not base64 (RFC 7468).
    BrokenPem,
    /// A PEM block of a kind that holds no key that is read.
    PemLabel,
    /// A private key where a public one is needed.
    PrivateKey,
    /// A private key whose numbers do not belong together, or that is too short for the crypto library.
    PrivateKeyRejected,
    /// A private key that needs a password to be read.
    EncryptedPrivateKey,
    /// A key for encrypting that has no private part to decrypt with.
    NotOurs,
    /// DER that is not the structure that the PEM label announces.
    BrokenDer,
    /// The problem is in this PEM block, counted from 1.
    InBlock(usize, Box<KeyError>),
}

const COMPRESSED_POINT: &str =
    "the point is compressed: `openssl ec -pubin -in KEY.pem -conv_form uncompressed` writes it in full";
const PSS_PARAMETERS: &str =
    "an RSASSA-PSS key with parameters is not read from PEM: use a JWK whose `alg` is PS256, PS384 or PS512";
const PRIVATE_KEY: &str = "this is a private key, and verifying needs only the public one: \
     `openssl pkey -in PRIVATE.pem -pubout -out public.pem` extracts it";

const PRIVATE_KEY_REJECTED: &str =
    "the private key is not a key: its parts do not belong together, or it is RSA of fewer than 2048 bits";
const ENCRYPTED_PRIVATE_KEY: &str =
    "the private key needs a password: `openssl pkey -in KEY.pem -out plain.pem` writes it without";

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not a JWK Set: {error}"),
            Self::MissingMember(name) => write!(f, "member `{name}` is missing"),
            Self::BadMember(name, problem) => write!(f, "member `{name}` {problem}"),
            Self::WeakRsa(bits) => write!(f, "an RSA key of {bits} bits is too weak: 2048 are needed"),
            Self::RsaTooLong(bits) => write!(f, "an RSA key of {bits} bits is too long: 8192 are the limit"),
            Self::WeakSecret(has, needed) => write!(f, "a secret of {has} octets is too short: {needed} are needed"),
            Self::InBlock(index, error) => write!(f, "PEM block {index}: {error}"),
            Self::TooLarge => f.write_str("more than 1 MiB of keys"),
            Self::TooManyKeys => f.write_str("more than 1000 keys"),
            Self::NotAKeySet => f.write_str("neither a JWK Set (an object with a list `keys`) nor a JWK"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::UnknownKeyType => f.write_str("the type of the key is not oct, RSA, EC or OKP"),
            Self::UnknownCurve => f.write_str("the curve is not one that is implemented, or not one for this"),
            Self::UnknownAlgorithm => f.write_str("`alg` is not an algorithm that is implemented"),
            Self::AlgorithmDoesNotFit => f.write_str("`alg` does not fit the type of the key"),
            Self::UseForbids => f.write_str("`use` forbids it"),
            Self::OperationsForbid => f.write_str("`key_ops` forbids it"),
            Self::RsaNumbers => f.write_str("the RSA modulus or exponent is not that of a usable key"),
            Self::EmptySecret => f.write_str("the secret is empty"),
            Self::NotOnCurve => f.write_str("the public key is not a point on its curve"),
            Self::CompressedPoint => f.write_str(COMPRESSED_POINT),
            Self::PssParameters => f.write_str(PSS_PARAMETERS),
            Self::SmallOrder => f.write_str("the public key has small order: anyone could sign"),
            Self::NoAlgorithmLeft => f.write_str("the key allows none of the algorithms that are asked for"),
            Self::NoPemBlock => f.write_str("no PEM block (-----BEGIN ...) in the file"),
            Self::BrokenPem => f.write_str("the PEM block is cut short, nested or not base64"),
            Self::PemLabel => f.write_str("the PEM block is none of PUBLIC KEY, RSA PUBLIC KEY, CERTIFICATE, PRIVATE KEY, RSA PRIVATE KEY and EC PRIVATE KEY"),
            Self::PrivateKey => f.write_str(PRIVATE_KEY),
            Self::PrivateKeyRejected => f.write_str(PRIVATE_KEY_REJECTED),
            Self::EncryptedPrivateKey => f.write_str(ENCRYPTED_PRIVATE_KEY),
            Self::NotOurs => f.write_str("it is for encrypting, and has no private part to decrypt with"),
            Self::BrokenDer => f.write_str("the DER inside the PEM block is not what its label says"),
        }
    }
}

impl Error for KeyError {}
