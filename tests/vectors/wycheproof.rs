//! Is every case of Wycheproof judged as there, but for those of the list?

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;

use crate::differences::{Difference, OF_ENCRYPTED, OF_KEY_SETS, OF_SIGNED, Verdict};
use crate::{decrypted, keys_of, unbase64url, verified};

#[derive(Deserialize)]
struct Cases {
    cases: usize,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    keys: Vec<Value>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: u64,
    valid: bool,
    /// In hexadecimal.
    plaintext: Option<String>,
    token: String,
}

impl Cases {
    fn read(text: &str) -> Self {
        let cases: Self = serde_json::from_str(text).unwrap();
        let ids: Vec<u64> = cases.groups.iter().flat_map(|group| &group.tests).map(|case| case.id).collect();
        assert_eq!(ids, (1..=cases.cases as u64).collect::<Vec<_>>(), "every case is there, once");
        cases
    }

    /// Every case is judged as there, and those of the list as the list says.
    fn agree(&self, differences: &[Difference], judge: impl Fn(&Case, &[Value]) -> Option<Vec<u8>>) {
        let mut wrong = Vec::new();
        for group in &self.groups {
            for case in &group.tests {
                let read = judge(case, &group.keys);
                let ours = if read.is_some() { Verdict::Valid } else { Verdict::Invalid };
                let theirs = if case.valid { Verdict::Valid } else { Verdict::Invalid };
                let listed = differences.iter().find(|(id, _, _)| *id == case.id);
                let expected = listed.map_or(theirs, |(_, instead, _)| *instead);
                if ours != expected {
                    wrong.push(format!("{}: {ours:?}, not {expected:?}: {}", case.id, case.token));
                }
                assert!(listed.is_none_or(|(_, instead, _)| *instead != theirs), "{} is listed for nothing", case.id);
                if let (Some(read), Some(plaintext)) = (read, &case.plaintext) {
                    assert_eq!(hexadecimal(&read), *plaintext, "content of {}", case.id);
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn encrypted() -> Cases {
    Cases::read(include_str!("wycheproof_jwe.json"))
}

fn signed() -> Cases {
    Cases::read(include_str!("wycheproof_jws.json"))
}

fn key_sets() -> Cases {
    Cases::read(include_str!("wycheproof_jwk.json"))
}

#[test]
fn encrypted_tokens_are_judged_as_in_wycheproof() {
    encrypted().agree(OF_ENCRYPTED, |case, keys| decrypted(&case.token, &keys_of(keys)));
}

#[test]
fn signed_tokens_are_judged_as_in_wycheproof() {
    signed().agree(OF_SIGNED, |case, keys| verified(&case.token, &keys_of(keys)));
}

#[test]
fn sets_of_keys_are_judged_as_in_wycheproof() {
    key_sets().agree(OF_KEY_SETS, |case, keys| verified(&case.token, &keys_of(keys)));
}

#[test]
fn class_19_no_case_ends_the_process_whatever_key_it_is_given() {
    for cases in [encrypted(), signed(), key_sets()] {
        for group in &cases.groups {
            // Read as the other kind, and with every key stripped of what it says of itself.
            let bare = group.keys.iter().map(without_use).collect::<Vec<_>>();
            for case in &group.tests {
                for keys in [&group.keys, &bare] {
                    let keys = keys_of(keys);
                    let judge = || (verified(&case.token, &keys), decrypted(&case.token, &keys));
                    let judged = catch_unwind(AssertUnwindSafe(judge));
                    assert!(judged.is_ok(), "{}: {}", case.id, case.token);
                }
            }
        }
    }
}

fn without_use(key: &Value) -> Value {
    let members = key.as_object().unwrap().clone().into_iter();
    members.filter(|(name, _)| !["use", "key_ops", "alg", "kid"].contains(&name.as_str())).collect()
}

#[test]
fn class_16_a_key_for_oaep_opens_no_other_padding_and_a_bare_one_does() {
    // Of these cases the tokens are good but for what the key says it is for.
    let cases = encrypted();
    for id in [106, 107, 108, 109, 110, 111] {
        let group = cases.groups.iter().find(|group| group.tests.iter().any(|case| case.id == id)).unwrap();
        let case = group.tests.iter().find(|case| case.id == id).unwrap();
        assert_eq!(decrypted(&case.token, &keys_of(&group.keys)), None, "{id}");
        let bare = group.keys.iter().map(without_use).collect::<Vec<_>>();
        assert_eq!(decrypted(&case.token, &keys_of(&bare)).as_deref(), Some(b"foo".as_slice()), "{id}");
    }
}

#[test]
fn every_letter_of_a_good_token_counts() {
    // Of each group the first good token, so that every algorithm comes up.
    for group in encrypted().groups {
        let keys = keys_of(&group.keys);
        let Some(good) = group.tests.iter().find(|case| case.valid) else { continue };
        for (place, letter) in good.token.bytes().enumerate().filter(|(_, letter)| *letter != b'.') {
            let other = if letter == b'A' { 'B' } else { 'A' };
            let mut changed = good.token.clone();
            changed.replace_range(place..=place, other.encode_utf8(&mut [0; 4]));
            assert_eq!(decrypted(&changed, &keys), None, "{} with letter {place} changed: {changed}", good.id);
        }
        assert!(unbase64url(good.token.split('.').next().unwrap()).starts_with(b"{"));
    }
}
