//! Is everything else refused, and does nobody learn why? Classes 15 to 20 and 22 of threats.md.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use openssl::rsa::Padding;
use serde_json::{Value, json};

use super::minted::{Kind, LIBRARIES, Token};
use super::sealed::{Sealed, encrypted_for, padded, random, rsa, with_header, with_octets, with_segment};
use super::{Site, place_of, reason};
use crate::foreign_tokens::with_another_octet;
use crate::harness::Response;
use crate::harness::issuer::now;

/// What a token is refused for that is not as it was.
const CHANGED: [&str; 5] = ["decryption_failed", "token_malformed", "algorithm_refused", "key_unknown", "token_kind"];

fn claims() -> Value {
    json!({ "sub": "root", "exp": now() + 3600 })
}

#[test]
fn tokens_with_any_segment_changed_are_refused() {
    for library in LIBRARIES {
        let site = Site::of(library);
        for token in site.minted.tokens.iter().filter(|token| token.kind != Kind::Signed) {
            refuses_any_changed_segment(&site, token);
        }
        site.admits_as_ever();
    }
}

fn refuses_any_changed_segment(site: &Site, token: &Token) {
    let what = |segment| format!("{}: {} with segment {segment} changed", site.minted.library, token.words());
    let place = place_of(token);
    site.refuses(place, &with_segment(&token.token, 0, with_other_letter), &what(0), &CHANGED);
    for segment in 1..5 {
        // Where there is no encrypted key, one is put.
        let is_absent = token.token.split('.').nth(segment).unwrap().is_empty();
        let expected = if is_absent { "token_malformed" } else { "decryption_failed" };
        let changed = with_segment(&token.token, segment, with_other_letter);
        site.refuses(place, &changed, &what(segment), &[expected]);
    }
}

/// A letter in the middle is another one, so that all bits of it count.
fn with_other_letter(segment: &str) -> String {
    let mut letters = segment.as_bytes().to_vec();
    let middle = letters.len() / 2;
    match letters.get_mut(middle) {
        Some(letter) => *letter = if *letter == b'A' { b'B' } else { b'A' },
        None => letters.extend(b"AAAA"),
    }
    String::from_utf8(letters).unwrap()
}

#[test]
fn signatures_on_the_other_curves_are_refused_with_any_octet_changed() {
    let site = Site::of("jwcrypto");
    for curve in ["P-521", "secp256k1", "Ed448"] {
        let mut tokens = site.minted.tokens.iter().filter(|token| token.kind == Kind::Signed);
        let token = &tokens.find(|token| token.curve.as_deref() == Some(curve)).unwrap().token;
        for place in 0..token.len() {
            let changed = with_another_octet(token, place);
            site.refusal("/signed", &changed, &format!("{curve} with octet {place} changed"));
        }
        assert_eq!(site.send("/signed", token).status, 200, "{curve}");
    }
}

#[test]
fn class_16_one_answer_whatever_the_cause() {
    let site = Site::of("joserfc");
    let causes = causes(&site);
    let mut answers = causes.iter().map(|(cause, token)| (cause, site.send("/all/encrypted", token)));
    let (_, first) = answers.next().unwrap();
    assert_eq!((first.status, reason(&first).as_str()), (401, "decryption_failed"));
    for (cause, answer) in answers {
        assert_eq!(shown(&answer), shown(&first), "{cause}");
    }
    site.admits_as_ever();
}

/// All that a client sees, but what differs by time and request.
fn shown(answer: &Response) -> (u16, Vec<(String, String)>, String) {
    let fields = answer.head.fields.iter();
    let same = fields.filter(|(name, _)| !["date", "x-request-id"].contains(&name.to_ascii_lowercase().as_str()));
    (answer.status, same.cloned().collect(), answer.text())
}

