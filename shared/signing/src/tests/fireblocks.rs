//! Fireblocks: the version 1 webhook keys, known signatures and tokens, and each refused signature and token.

use super::jws::vector;
use super::*;
use crate::fireblocks::{Environment, TOKEN_LIFE_S, sign_v1, token, verify_token, verify_v1};
use crate::rsa::{Hash, PrivateKey, PublicKey};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::rsa_pair;

const NOW_UNIX_S: i64 = 1_767_225_600;
const API_KEY: &str = "0c2d1c5e-1111-2222-3333-444455556666";
const URI: &str = "/v1/transactions?limit=1&order=grant%23HL1%231";
const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
const BODY: &[u8] = br#"{"assetId":"POSX_TEST"}"#;

fn private(seed: u64) -> PrivateKey {
    PrivateKey::parse(&rsa_pair(seed).private).unwrap()
}

fn public(seed: u64) -> PublicKey {
    PublicKey::parse(&rsa_pair(seed).public).unwrap()
}

/// The documented keys, compared by the hash of the whole key and the length of their signatures.
#[test]
fn version_1_keys_are_the_documented_ones() {
    let rows = [
        (Environment::Us, "us", 512, "b8bdd05823a3ffabc5c69873d2804f30ed8e85f40f0e703ca99828c1857d42ac"),
        (Environment::Eu, "eu", 512, "62c0bd718243ff45e9f91479fe5f53ff1143ea1be284fc43fd7fec4f8ef242aa"),
        (Environment::Sandbox, "sandbox", 256, "655da82ccb13f27e79a664763be4ca3132c9a2ddac798f3ad330d8a79b3c388b"),
    ];
    let files = [
        include_str!("../fireblocks/us.pem"),
        include_str!("../fireblocks/eu.pem"),
        include_str!("../fireblocks/sandbox.pem"),
    ];
    for ((environment, name, bytes, hash), pem) in rows.into_iter().zip(files) {
        assert_eq!(Environment::named(name), Some(environment));
        let bare: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        assert_eq!(crate::hex::write(&Sha256::digest(STANDARD.decode(bare).unwrap())), hash, "{name}");
        let key = environment.key_v1().unwrap();
        assert_eq!(key.numbers()[0].len(), bytes, "{name}");
        assert_eq!(key.numbers()[1], [1, 0, 1], "{name}");
        // Our own signature does not verify under Fireblocks' key.
        let signature = sign_v1(&private(1), BODY);
        assert_eq!(verify_v1(&key, &signature, BODY).map(drop), Err(BadSignature), "{name}");
    }
    for name in ["", "US", "us ", "eu2", "local"] {
        assert_eq!(Environment::named(name), None, "{name}");
    }
}

#[test]
fn changed_version_1_webhook_is_refused() {
    let (key, body, signature) = (PublicKey::parse(&vector("public_key")).unwrap(), vector("body"), vector("v1"));
    let verified = verify_v1(&key, &signature, body.as_bytes()).map(|verified| verified.bytes().to_vec());
    assert_eq!(verified, Ok(body.clone().into_bytes()), "signed by OpenSSL");
    let reserialized = serde_json::from_str::<Value>(&body).unwrap().to_string();
    for other in [reserialized.as_str(), body.trim(), ""] {
        assert_eq!(verify_v1(&key, &signature, other.as_bytes()).map(drop), Err(BadSignature), "{other}");
    }
    let (good, bytes) = (sign_v1(&private(1), BODY), private(1).sign(Hash::Sha512, BODY));
    let rows = [
        ("good", good.clone(), Ok(())),
        ("by another key", sign_v1(&private(2), BODY), Err(BadSignature)),
        ("by SHA-256", STANDARD.encode(private(1).sign(Hash::Sha256, BODY)), Err(BadSignature)),
        ("without the first byte", STANDARD.encode(&bytes[1..]), Err(BadSignature)),
        ("empty", String::new(), Err(BadSignature)),
        ("no padding", good.trim_end_matches('=').to_owned(), Err(Malformed)),
        ("the URL-safe alphabet", URL_SAFE_NO_PAD.encode(&bytes), Err(Malformed)),
        ("a space", format!("{good} "), Err(Malformed)),
        ("two, joined", format!("{good},{good}"), Err(Malformed)),
        ("hexadecimal", crate::hex::write(&bytes), Err(BadSignature)),
        ("too long", "A".repeat(1372), Err(Malformed)),
    ];
    for (name, signature, expected) in rows {
        assert_eq!(verify_v1(&public(1), &signature, BODY).map(drop), expected, "{name}");
    }
}

