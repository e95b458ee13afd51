//! Is this the password that was hashed? bcrypt and SHA-crypt, as `htpasswd` and `mkpasswd` write them.

use std::fmt;
use std::str::FromStr;

use sha_crypt::{PasswordVerifier, ShaCrypt};

/// bcrypt's cost doubles with each step; 2 to this power takes seconds.
const HIGHEST_COST: u32 = 16;
/// What SHA-crypt does when it is not told how often.
const USUAL_ROUNDS: u32 = 5_000;
/// A hash with more takes about a second.
const MOST_ROUNDS: u32 = 1_000_000;
const LEAST_ROUNDS: u32 = 1_000;

/// The hash of a password. It redacts itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    kind: Kind,
    text: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bcrypt { cost: u32 },
    Sha256 { rounds: u32 },
    Sha512 { rounds: u32 },
}

impl PasswordHash {
    /// Reads a hash; the error says in words what is wrong, without the hash.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut fields = text.split('$');
        let kind = match (fields.next(), fields.next()) {
            (Some(""), Some("2a" | "2b" | "2y")) => bcrypt_kind(text)?,
            (Some(""), Some("5")) => Kind::Sha256 { rounds: rounds_of(fields, 43)? },
            (Some(""), Some("6")) => Kind::Sha512 { rounds: rounds_of(fields, 86)? },
            (Some(""), Some("apr1" | "1")) => return Err("MD5 is too weak".to_owned()),
            (Some(start), _) if start.starts_with('{') => return Err("SHA-1 without salt is too weak".to_owned()),
            (Some(""), Some(other)) => return Err(format!("the kind \"${other:.8}$\" is not known")),
            _ => return Err("this is not the hash of a password".to_owned()),
        };
        Ok(Self { kind, text: text.into() })
    }

    /// Whether this is the password. Takes as long as the hash was made to take: not for an event loop.
    pub fn is_of(&self, password: &[u8]) -> bool {
        match self.kind {
            Kind::Bcrypt { .. } => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Sha256 { .. } | Kind::Sha512 { .. } => {
                PasswordVerifier::<str>::verify_password(&ShaCrypt::default(), password, &self.text).is_ok()
            }
        }
    }

    /// A hash of no password at all, which takes as long as this one.
    pub fn of_nobody(&self) -> Self {
        let length = match self.kind {
            Kind::Bcrypt { .. } => 31,
            Kind::Sha256 { .. } => 43,
            Kind::Sha512 { .. } => 86,
        };
        let salted = self.text.len().saturating_sub(length);
        let text = self.text.chars().take(salted).chain(std::iter::repeat_n('.', length)).collect::<String>();
        Self { kind: self.kind, text: text.into() }
    }

    /// About how many microseconds it takes, for finding the one that takes longest.
    pub fn effort(&self) -> u64 {
        match self.kind {
            Kind::Bcrypt { cost } => 50_u64 << cost.min(HIGHEST_COST),
            Kind::Sha256 { rounds } | Kind::Sha512 { rounds } => u64::from(rounds),
        }
    }

    /// The text, for those who make a key of it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn bcrypt_kind(text: &str) -> Result<Kind, String> {
    let cost = bcrypt::HashParts::from_str(text).map_err(|_| "this is not a bcrypt hash".to_owned())?.get_cost();
    if (4..=HIGHEST_COST).contains(&cost) {
        Ok(Kind::Bcrypt { cost })
    } else {
        Err(format!("a bcrypt cost of {cost} is not within 4 and {HIGHEST_COST}"))
    }
}

/// The rounds of a SHA-crypt hash, from what follows its kind; its digest has `length` characters.
fn rounds_of<'f>(fields: impl Iterator<Item = &'f str>, length: usize) -> Result<u32, String> {
    let fields: Vec<&str> = fields.collect();
    let (rounds, salt, digest) = match fields.as_slice() {
        [salt, digest] => (Some(USUAL_ROUNDS), salt, digest),
        [rounds, salt, digest] => (rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok()), salt, digest),
        _ => return Err("this is not a SHA-crypt hash".to_owned()),
    };
    let plain = |text: &str| text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'/'));
    if digest.len() != length || !plain(digest) || !plain(salt) {
        return Err("this is not a SHA-crypt hash".to_owned());
    }
    rounds
        .filter(|rounds| (LEAST_ROUNDS..=MOST_ROUNDS).contains(rounds))
        .ok_or_else(|| format!("the rounds of a SHA-crypt hash are from {LEAST_ROUNDS} to {MOST_ROUNDS}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// Made with `htpasswd -nbB`, `openssl passwd -5` and `-6`, and `mkpasswd -R 1000`: each of "secret".
    const HASHES: [&str; 4] = [
        "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
        "$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0",
        "$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1",
        "$6$rounds=1000$abc$x",
    ];

    #[test]
    fn a_password_is_known_by_its_hash() {
        for hash in [HASHES[1], HASHES[2]] {
            let hash = PasswordHash::parse(hash).unwrap();
            assert!(hash.is_of(b"secret") && !hash.is_of(b"Secret") && !hash.is_of(b""));
        }
        let bcrypt = PasswordHash::parse(&bcrypt::hash_with_salt(b"secret", 4, [7; 16]).unwrap().to_string()).unwrap();
        assert!(bcrypt.is_of(b"secret") && !bcrypt.is_of(b"secret "));
    }

    #[test]
    fn nobodys_hash_takes_as_long_and_is_of_nothing() {
        for hash in [HASHES[0], HASHES[2]] {
            let hash = PasswordHash::parse(hash).unwrap();
            let nobody = hash.of_nobody();
            assert_eq!(PasswordHash::parse(nobody.text()).unwrap().effort(), hash.effort());
            assert!(!nobody.is_of(b"secret") && !nobody.is_of(b""));
        }
    }

    #[test]
    fn what_is_weak_or_broken_is_refused_in_words_without_the_hash() {
        for (hash, words) in [
            ("", "not the hash"),
            ("secret", "not the hash"),
            ("$apr1$abc$xyz", "MD5"),
            ("$1$abc$xyz", "MD5"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "SHA-1"),
            ("$2x$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "not known"),
            ("$2y$31$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "cost of 31"),
            ("$2y$05$short", "not a bcrypt hash"),
            ("$6$abc$short", "not a SHA-crypt hash"),
            (HASHES[3], "not a SHA-crypt hash"),
            (
                "$6$rounds=999999999$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1",
                "rounds",
            ),
            ("$argon2id$v=19$m=1$a$b", "not known"),
        ] {
            let error = PasswordHash::parse(hash).unwrap_err();
            assert!(error.contains(words) && !error.contains("IdWK"), "{hash}: {error}");
        }
        assert_eq!(
            format!("{:?}", PasswordHash::parse(HASHES[1]).unwrap()),
            "PasswordHash { kind: Sha256 { rounds: 5000 }, .. }"
        );
    }
}
