//! Which algorithms encrypt: the key of the content, and the content? (RFC 7518 §4 and §5, RFC 8037 §3.2.)

use std::fmt;

use super::registered::{Registered, RegisteredSet};

/// How the content encryption key is had (RFC 7518 §4.1): the `alg` of an encrypted token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// RSAES OAEP with SHA-1 and MGF1 with SHA-1.
    RsaOaep,
    /// RSAES OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaep256,
    /// RSAES OAEP with SHA-384 and MGF1 with SHA-384.
    RsaOaep384,
    /// RSAES OAEP with SHA-512 and MGF1 with SHA-512.
    RsaOaep512,
    /// AES Key Wrap with 128 bits.
    A128Kw,
    /// AES Key Wrap with 192 bits.
    A192Kw,
    /// AES Key Wrap with 256 bits.
    A256Kw,
    /// The shared secret is the content encryption key.
    Dir,
    /// ECDH with an ephemeral key; what is agreed on is the content encryption key.
    EcdhEs,
    /// ECDH with an ephemeral key, and AES Key Wrap with 128 bits.
    EcdhEsA128Kw,
    /// ECDH with an ephemeral key, and AES Key Wrap with 192 bits.
    EcdhEsA192Kw,
    /// ECDH with an ephemeral key, and AES Key Wrap with 256 bits.
    EcdhEsA256Kw,
    /// AES GCM with 128 bits around the key.
    A128GcmKw,
    /// AES GCM with 192 bits around the key.
    A192GcmKw,
    /// AES GCM with 256 bits around the key.
    A256GcmKw,
    /// RSAES PKCS1-v1_5. Only for who asks for it: its padding has been an oracle ever since.
    Rsa15,
    /// A password, PBKDF2 with HMAC SHA-256, and AES Key Wrap with 128 bits. Only for who asks for it: a token says
    /// how much work it is.
    Pbes2Hs256A128Kw,
    /// A password, PBKDF2 with HMAC SHA-384, and AES Key Wrap with 192 bits.
    Pbes2Hs384A192Kw,
    /// A password, PBKDF2 with HMAC SHA-512, and AES Key Wrap with 256 bits.
    Pbes2Hs512A256Kw,
}

impl KeyManagement {
    /// Every algorithm.
    pub const ALL: [Self; 19] = [
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::RsaOaep384,
        Self::RsaOaep512,
        Self::A128Kw,
        Self::A192Kw,
        Self::A256Kw,
        Self::Dir,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
        Self::A128GcmKw,
        Self::A192GcmKw,
        Self::A256GcmKw,
        Self::Rsa15,
        Self::Pbes2Hs256A128Kw,
        Self::Pbes2Hs384A192Kw,
        Self::Pbes2Hs512A256Kw,
    ];

    /// The algorithm of this `alg` value; the case must be exact.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name: the value of `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::RsaOaep384 => "RSA-OAEP-384",
            Self::RsaOaep512 => "RSA-OAEP-512",
            Self::A128Kw => "A128KW",
            Self::A192Kw => "A192KW",
            Self::A256Kw => "A256KW",
            Self::Dir => "dir",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA192Kw => "ECDH-ES+A192KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::A128GcmKw => "A128GCMKW",
            Self::A192GcmKw => "A192GCMKW",
            Self::A256GcmKw => "A256GCMKW",
            Self::Rsa15 => "RSA1_5",
            Self::Pbes2Hs256A128Kw => "PBES2-HS256+A128KW",
            Self::Pbes2Hs384A192Kw => "PBES2-HS384+A192KW",
            Self::Pbes2Hs512A256Kw => "PBES2-HS512+A256KW",
        }
    }

    /// Whether anybody who has a public key can make such a token.
    #[must_use]
    pub fn is_public_key(self) -> bool {
        KeyManagementSet::PUBLIC_KEY.contains(self)
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Registered for KeyManagement {
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }

    fn bit(self) -> u32 {
        self as u32
    }
}

