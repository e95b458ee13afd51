//! Which signature algorithms exist, what are they called, and which family of keys does each belong to?

use std::fmt;

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
    /// `kty` `OKP` on the curve Ed25519.
    Ed25519,
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
    /// EdDSA, here always on Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// Ed25519 under its fully specified name (RFC 9864 §2.2). The same operation as [`JwsAlgorithm::EdDsa`] and a
    /// distinct name: a key or a list that says one of the two does not allow the other.
    Ed25519,
}

impl JwsAlgorithm {
    /// Every algorithm, in the order of RFC 7518 §3.1.
    pub const ALL: [Self; 13] = [
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
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// The algorithm of this `alg` value. The case must be exact (RFC 7515 §4.1.1); `none` is no algorithm.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The registered name: the value of `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The keys that this algorithm works with.
    #[must_use]
    pub const fn family(self) -> KeyFamily {
        self.row().1
    }

    const fn row(self) -> (&'static str, KeyFamily) {
        match self {
            Self::Hs256 => ("HS256", KeyFamily::Secret),
            Self::Hs384 => ("HS384", KeyFamily::Secret),
            Self::Hs512 => ("HS512", KeyFamily::Secret),
            Self::Rs256 => ("RS256", KeyFamily::Rsa),
            Self::Rs384 => ("RS384", KeyFamily::Rsa),
            Self::Rs512 => ("RS512", KeyFamily::Rsa),
            Self::Ps256 => ("PS256", KeyFamily::Rsa),
            Self::Ps384 => ("PS384", KeyFamily::Rsa),
            Self::Ps512 => ("PS512", KeyFamily::Rsa),
            Self::Es256 => ("ES256", KeyFamily::P256),
            Self::Es384 => ("ES384", KeyFamily::P384),
            Self::EdDsa => ("EdDSA", KeyFamily::Ed25519),
            Self::Ed25519 => ("Ed25519", KeyFamily::Ed25519),
        }
    }
}

impl fmt::Display for JwsAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of signature algorithms: one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// The set without algorithms: it allows nothing.
    pub const EMPTY: Self = Self(0);

    /// The set of this one algorithm.
    #[must_use]
    pub const fn only(algorithm: JwsAlgorithm) -> Self {
        Self(1 << algorithm as u32)
    }

    /// The algorithms that keys of this family can be used with.
    #[must_use]
    pub fn of_family(family: KeyFamily) -> Self {
        JwsAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.family() == family).collect()
    }

    /// Whether the set allows this algorithm.
    #[must_use]
    pub const fn contains(self, algorithm: JwsAlgorithm) -> bool {
        self.0 & Self::only(algorithm).0 != 0
    }

    /// The algorithms that are in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set allows nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The algorithms of the set, in the order of [`JwsAlgorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = JwsAlgorithm> {
        JwsAlgorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<JwsAlgorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = JwsAlgorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, algorithm| bits | Self::only(algorithm).0))
    }
}

impl fmt::Display for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, algorithm) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{algorithm}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
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
    fn families_share_no_algorithm() {
        let families = [KeyFamily::Secret, KeyFamily::Rsa, KeyFamily::P256, KeyFamily::P384, KeyFamily::Ed25519];
        let total: usize = families.iter().map(|family| AlgorithmSet::of_family(*family).iter().count()).sum();
        assert_eq!(total, JwsAlgorithm::ALL.len());
    }
}
