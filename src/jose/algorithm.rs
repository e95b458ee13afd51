//! Which signature algorithms exist, what are they called, and which family of keys does each belong to?

use std::fmt;

use super::registered::{Registered, RegisteredSet};

/// The kind of key that an algorithm needs. A key belongs to exactly one family (RFC 7518 §6, RFC 8037 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFamily {
    /// Octets known to both sides: `kty` `oct`.
    Secret,
    /// `kty` `RSA`.
    Rsa,
    /// `kty` `EC` on the curve P-256.
    P256,
    /// `kty` `EC` on the curve P-384.
    P384,
    /// `kty` `EC` on the curve P-521.
    P521,
    /// `kty` `EC` on the curve secp256k1 (RFC 8812 §3.1).
    Secp256k1,
    /// `kty` `OKP` on the curve Ed25519.
    Ed25519,
    /// `kty` `OKP` on the curve Ed448.
    Ed448,
}

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). `none` is not among them and cannot be
/// represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JwsAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 octets.
    Ps256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 octets.
    Ps384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 octets.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256 (RFC 8812 §3.2).
    Es256k,
    /// EdDSA (RFC 8037 §3.1) on Ed25519 or Ed448: the key's curve decides.
    EdDsa,
    /// Ed25519 under its fully specified name (RFC 9864 §2.2). The same operation as [`JwsAlgorithm::EdDsa`] and a
    /// distinct name: a key or a list that says one of the two does not allow the other.
    Ed25519,
    /// Ed448 under its fully specified name (RFC 9864 §2.2).
    Ed448,
}

impl JwsAlgorithm {
    /// Every algorithm, in the order of RFC 7518 §3.1.
    pub const ALL: [Self; 16] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Es256k,
        Self::EdDsa,
        Self::Ed25519,
        Self::Ed448,
    ];

    /// The algorithm of this `alg` value. The case must be exact (RFC 7515 §4.1.1); `none` is no algorithm.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name: the value of `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Es256k => "ES256K",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
        }
    }

    /// Whether keys of this family can be used with it. EdDSA is the one that has two families (RFC 8037 §2).
    #[must_use]
    pub const fn belongs_to(self, family: KeyFamily) -> bool {
        use KeyFamily::{Ed448, Ed25519, P256, P384, P521, Rsa, Secp256k1, Secret};
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => matches!(family, Secret),
            Self::Rs256 | Self::Rs384 | Self::Rs512 => matches!(family, Rsa),
            Self::Ps256 | Self::Ps384 | Self::Ps512 => matches!(family, Rsa),
            Self::Es256 => matches!(family, P256),
            Self::Es384 => matches!(family, P384),
            Self::Es512 => matches!(family, P521),
            Self::Es256k => matches!(family, Secp256k1),
            Self::EdDsa => matches!(family, Ed25519 | Ed448),
            Self::Ed25519 => matches!(family, Ed25519),
            Self::Ed448 => matches!(family, Ed448),
        }
    }
}

impl fmt::Display for JwsAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of signature algorithms.
pub type AlgorithmSet = RegisteredSet<JwsAlgorithm>;

impl AlgorithmSet {
    /// The algorithms that keys of this family can be used with.
    #[must_use]
    pub fn of_family(family: KeyFamily) -> Self {
        JwsAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.belongs_to(family)).collect()
    }
}

impl Registered for JwsAlgorithm {
    const ALL: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }

    fn bit(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm_and_each_has_a_bit_of_its_own() {
        for (position, algorithm) in JwsAlgorithm::ALL.into_iter().enumerate() {
            assert_eq!(JwsAlgorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm as usize, position);
        }
    }

    #[test]
    fn names_are_compared_exactly_and_none_is_not_a_name() {
        for name in ["", "none", "None", "nOnE", "NONE", "hs256", "Hs256", "RS256 ", "EDDSA", "ed25519", "RSA-OAEP"] {
            assert_eq!(JwsAlgorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set: AlgorithmSet = [JwsAlgorithm::Es256, JwsAlgorithm::Rs256].into_iter().collect();
        assert!(set.contains(JwsAlgorithm::Rs256) && !set.contains(JwsAlgorithm::Hs256));
        assert_eq!(set.to_string(), "RS256, ES256");
        assert_eq!(set.intersect(AlgorithmSet::of_family(KeyFamily::P256)), AlgorithmSet::only(JwsAlgorithm::Es256));
        assert!(set.intersect(AlgorithmSet::of_family(KeyFamily::Secret)).is_empty());
        assert!(AlgorithmSet::EMPTY.is_empty() && AlgorithmSet::EMPTY.iter().next().is_none());
    }

    #[test]
    fn every_algorithm_has_its_family_and_eddsa_has_two() {
        use KeyFamily::{Ed448, Ed25519, P256, P384, P521, Rsa, Secp256k1, Secret};
        let families = [Secret, Rsa, P256, P384, P521, Secp256k1, Ed25519, Ed448];
        for algorithm in JwsAlgorithm::ALL {
            let own = families.iter().filter(|family| algorithm.belongs_to(**family)).count();
            assert_eq!(own, if algorithm == JwsAlgorithm::EdDsa { 2 } else { 1 }, "{algorithm}");
        }
    }
}
