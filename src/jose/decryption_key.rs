//! Which tokens does this key open? The key names its algorithms; a token never chooses outside them.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::agreement::AgreementKey;
use super::encryption::{ContentEncryption, KeyManagement, KeyManagementSet};
use super::error::KeyError;
use super::key::WeakKeys;
use super::key_parameters::KeyParameters;
use super::rsa_private::RsaPrivateKey;
use super::secret_key;

/// A prepared key with the algorithms it may be used with. `Debug` shows no key material.
#[derive(Clone)]
pub struct DecryptionKey {
    kid: Option<String>,
    key_management: KeyManagementSet,
    /// The one content encryption that a secret is the key of, where its `alg` says so.
    content: Option<ContentEncryption>,
    material: Arc<Material>,
}

enum Material {
    Secret(Zeroizing<Vec<u8>>),
    Rsa(RsaPrivateKey),
    Agreement(AgreementKey),
}

impl DecryptionKey {
    /// A key of these octets. Their number decides what for: `dir` where a content encryption has a key as long, AES
    /// key wrapping with 16, 24 and 32, PBES2 always.
    ///
    /// # Errors
    /// [`KeyError::EmptySecret`] always; [`KeyError::WeakSecret`] for fewer than 16 octets, when weak keys are refused.
    pub fn from_secret(secret: &[u8], weak: WeakKeys) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        if secret.len() < secret_key::LEAST_KEY && weak == WeakKeys::Refuse {
            return Err(KeyError::WeakSecret(secret.len(), secret_key::LEAST_KEY));
        }
        Ok(Self::of(secret_key::algorithms(secret.len()), Material::Secret(Zeroizing::new(secret.to_vec()))))
    }

    pub(super) fn of_rsa(key: RsaPrivateKey) -> Self {
        Self::of(KeyManagementSet::RSA, Material::Rsa(key))
    }

    pub(super) fn of_agreement(key: AgreementKey) -> Self {
        Self::of(KeyManagementSet::AGREEMENT, Material::Agreement(key))
    }

    fn of(key_management: KeyManagementSet, material: Material) -> Self {
        Self { kid: None, key_management, content: None, material: Arc::new(material) }
    }

    /// The same key under this key id.
    #[must_use]
    pub fn with_kid(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    /// The same key, for these algorithms at most.
    ///
    /// # Errors
    /// [`KeyError::NoAlgorithmLeft`] if it allows none of them.
    pub fn restrict(self, key_management: KeyManagementSet) -> Result<Self, KeyError> {
        let left = self.key_management.intersect(key_management);
        if left.is_empty() { Err(KeyError::NoAlgorithmLeft) } else { Ok(Self { key_management: left, ..self }) }
    }

    /// The key for the one algorithm that its JWK names in `alg`.
    pub(super) fn only(self, algorithm: KeyManagement) -> Result<Self, KeyError> {
        self.restrict(KeyManagementSet::only(algorithm)).map_err(|_| KeyError::AlgorithmDoesNotFit)
    }

    /// The key for the content itself, where its JWK names a content encryption in `alg`.
    pub(super) fn only_for_content(self, content: ContentEncryption) -> Result<Self, KeyError> {
        match &*self.material {
            Material::Secret(secret) if secret.len() == content.key_octets() => {
                Ok(Self { content: Some(content), ..self.only(KeyManagement::Dir)? })
            }
            Material::Secret(_) | Material::Rsa(_) | Material::Agreement(_) => Err(KeyError::AlgorithmDoesNotFit),
        }
    }

    /// The key id (RFC 7517 §4.5), if the key has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that the key may be used with; never empty.
    #[must_use]
    pub const fn key_management(&self) -> KeyManagementSet {
        self.key_management
    }

    /// Whether it is the private half of a key, and not a shared secret.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match &*self.material {
            Material::Secret(_) => false,
            Material::Rsa(_) | Material::Agreement(_) => true,
        }
    }

    /// Whether the key is usable only because of [`WeakKeys::DangerouslyAllow`].
    #[must_use]
    pub fn is_weak(&self) -> bool {
        match &*self.material {
            Material::Secret(secret) => secret.len() < secret_key::LEAST_KEY,
            Material::Rsa(_) | Material::Agreement(_) => false,
        }
    }

    /// Kind and size for logs and `explain`: `private RSA 2048 bits`, `private EC P-256`, `oct 256 bits`.
    #[must_use]
    pub fn describe(&self) -> String {
        let weak = if self.is_weak() { ", weak" } else { "" };
        match &*self.material {
            Material::Secret(secret) => format!("oct {} bits{weak}", secret.len().saturating_mul(8)),
            Material::Rsa(key) => format!("private RSA {} bits", key.bits()),
            Material::Agreement(key) => format!("private {} {}", key.curve().key_type(), key.curve().name()),
        }
    }

    /// The content encryption key of a token, if this key can have it.
    pub(super) fn content_key(
        &self,
        algorithm: KeyManagement,
        content: ContentEncryption,
        parameters: &KeyParameters,
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        if !self.key_management.contains(algorithm) || self.content.is_some_and(|only| only != content) {
            return None;
        }
        match &*self.material {
            Material::Secret(secret) => secret_key::content_key(secret, algorithm, parameters, encrypted),
            Material::Rsa(key) => key.content_key(algorithm, encrypted),
            Material::Agreement(key) => key.content_key(algorithm, content, parameters, encrypted),
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("kid", &self.kid)
            .field("kind", &self.describe())
            .field("key_management", &self.key_management)
            .finish_non_exhaustive()
    }
}
