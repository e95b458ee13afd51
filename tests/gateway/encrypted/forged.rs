//! Can somebody who knows only the public keys make a content key that the gateway agrees to? Classes 1 and 14.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint, EcPointRef};
use openssl::nid::Nid;
use serde_json::{Value, json};

use super::Site;
use super::minted::Kind;
use super::sealed::{Sealed, derived, with_header};
use crate::harness::issuer::{base64url, now};

fn claims() -> Vec<u8> {
    json!({ "sub": "root", "exp": now() + 3600 }).to_string().into_bytes()
}

/// A token whose sender foresaw what both sides would come to.
fn foreseen(curve: &str, ephemeral: &Value, shared: &[u8]) -> String {
    let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "kid": curve, "epk": ephemeral });
    Sealed::gcm(&header, &[], &derived(shared, "A256GCM", 32), &claims()).token()
}

/// What a sender who has the public key comes to with a half of its own, and that half.
fn agreed_with(site: &Site, fits: impl Fn(&[u8]) -> bool) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let point = |member| BigNum::from_slice(&site.minted.octets_of("P-256", member)).unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let theirs = EcKey::from_public_key_affine_coordinates(&group, &point("x"), &point("y")).unwrap();
    let mut context = BigNumContext::new().unwrap();
    let mut coordinates = |point: &EcPointRef| {
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        point.affine_coordinates(&group, &mut x, &mut y, &mut context).unwrap();
        (x.to_vec_padded(32).unwrap(), y.to_vec_padded(32).unwrap())
    };
    loop {
        let own = EcKey::generate(&group).unwrap();
        let (x, y) = coordinates(own.public_key());
        if fits(&x) {
            let mut shared = EcPoint::new(&group).unwrap();
            let mut context = BigNumContext::new().unwrap();
            shared.mul2(&group, theirs.public_key(), own.private_key(), &mut context).unwrap();
            return (x, y, coordinates(&shared).0);
        }
    }
}

fn on_p256(x: &[u8], y: &[u8]) -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
}

