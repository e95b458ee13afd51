//! What does each realm of the file ask for before it believes a token?

use std::sync::Arc;

use super::Compiler;
use super::named_keys::named_keys;
use crate::auth::proof::{Compression, Encryption, Proof, Signature};
use crate::auth::realm_keys::RealmKeys;
use crate::config::Located;
use crate::config::schema::{self, TokenKind};
use crate::jose::{ContentEncryptionSet, DecryptionLimits, KeyManagement, KeyManagementSet};
use crate::keys::{KeyRing, KeySource};

impl<'c> Compiler<'c> {
    pub(super) fn proof(&mut self, written: &schema::Realm) -> Option<Proof> {
        match written.kind {
            TokenKind::Signed => self.signature(written).map(Proof::Signed),
            TokenKind::Encrypted => {
                if let (Some(_), Some(unused)) = (&written.encryption.keys, written.keys.first()) {
                    self.warning(&unused.place, "not used: the realm decrypts with its \"decryption_keys\"");
                }
                let encryption = self.encryption(written)?;
                self.warn_of_public_keys(written, &encryption);
                Some(Proof::Encrypted(encryption))
            }
            TokenKind::Nested => {
                let (encryption, signature) = (self.encryption(written), self.signature(written));
                Some(Proof::Nested(encryption?, signature?))
            }
        }
    }

    fn signature(&mut self, written: &schema::Realm) -> Option<Signature> {
        let algorithms = written.algorithms.as_ref().map(|names| self.algorithms(names));
        let keys = self.keys_of(&written.keys);
        let algorithms = match algorithms {
            None => None,
            Some(known) => Some(known?),
        };
        let keys = keys?;
        let by_keys = keys.fixed().view().algorithms();
        let usable = algorithms.map_or(by_keys, |own| own.intersect(by_keys));
        if usable.is_empty() && are_all_known(&keys) {
            self.nothing_fits(written, &written.algorithms, "verify", &by_keys.to_string());
        }
        Some(Signature { keys, algorithms })
    }

    fn encryption(&mut self, written: &schema::Realm) -> Option<Encryption> {
        let rules = &written.encryption;
        let key_management = match &rules.key_management {
            Some(names) => self.key_management(names),
            None => Some(KeyManagementSet::DEFAULT),
        };
        let content_encryption = match &rules.content_encryption {
            Some(names) => self.content_encryption(names),
            None => Some(ContentEncryptionSet::ALL),
        };
        let keys = self.keys_of(rules.keys.as_ref().unwrap_or(&written.keys))?;
        let (key_management, content_encryption) = (key_management?, content_encryption?);
        let by_keys = keys.fixed().view().key_management();
        if key_management.intersect(by_keys).is_empty() && are_all_known(&keys) {
            self.nothing_fits(written, &rules.key_management, "decrypt", &by_keys.to_string());
        }
        let standard = DecryptionLimits::default();
        let limits =
            DecryptionLimits { pbes2_count: rules.pbes2_max_count.unwrap_or(standard.pbes2_count), ..standard };
        let compression = match rules.compression {
            schema::Compression::Refuse => Compression::Refuse,
            schema::Compression::Accept => Compression::Accept,
        };
        Some(Encryption { keys, key_management, content_encryption, compression, limits })
    }

    fn keys_of(&mut self, names: &[Located<String>]) -> Option<RealmKeys> {
        let mut fixed: Vec<Arc<KeySource>> = Vec::new();
        let mut named = Vec::new();
        let mut whole = !names.is_empty();
        for name in names {
            match self.key_sets.get(name.as_str()) {
                Some(Some(set)) => {
                    fixed.extend(set.fixed.iter().cloned());
                    named.extend(set.named.iter().filter_map(named_keys));
                }
                Some(None) => whole = false,
                None => {
                    let known = self.key_sets.keys().copied().collect();
                    self.unknown("key set", name, known);
                    whole = false;
                }
            }
        }
        whole.then(|| RealmKeys::new(KeyRing::new(fixed), named))
    }

    /// A realm whose algorithms none of its keys allows would refuse everybody.
    fn nothing_fits(&mut self, realm: &schema::Realm, names: &Option<Vec<Located<String>>>, verb: &str, by_keys: &str) {
        let (place, what) = match names.as_ref().and_then(|names| names.first()) {
            Some(first) => (&first.place, format!("none of these can be used: the realm's keys {verb} {by_keys}")),
            None if by_keys.is_empty() => (&realm.name.place, format!("none of the realm's keys can {verb}")),
            None => {
                (&realm.name.place, format!("the realm's keys {verb} {by_keys}, which \"key_management\" has to name"))
            }
        };
        self.problem(place, what);
    }

    /// Whoever has a public key can encrypt for it: such a token says nothing of who made it.
    fn warn_of_public_keys(&mut self, written: &schema::Realm, encryption: &Encryption) {
        let usable = encryption.key_management.intersect(possible_key_management(&encryption.keys));
        let public: Vec<_> = usable.iter().filter(|algorithm| KeyManagement::is_public_key(*algorithm)).collect();
        if let [first, ..] = public.as_slice() {
            let what = format!(
                "anybody who has the public key can make a token for this realm ({first} is accepted); \
                 \"type: nested\" asks for a signature too, and \"key_management\" without RSA and ECDH for a shared secret"
            );
            self.warning(&written.name.place, what);
        }
    }
}

/// Whether no key is still to come: from an endpoint, or from what requests name.
fn are_all_known(keys: &RealmKeys) -> bool {
    keys.named().is_empty() && keys.fixed().sources().iter().all(|source| source.remote().is_none())
}

/// What the keys allow; of keys that are still to come, nobody knows.
fn possible_key_management(keys: &RealmKeys) -> KeyManagementSet {
    if are_all_known(keys) { keys.fixed().view().key_management() } else { KeyManagementSet::DEFAULT }
}
