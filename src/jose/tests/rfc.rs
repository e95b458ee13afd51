//! The examples of the RFCs, and tokens signed by OpenSSL.

use super::*;

const RFC7515_PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn payload_of(key: &VerificationKey, token: &str) -> String {
    let token = SignedToken::parse(token, MAX).unwrap();
    assert_eq!(token.verify(key), Ok(()));
    String::from_utf8(token.into_parts().2).unwrap()
}

#[test]
fn rfc_7515_a_1_hmac_sha_256() {
    let key = key_of(
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
    );
    let token = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{RFC7515_PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    assert_eq!(payload_of(&key, &token), claims);
    assert_eq!(SignedToken::parse(&token, MAX).unwrap().token_type(), Some("JWT"));
    assert_eq!((key.describe().as_str(), key.thumbprint()), ("oct 512 bits", None));
}

#[test]
fn rfc_7515_a_2_rsassa_pkcs1_sha_256() {
    let key = key_of(concat!(
        r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS"#,
        "2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMd",
        "bBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h",
        r#"9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#
    ));
    let signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA",
        "r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO-",
        "-xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_",
        "IoypGlUPQGe77Rw"
    );
    payload_of(&key, &format!("eyJhbGciOiJSUzI1NiJ9.{RFC7515_PAYLOAD}.{signature}"));
    assert_eq!(key.algorithms(), AlgorithmSet::of_family(KeyFamily::Rsa));
    assert_eq!(key.describe(), "RSA 2048 bits");
}

#[test]
fn rfc_7515_a_3_ecdsa_p_256_sha_256() {
    let key = key_of(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    );
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    payload_of(&key, &format!("eyJhbGciOiJFUzI1NiJ9.{RFC7515_PAYLOAD}.{signature}"));
    assert_eq!(key.describe(), "EC P-256");
}

#[test]
fn rfc_8037_a_3_and_a_4_ed25519() {
    let key = key_of(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let token = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    assert_eq!(payload_of(&key, token), "Example of Ed25519 signing");
    assert_eq!(key.thumbprint(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
}

#[test]
fn rfc_7638_3_1_thumbprint() {
    let key = key_of(concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"#,
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8",
        "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0L",
        r#"s1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
    ));
    assert_eq!(key.thumbprint(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    assert_eq!(key.kid(), Some("2011-04-29"));
    assert_eq!(key.algorithms(), AlgorithmSet::only(JwsAlgorithm::Rs256));
}

#[test]
fn tokens_of_openssl_verify_and_a_long_pss_salt_does_not() {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("vectors/openssl.json")).unwrap();
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let pem: &[u8] = match vector["key"].as_str().unwrap() {
            "rsa.pub" => include_bytes!("vectors/rsa.pub"),
            "rsa1024.pub" => include_bytes!("vectors/rsa1024.pub"),
            "p256.pub" => include_bytes!("vectors/p256.pub"),
            "p384.pub" => include_bytes!("vectors/p384.pub"),
            _ => include_bytes!("vectors/ed.pub"),
        };
        let key = PemKeys::parse(pem, WeakKeys::DangerouslyAllow).unwrap().verification_keys.remove(0);
        let name = vector["alg"].as_str().unwrap();
        // RFC 7518 §3.5: the salt is as long as the hash.
        assert_eq!(admits(&key, vector["token"].as_str().unwrap()), name != "PS256-long-salt", "{name}");
    }
}

#[test]
fn tokens_of_jsonwebtoken_verify() {
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS384);
    let claims = serde_json::json!({ "sub": "peer" });
    let token = jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(&[9; 48])).unwrap();
    let key = VerificationKey::from_secret(&[9; 48], WeakKeys::Refuse).unwrap();
    assert_eq!(payload_of(&key, &token), r#"{"sub":"peer"}"#);
}