#[test]
fn what_is_foreseen_by_right_is_admitted() {
    // Otherwise the refusals below would prove nothing.
    let site = Site::of("joserfc");
    let (x, y, shared) = agreed_with(&site, |_| true);
    let answer = site.send("/encrypted", &foreseen("P-256", &on_p256(&x, &y), &shared));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn coordinates_have_their_full_length() {
    // RFC 7518 §6.2.1.2. authlib leaves zeros at the front out: one token of 128 on P-256, three of four on P-521.
    let site = Site::of("joserfc");
    let (x, y, shared) = agreed_with(&site, |x| x[0] == 0);
    assert_eq!(site.send("/encrypted", &foreseen("P-256", &on_p256(&x, &y), &shared)).status, 200);
    for written in [&x[1..], &[&[0], x.as_slice()].concat()] {
        let token = foreseen("P-256", &on_p256(written, &y), &shared);
        site.refuses("/encrypted", &token, &format!("{} octets", written.len()), &["decryption_failed"]);
    }
}

#[test]
fn class_14_points_of_small_order_agree_on_nothing() {
    let site = Site::of("joserfc");
    for (curve, octets) in [("X25519", 32), ("X448", 56)] {
        // 0 and 1 have small order on both curves, and so has p - 1; p and p + 1 are other writings of 0 and 1.
        let mut points = vec![vec![0; octets], one(octets)];
        points.extend(near_modulus(curve));
        for point in points {
            let ephemeral = json!({ "kty": "OKP", "crv": curve, "x": base64url(&point) });
            let token = foreseen(curve, &ephemeral, &vec![0; octets]);
            site.refuses("/encrypted", &token, &format!("{curve} {point:02x?}"), &["decryption_failed"]);
        }
    }
    site.admits_as_ever();
}

fn one(octets: usize) -> Vec<u8> {
    let mut point = vec![0; octets];
    point[0] = 1;
    point
}

/// p - 1, p and p + 1, little-endian.
fn near_modulus(curve: &str) -> [Vec<u8>; 3] {
    let modulus = if curve == "X25519" {
        let mut octets = vec![0xff; 32];
        (octets[0], octets[31]) = (0xed, 0x7f);
        octets
    } else {
        let mut octets = vec![0xff; 56];
        octets[28] = 0xfe;
        octets
    };
    let number = BigNum::from_slice(&modulus.iter().rev().copied().collect::<Vec<u8>>()).unwrap();
    [-1, 0, 1].map(|distance: i32| {
        let mut near = number.to_owned().unwrap();
        if distance < 0 {
            near.sub_word(1).unwrap()
        } else {
            near.add_word(distance.unsigned_abs()).unwrap()
        }
        let octets = near.to_vec_padded(modulus.len() as i32).unwrap();
        octets.into_iter().rev().collect()
    })
}

#[test]
fn class_14_points_that_are_not_on_the_curve_agree_on_nothing() {
    let site = Site::of("joserfc");
    for (curve, octets) in [("P-256", 32), ("P-384", 48), ("P-521", 66)] {
        let coordinate = |value: u8| {
            let mut octets = vec![0; octets];
            *octets.last_mut().unwrap() = value;
            octets
        };
        // Whoever multiplies (x, 0) without looking stays at x, or comes to nothing.
        for x in 0..8 {
            let ephemeral = json!({
                "kty": "EC", "crv": curve, "x": base64url(coordinate(x)), "y": base64url(coordinate(0)),
            });
            for shared in [coordinate(x), coordinate(0)] {
                let token = foreseen(curve, &ephemeral, &shared);
                site.refuses("/encrypted", &token, &format!("{curve} ({x}, 0)"), &["decryption_failed"]);
            }
        }
    }
    site.admits_as_ever();
}

#[test]
fn class_14_the_senders_half_is_a_point_of_the_keys_own_curve() {
    let site = Site::of("joserfc");
    for alg in ["ECDH-ES", "ECDH-ES+A256KW"] {
        let token = &site.minted.find(Kind::Encrypted, alg, "A256GCM").token;
        for (what, ephemeral) in halves(&site) {
            let changed = with_header(token, |header| header["epk"] = ephemeral.clone());
            site.refuses("/encrypted", &changed, what, &["decryption_failed", "token_malformed"]);
        }
        let absent = with_header(token, |header| drop(header.as_object_mut().unwrap().remove("epk")));
        site.refuses("/encrypted", &absent, "none", &["token_malformed"]);
    }
    site.admits_as_ever();
}

fn halves(site: &Site) -> Vec<(&'static str, Value)> {
    let octets = |kid: &str, member: &str| base64url(site.minted.octets_of(kid, member));
    let (x, y) = (octets("P-256", "x"), octets("P-256", "y"));
    let of = |x: &str, y: &str| json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    let mut next = site.minted.octets_of("P-256", "y");
    *next.last_mut().unwrap() ^= 1;
    vec![
        ("beside the curve", of(&x, &base64url(next))),
        ("nowhere", of(&base64url([0; 32]), &base64url([0; 32]))),
        ("over the modulus", of(&base64url([255; 32]), &base64url([255; 32]))),
        (
            "of another curve",
            json!({ "kty": "EC", "crv": "P-384", "x": octets("P-384", "x"), "y": octets("P-384", "y") }),
        ),
        ("of another curve by name", json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y })),
        ("of another kind", json!({ "kty": "OKP", "crv": "X25519", "x": octets("X25519", "x") })),
        ("of a curve that does not agree", json!({ "kty": "OKP", "crv": "Ed25519", "x": octets("X25519", "x") })),
        ("without y", json!({ "kty": "EC", "crv": "P-256", "x": x })),
        ("short", of(&base64url([1; 31]), &y)),
        ("long", of(&base64url([1; 33]), &y)),
        ("a secret", json!({ "kty": "oct", "k": x })),
        ("a text", json!("P-256")),
        ("empty", json!({})),
        ("nothing", json!(null)),
    ]
}

#[test]
fn class_01_what_is_public_is_no_secret() {
    // The numbers of the public keys, as content encryption keys and as keys that wrap one.
    let site = Site::of("joserfc");
    for (kid, member) in [("P-256", "x"), ("P-256", "y"), ("X25519", "x")] {
        let public = site.minted.octets_of(kid, member);
        for named in [Some(kid), Some("oct-256"), None] {
            let mut header = json!({ "alg": "dir", "enc": "A256GCM" });
            if let Some(named) = named {
                header["kid"] = named.into();
            }
            let token = Sealed::gcm(&header, &[], &public, &claims()).token();
            let reasons = ["decryption_failed", "algorithm_refused", "key_unknown"];
            site.refuses("/encrypted", &token, &format!("{kid} {member} as {named:?}"), &reasons);
        }
    }
    site.admits_as_ever();
}