fn causes(site: &Site) -> Vec<(&'static str, String)> {
    let keys = site.minted;
    let secret = keys.octets_of("oct-256", "k");
    let content = claims().to_string().into_bytes();
    let gcm = json!({ "alg": "dir", "enc": "A256GCM", "kid": "oct-256" });
    let cbc = json!({ "alg": "dir", "enc": "A128CBC-HS256", "kid": "oct-256" });
    let deflated = json!({ "alg": "dir", "enc": "A256GCM", "kid": "oct-256", "zip": "DEF" });
    let good = Sealed::gcm(&gcm, &[], &secret, &content);
    assert_eq!(site.send("/encrypted", &good.token()).status, 200, "what is made by hand is good");
    let good_cbc = Sealed::cbc(&cbc, &secret, &padded(&content));
    assert_eq!(site.send("/encrypted", &good_cbc.token()).status, 200, "what is made by hand is good");
    let minted = |alg: &str| keys.find(Kind::Encrypted, alg, "A256GCM").token.clone();
    let spoilt = |alg: &str| with_octets(&minted(alg), 1, |key| key[0] ^= 1);
    let mut causes = vec![
        ("another tag", with_octets(&good.token(), 4, |tag| tag[0] ^= 1)),
        ("a tag cut by one", with_octets(&good.token(), 4, |tag| tag.truncate(15))),
        ("no tag", with_segment(&good.token(), 4, |_| String::new())),
        ("a short vector", with_octets(&good.token(), 2, |iv| iv.truncate(11))),
        ("no vector", with_segment(&good.token(), 2, |_| String::new())),
        ("no ciphertext", with_segment(&good.token(), 3, |_| String::new())),
        ("padding of none", Sealed::cbc(&cbc, &secret, &[vec![b' '; 15], vec![0]].concat()).token()),
        ("padding of 17", Sealed::cbc(&cbc, &secret, &[17; 32]).token()),
        ("padding that differs", Sealed::cbc(&cbc, &secret, &[vec![b' '; 13], vec![2, 3, 3]].concat()).token()),
        ("no whole blocks", Sealed::cbc(&cbc, &secret, &[1; 17]).token()),
        ("no block", Sealed::cbc(&cbc, &secret, &[]).token()),
        ("another mac", with_octets(&good_cbc.token(), 4, |tag| tag[15] ^= 1)),
        ("a mac with its other half", with_octets(&good_cbc.token(), 4, |tag| tag.extend([0; 16]))),
        ("not deflated", Sealed::gcm(&deflated, &[], &secret, b"\xff\xff\xff").token()),
        ("deflated in part", Sealed::gcm(&deflated, &[], &secret, &deflate(&content)[..5]).token()),
        ("deflated by a thousand", Sealed::gcm(&deflated, &[], &secret, &deflate(&vec![b' '; 8 << 20])).token()),
    ];
    for alg in ["A256KW", "A256GCMKW", "PBES2-HS256+A128KW", "ECDH-ES+A256KW", "RSA-OAEP", "RSA-OAEP-512", "RSA1_5"] {
        causes.push(("another encrypted key", spoilt(alg)));
        causes.push(("a short encrypted key", with_octets(&minted(alg), 1, |key| key.truncate(7))));
        causes.push(("a long encrypted key", with_octets(&minted(alg), 1, |key| key.extend([0; 8]))));
    }
    causes.extend(of_rsa(site));
    causes
}

fn of_rsa(site: &Site) -> Vec<(&'static str, String)> {
    let key = rsa(&site.minted.octets_of("rsa", "n"), &site.minted.octets_of("rsa", "e"));
    let content = claims().to_string().into_bytes();
    let mut causes = Vec::new();
    for (alg, padding) in [("RSA1_5", Padding::PKCS1), ("RSA-OAEP", Padding::PKCS1_OAEP)] {
        let header = json!({ "alg": alg, "enc": "A256GCM", "kid": "rsa" });
        let sealed =
            |encrypted: &[u8], content_key: &[u8]| Sealed::gcm(&header, encrypted, content_key, &content).token();
        let right = random(32);
        let good = sealed(&encrypted_for(&key, padding, &right), &right);
        assert_eq!(site.send("/all/encrypted", &good).status, 200, "what is made by hand is good");
        let short = random(16);
        causes.push(("a content key of half the length", sealed(&encrypted_for(&key, padding, &short), &short)));
        causes.push(("a content key of no length", sealed(&encrypted_for(&key, padding, &[]), &right)));
        causes.push(("another content key", sealed(&encrypted_for(&key, padding, &random(32)), &right)));
        causes.push(("another padding", sealed(&encrypted_for(&key, other(padding), &right), &right)));
        causes.push(("no padding", sealed(&[1; 256], &right)));
        causes.push(("a number not under the modulus", sealed(&[255; 256], &right)));
        // What an implementation falls into that goes on with zeros where it could not decrypt.
        causes.push(("a content key of zeros", sealed(&[1; 256], &[0; 32])));
    }
    causes
}