/// A set of key management algorithms.
pub type KeyManagementSet = RegisteredSet<KeyManagement>;

impl KeyManagementSet {
    /// All but RSA1_5 and PBES2, which a realm has to ask for by name.
    pub const DEFAULT: Self = Self::of_bits((1 << KeyManagement::Rsa15 as u32) - 1);
    /// Those of RSA keys.
    pub(super) const RSA: Self = Self::of_bits(
        1 << KeyManagement::RsaOaep as u32
            | 1 << KeyManagement::RsaOaep256 as u32
            | 1 << KeyManagement::RsaOaep384 as u32
            | 1 << KeyManagement::RsaOaep512 as u32
            | 1 << KeyManagement::Rsa15 as u32,
    );
    /// Those of keys on curves.
    pub(super) const AGREEMENT: Self = Self::of_bits(
        1 << KeyManagement::EcdhEs as u32
            | 1 << KeyManagement::EcdhEsA128Kw as u32
            | 1 << KeyManagement::EcdhEsA192Kw as u32
            | 1 << KeyManagement::EcdhEsA256Kw as u32,
    );
    const PUBLIC_KEY: Self = Self::of_bits(Self::RSA.bits() | Self::AGREEMENT.bits());
}

/// How the content is encrypted (RFC 7518 §5.1): the `enc` of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES CBC with 128 bits, and HMAC SHA-256.
    A128CbcHs256,
    /// AES CBC with 192 bits, and HMAC SHA-384.
    A192CbcHs384,
    /// AES CBC with 256 bits, and HMAC SHA-512.
    A256CbcHs512,
    /// AES GCM with 128 bits.
    A128Gcm,
    /// AES GCM with 192 bits.
    A192Gcm,
    /// AES GCM with 256 bits.
    A256Gcm,
}

impl ContentEncryption {
    /// Every algorithm.
    pub const ALL: [Self; 6] =
        [Self::A128CbcHs256, Self::A192CbcHs384, Self::A256CbcHs512, Self::A128Gcm, Self::A192Gcm, Self::A256Gcm];

    /// The algorithm of this `enc` value; the case must be exact.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name: the value of `enc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Octets of its key. With CBC, one half of them is for the HMAC.
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A128CbcHs256 | Self::A256Gcm => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Registered for ContentEncryption {
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }

    fn bit(self) -> u32 {
        self as u32
    }
}

/// A set of content encryption algorithms.
pub type ContentEncryptionSet = RegisteredSet<ContentEncryption>;

impl ContentEncryptionSet {
    /// All of them.
    pub const ALL: Self = Self::of_bits((1 << ContentEncryption::ALL.len()) - 1);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm_and_each_has_a_bit_of_its_own() {
        for (position, algorithm) in KeyManagement::ALL.into_iter().enumerate() {
            assert_eq!(KeyManagement::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm as usize, position);
        }
        for (position, algorithm) in ContentEncryption::ALL.into_iter().enumerate() {
            assert_eq!(ContentEncryption::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm as usize, position);
        }
        for name in ["", "none", "Dir", "DIR", "RSA-OAEP-1", "a128kw", "A128GCM "] {
            assert_eq!(KeyManagement::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn class_16_and_17_rsa1_5_and_passwords_are_no_default() {
        let left_out: Vec<_> =
            KeyManagement::ALL.into_iter().filter(|one| !KeyManagementSet::DEFAULT.contains(*one)).collect();
        assert_eq!(
            left_out,
            [
                KeyManagement::Rsa15,
                KeyManagement::Pbes2Hs256A128Kw,
                KeyManagement::Pbes2Hs384A192Kw,
                KeyManagement::Pbes2Hs512A256Kw
            ]
        );
        assert!(ContentEncryption::ALL.into_iter().all(|one| ContentEncryptionSet::ALL.contains(one)));
    }
}