#[test]
fn token_of_another_library_verifies() {
    let key = PublicKey::parse(&vector("public_key")).unwrap();
    let (body, uri, sub) = (vector("token_body"), vector("token_uri"), vector("token_sub"));
    let read = |now: i64| verify_token(&key, &sub, &vector("token"), &uri, body.as_bytes(), now);
    assert_eq!(read(NOW_UNIX_S), Ok(vector("token_nonce")));
    // Our token has the same header, and the same claims in the same order.
    let ours = token(&private(1), &sub, &uri, body.as_bytes(), &vector("token_nonce"), NOW_UNIX_S);
    assert_eq!(ours.rsplit_once('.').unwrap().0, vector("token").rsplit_once('.').unwrap().0);
}

#[test]
fn token_for_another_request_or_time_is_refused() {
    let good = token(&private(1), API_KEY, URI, BODY, "n-1", NOW_UNIX_S);
    assert_eq!(token(&private(1), API_KEY, URI, BODY, "n-1", NOW_UNIX_S), good, "deterministic");
    assert_ne!(token(&private(1), API_KEY, URI, BODY, "n-2", NOW_UNIX_S), good);
    let nonce = || Ok("n-1".to_owned());
    let rows = [
        (API_KEY, URI, BODY, 0, nonce()),
        (API_KEY, URI, BODY, TOKEN_LIFE_S + 9, nonce()),
        (API_KEY, URI, BODY, -10, nonce()),
        (API_KEY, URI, BODY, TOKEN_LIFE_S + 10, Err(Stale)),
        (API_KEY, URI, BODY, -11, Err(Stale)),
        ("0c2d1c5e-1111-2222-3333-444455556667", URI, BODY, 0, Err(BadSignature)),
        ("", URI, BODY, 0, Err(BadSignature)),
        (API_KEY, "/v1/transactions", BODY, 0, Err(BadSignature)),
        (API_KEY, URI, b"{}".as_slice(), 0, Err(BadSignature)),
        (API_KEY, URI, b"", 0, Err(BadSignature)),
    ];
    for (api_key, uri, body, at, expected) in rows {
        let read = verify_token(&public(1), api_key, &good, uri, body, NOW_UNIX_S + at);
        assert_eq!(read, expected, "{api_key} {uri} {at}");
    }
    assert_eq!(verify_token(&public(2), API_KEY, &good, URI, BODY, NOW_UNIX_S), Err(BadSignature));
    let parts: Vec<&str> = good.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(NOW_UNIX_S), Some(NOW_UNIX_S + 30)));
    // Fireblocks' own libraries send the hash of an empty body for a request without a body.
    let bodiless = token(&private(1), API_KEY, URI, b"", "n", NOW_UNIX_S);
    let bodiless_claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(bodiless.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(bodiless_claims["bodyHash"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let resigned = |header: &str, claims: &Value| {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(private(1).sign(Hash::Sha256, text.as_bytes())))
    };
    let expiring_after = |seconds: i64| {
        let mut claims = claims.clone();
        claims["exp"] = json!(NOW_UNIX_S + seconds);
        claims
    };
    let rows = [
        (resigned(HEADER, &claims), nonce()),
        (resigned(HEADER, &expiring_after(55)), nonce()),
        (resigned(HEADER, &expiring_after(56)), Err(Stale)),
        (resigned(HEADER, &expiring_after(0)), Err(Stale)),
        (resigned(r#"{"alg":"none","typ":"JWT"}"#, &claims), Err(Malformed)),
        (resigned(HEADER, &json!({})), Err(Malformed)),
        (format!("{}.{}.", parts[0], parts[1]), Err(BadSignature)),
        (format!("{}.{}", parts[0], parts[1]), Err(Malformed)),
        (String::new(), Err(Malformed)),
    ];
    for (token, expected) in rows {
        assert_eq!(verify_token(&public(1), API_KEY, &token, URI, BODY, NOW_UNIX_S), expected, "{token}");
    }
}