fn other(padding: Padding) -> Padding {
    if padding == Padding::PKCS1 { Padding::PKCS1_OAEP } else { Padding::PKCS1 }
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn class_15_tags_and_vectors_have_one_length() {
    let site = Site::of("joserfc");
    for enc in super::minted::CONTENT {
        let token = &site.minted.find(Kind::Encrypted, "A256KW", enc).token;
        let octets = |place: usize| token.split('.').nth(place).unwrap().len() * 3 / 4;
        for length in (0..octets(4)).chain(octets(4) + 1..octets(4) * 2 + 2) {
            let changed = with_octets(token, 4, |tag| tag.resize(length, 0));
            site.refuses("/encrypted", &changed, &format!("{enc}: a tag of {length}"), &["decryption_failed"]);
        }
        for length in (0..octets(2)).chain(octets(2) + 1..octets(2) * 2 + 2) {
            let changed = with_octets(token, 2, |iv| iv.resize(length, 0));
            site.refuses("/encrypted", &changed, &format!("{enc}: a vector of {length}"), &["decryption_failed"]);
        }
    }
    site.admits_as_ever();
}

#[test]
fn class_17_a_password_costs_no_more_than_was_allowed() {
    let site = Site::of("joserfc");
    let token = &site.minted.find(Kind::Encrypted, "PBES2-HS256+A128KW", "A256GCM").token;
    for count in [json!(10_001), json!(1_000_000_000), json!(4_294_967_295_u32), json!(4_294_967_296_u64), json!(1e300)]
    {
        let changed = with_header(token, |header| header["p2c"] = count.clone());
        site.refuses("/all/encrypted", &changed, &count.to_string(), &["decryption_failed", "token_malformed"]);
    }
    for count in [json!(0), json!(-1), json!(1.5), json!("2048"), json!(null), json!([2048]), json!(true)] {
        let changed = with_header(token, |header| header["p2c"] = count.clone());
        site.refuses("/all/encrypted", &changed, &count.to_string(), &["token_malformed"]);
    }
    site.admits_as_ever();
}

#[test]
fn class_18_what_was_compressed_is_bounded_to_the_octet() {
    let site = Site::of("joserfc");
    let secret = site.minted.octets_of("oct-256", "k");
    let header = json!({ "alg": "dir", "enc": "A256GCM", "kid": "oct-256", "zip": "DEF" });
    for (octets, status) in [(64 * 1024, 200), (64 * 1024 + 1, 401), (16 << 20, 401)] {
        let mut content = claims().to_string().into_bytes();
        content.resize(octets, b' ');
        let token = Sealed::gcm(&header, &[], &secret, &deflate(&content)).token();
        assert!(token.len() < 16 * 1024 || status == 401, "{octets} octets are {} of token", token.len());
        let answer = site.send("/all/encrypted", &token);
        assert_eq!(answer.status, status, "{octets}: {}", answer.text());
    }
    site.admits_as_ever();
}

#[test]
fn class_19_parts_that_are_empty_or_do_not_fit_harm_nobody() {
    let site = Site::of("joserfc");
    for token in site.minted.tokens.iter().filter(|token| token.enc.as_deref() == Some("A128CBC-HS256")) {
        let what = token.words();
        for place in 0..5 {
            let emptied = with_segment(&token.token, place, |_| String::new());
            if emptied != token.token {
                site.refuses(place_of(token), &emptied, &what, &["token_malformed", "decryption_failed"]);
            }
        }
        for octets in [0, 1, 7, 8, 9, 15, 16, 17, 24, 32, 40, 64, 72, 255, 257, 4096] {
            let resized = with_octets(&token.token, 1, |key| key.resize(octets, 0));
            if resized != token.token {
                site.refuses(place_of(token), &resized, &what, &["token_malformed", "decryption_failed"]);
            }
        }
    }
    site.admits_as_ever();
}

#[test]
fn class_20_a_token_of_dots_is_no_token() {
    let site = Site::of("joserfc");
    for dots in [1, 3, 4, 5, 6, 1000, 16 * 1024, 16 * 1024 + 1, 30_000] {
        let reason = site.refusal("/nested", &".".repeat(dots), &format!("{dots} dots"));
        let expected = if dots > 16 * 1024 { "token_too_large" } else { "token_malformed" };
        assert_eq!(reason, expected, "{dots} dots");
    }
    site.admits_as_ever();
}

#[test]
fn class_22_another_writing_of_the_same_token_is_refused() {
    let site = Site::of("joserfc");
    let token = &site.minted.find(Kind::Encrypted, "A128GCMKW", "A128CBC-HS256").token;
    assert_eq!(site.send("/encrypted", token).status, 200);
    for place in 0..5 {
        for (way, changed) in other_writings(token, place) {
            site.refuses("/encrypted", &changed, &format!("segment {place} {way}"), &["token_malformed"]);
        }
    }
    site.admits_as_ever();
}

fn other_writings(token: &str, place: usize) -> Vec<(&'static str, String)> {
    let segment = token.split('.').nth(place).unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut written = vec![("padded", format!("{segment}="))];
    if segment.len().is_multiple_of(4) {
        // Elsewhere it would make sense, and be another token and not another writing.
        written.push(("with one letter more", format!("{segment}A")));
    }
    let (rest, last) = segment.split_at(segment.len() - 1);
    // Bits of the last letter that mean nothing: two after 3n+2 octets, four after 3n+1.
    let unused = match segment.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let value = alphabet.find(last).unwrap();
    for other in (value / unused * unused..value / unused * unused + unused).filter(|other| *other != value) {
        written.push(("with other bits at its end", format!("{rest}{}", &alphabet[other..=other])));
    }
    for (ours, theirs) in [('-', '+'), ('_', '/')] {
        if segment.contains(ours) {
            written.push(("in the standard alphabet", segment.replace(ours, &theirs.to_string())));
        }
    }
    written.into_iter().map(|(way, text)| (way, with_segment(token, place, |_| text))).collect()
}
