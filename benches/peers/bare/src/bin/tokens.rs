//! Mints what the benchmark sends: `tokens FOLDER COUNT_HS256 COUNT_RS256 COUNT_ES256 COUNT_EDDSA COUNT_JWE`.
//!
//! For each algorithm a key, as the gateways read it, and so many distinct tokens of eight claims, one on a line.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Long enough for any run, short enough that a forgotten key is of no use.
const LIFETIME_SECONDS: u64 = 7 * 24 * 3600;

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// A key to sign with, and what gateways are given: the file `NAME` and the members of its JWK.
struct Minter {
    algorithm: Algorithm,
    name: &'static str,
    file: Vec<u8>,
    jwk: serde_json::Value,
    key: EncodingKey,
}

fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn hs256() -> Outcome<Minter> {
    let mut random = [0_u8; 16];
    fill(&mut random)?;
    let secret: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
    Ok(Minter {
        algorithm: Algorithm::HS256,
        name: "hs256.secret",
        jwk: json!({ "kty": "oct", "k": base64url(secret.as_bytes()) }),
        key: EncodingKey::from_secret(secret.as_bytes()),
        file: secret.into_bytes(),
    })
}

fn rs256() -> Outcome<Minter> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048)?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
    let public = pair.public_key();
    let key = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes())?;
    let spki: PublicKeyX509Der<'_> = public.as_der()?;
    let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
    let jwk = json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e.big_endian_without_leading_zero()) });
    let file = pem("PUBLIC KEY", spki.as_ref()).into_bytes();
    Ok(Minter { algorithm: Algorithm::RS256, name: "rs256.pem", file, jwk, key })
}

fn es256() -> Outcome<Minter> {
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    let point = pair.public_key().as_ref();
    let (x, y) = point.get(1..).ok_or("a point has 65 octets")?.split_at(32);
    Ok(Minter {
        algorithm: Algorithm::ES256,
        name: "es256.pem",
        file: pem("PUBLIC KEY", spki.as_ref()).into_bytes(),
        jwk: json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) }),
        key: EncodingKey::from_ec_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes())?,
    })
}

fn eddsa() -> Outcome<Minter> {
    let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
    let pair = Ed25519KeyPair::from_pkcs8(private.as_ref())?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    Ok(Minter {
        algorithm: Algorithm::EdDSA,
        name: "eddsa.pem",
        file: pem("PUBLIC KEY", spki.as_ref()).into_bytes(),
        jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) }),
        key: EncodingKey::from_ed_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes())?,
    })
}

/// The claims of token number `number`; with a life of so many seconds, which may have ended.
fn claims(number: usize, audience: &str, lifetime: i64) -> Outcome<serde_json::Value> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    Ok(json!({
        "iss": "https://issuer.example", "aud": audience, "sub": format!("user-{number:08}"), "exp": now + lifetime,
        "iat": now - 3600, "jti": format!("{number:016x}"), "scope": "read write", "tenant": "example",
    }))
}

fn lines(folder: &Path, name: &str, lines: impl Iterator<Item = Outcome<String>>) -> Outcome<()> {
    let mut file = BufWriter::new(fs::File::create(folder.join(name))?);
    for line in lines {
        writeln!(file, "{}", line?)?;
    }
    Ok(file.flush()?)
}

impl Minter {
    fn token(&self, claims: &serde_json::Value) -> Outcome<String> {
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(self.algorithm) };
        Ok(encode(&header, claims, &self.key)?)
    }

    fn write(&self, folder: &Path, count: usize) -> Outcome<()> {
        let algorithm = format!("{:?}", self.algorithm);
        fs::write(folder.join(self.name), &self.file)?;
        let mut jwk = self.jwk.clone();
        for (name, value) in [("kid", "bench"), ("alg", algorithm.as_str()), ("use", "sig")] {
            jwk[name] = value.into();
        }
        fs::write(folder.join(format!("jwks-{algorithm}.json")), json!({ "keys": [jwk] }).to_string())?;
        let life = i64::try_from(LIFETIME_SECONDS)?;
        let good = (0..count).map(|number| self.token(&claims(number, "api", life)?));
        lines(folder, &format!("{algorithm}.tokens"), good)?;
        let expired = std::iter::once_with(|| self.token(&claims(0, "api", -1800)?));
        lines(folder, &format!("{algorithm}.expired"), expired)?;
        // The first octet of the signature is another one: everything up to the signature is good.
        let broken = std::iter::once_with(|| {
            let token = self.token(&claims(0, "api", life)?)?;
            let (content, signature) = token.rsplit_once('.').ok_or("a token has three parts")?;
            let (first, rest) = signature.split_at(1);
            Ok(format!("{content}.{}{rest}", if first == "A" { "B" } else { "A" }))
        });
        lines(folder, &format!("{algorithm}.broken"), broken)
    }
}

/// RSA-OAEP-256 with A256GCM (RFC 7516) around tokens of HS256.
fn encrypted(folder: &Path, signer: &Minter, count: usize) -> Outcome<()> {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&private)?;
    fs::write(folder.join("rsa-oaep.pem"), pem("PRIVATE KEY", der.as_ref()))?;
    let public: PublicEncryptingKey = private.public_key();
    let public = OaepPublicEncryptingKey::new(public)?;
    let header = base64url(br#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}"#);
    let life = i64::try_from(LIFETIME_SECONDS)?;
    let tokens = (0..count).map(|number| {
        let (mut key, mut iv) = ([0_u8; 32], [0_u8; 12]);
        fill(&mut key)?;
        fill(&mut iv)?;
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, &key, &mut wrapped, None)?;
        let mut text = signer.token(&claims(number, "api", life)?)?.into_bytes();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?);
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut text)?;
        let parts = [&*wrapped, &iv, &text, tag.as_ref()].map(base64url);
        Ok(format!("{header}.{}", parts.join(".")))
    });
    lines(folder, "JWE.tokens", tokens)
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, counts @ ..] = arguments.as_slice() else {
        return Err("usage: tokens FOLDER COUNT_HS256 COUNT_RS256 COUNT_ES256 COUNT_EDDSA COUNT_JWE".into());
    };
    let counts: Vec<usize> = counts.iter().map(|count| count.parse()).collect::<Result<_, _>>()?;
    let [hs, rs, es, ed, jwe] = counts.as_slice() else { return Err("five counts are needed".into()) };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    let (hs256, rs256, es256, eddsa) = (hs256()?, rs256()?, es256()?, eddsa()?);
    std::thread::scope(|scope| {
        let rsa = scope.spawn(|| rs256.write(folder, *rs));
        hs256.write(folder, *hs)?;
        es256.write(folder, *es)?;
        eddsa.write(folder, *ed)?;
        encrypted(folder, &hs256, *jwe)?;
        rsa.join().map_err(|_| "minting RS256 ended badly")?
    })
}
