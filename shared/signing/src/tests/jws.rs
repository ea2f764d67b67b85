//! Detached JWS: signatures of another library, each refused header and part, and each refused JWKS.

use super::*;
use crate::VerifyError::UnknownKey;
use crate::jws::{MAX_PUBLISHED_KEYS, PublishedKeys, sign, verify};
use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{SecretError, jws};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::rsa_pair;

const KID: &str = "2026-01";
const BODY: &[u8] = br#"{ "id": "1", "data":{"amount" : 1.0} }"#;

pub(super) fn vector(field: &str) -> String {
    let vectors: Value = serde_json::from_str(include_str!("vectors/fireblocks.json")).unwrap();
    vectors[field].as_str().unwrap().to_owned()
}

fn private(seed: u64) -> PrivateKey {
    PrivateKey::parse(&rsa_pair(seed).private).unwrap()
}

fn public(seed: u64) -> PublicKey {
    PublicKey::parse(&rsa_pair(seed).public).unwrap()
}

fn published() -> PublishedKeys {
    PublishedKeys::parse(&PublishedKeys::write(&[(KID, &public(1)), ("2026-02", &public(2))])).unwrap()
}

fn verified(keys: &PublishedKeys, jws: &str, body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    verify(keys, jws, body).map(|verified| verified.bytes().to_vec())
}

/// A genuine signature over a different header.
fn signed_with_header(header: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(BODY));
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(private(1).sign(Hash::Sha512, text.as_bytes())))
}

#[test]
fn signature_of_another_library_verifies() {
    let keys = PublishedKeys::parse(&vector("jwks")).unwrap();
    let body = vector("body");
    for jws in [vector("jws"), vector("jws_4096")] {
        assert_eq!(verified(&keys, &jws, body.as_bytes()), Ok(body.clone().into_bytes()));
        // The same JSON after parsing and serializing, and without the final line break.
        let again = serde_json::from_str::<Value>(&body).unwrap().to_string();
        for other in [again.as_str(), body.trim(), "", &format!("{body} "), &body.replace("1.0", "1")] {
            assert_eq!(verified(&keys, &jws, other.as_bytes()), Err(BadSignature), "{other}");
        }
    }
    let (this, that) = (vector("jws"), vector("jws_4096"));
    let (header, (_, signature)) = (that.split_once("..").unwrap().0, this.split_once("..").unwrap());
    let swapped = format!("{header}..{signature}");
    assert_eq!(verified(&keys, &swapped, body.as_bytes()), Err(BadSignature), "under the other key's id");
}

#[test]
fn signature_under_another_key_is_refused() {
    let keys = published();
    for (seed, kid, expected) in [
        (1, KID, Ok(())),
        (2, "2026-02", Ok(())),
        (2, KID, Err(BadSignature)),
        (1, "2026-02", Err(BadSignature)),
        (3, KID, Err(BadSignature)),
        (1, "2026-03", Err(UnknownKey)),
        (1, "2026-01 ", Err(UnknownKey)),
        (1, "../2026-01", Err(UnknownKey)),
        (1, "https://keys.invalid/jwks.json", Err(UnknownKey)),
        (1, "", Err(Malformed)),
    ] {
        let jws = sign(&private(seed), kid, BODY);
        assert_eq!(verified(&keys, &jws, BODY).map(drop), expected, "{seed} {kid}");
    }
    assert_eq!(verified(&PublishedKeys::default(), &sign(&private(1), KID, BODY), BODY), Err(UnknownKey), "no keys");
}

#[test]
fn header_with_another_algorithm_or_key_is_refused() {
    let keys = published();
    let rows = [
        (r#"{"alg":"RS512","kid":"2026-01"}"#, Ok(())),
        (r#"{"typ":"JOSE","kid":"2026-01","alg":"RS512","iat":1}"#, Ok(())),
        // These parameters are ignored: the key is the published one.
        (r#"{"alg":"RS512","kid":"2026-01","jku":"https://keys.invalid","x5u":"file:///etc"}"#, Ok(())),
        (r#"{"alg":"none","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"rs512","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"RS256","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"HS512","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"PS512","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"ES512","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":["RS512"],"kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":null,"kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"RS512"}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":7}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":["2026-01"]}"#, Err(Malformed)),
        (r#"{"alg":"RS512","alg":"RS512","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-02","kid":"2026-01"}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01","crit":["exp"]}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01","crit":[]}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01","crit":null}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01","b64":true}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01","b64":false,"crit":["b64"]}"#, Err(Malformed)),
        (r#"["RS512","2026-01"]"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01"}{}"#, Err(Malformed)),
        (r#"{"alg":"RS512","kid":"2026-01""#, Err(Malformed)),
        (r#""RS512""#, Err(Malformed)),
        ("null", Err(Malformed)),
        ("", Err(Malformed)),
    ];
    for (header, expected) in rows {
        assert_eq!(verified(&keys, &signed_with_header(header), BODY).map(drop), expected, "{header}");
    }
    // The attacker's own key, included in the header.
    let key: Value = serde_json::from_str(&PublishedKeys::write(&[(KID, &public(3))])).unwrap();
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "RS512", "kid": KID, "jwk": key["keys"][0] }).to_string());
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(BODY));
    let forged = format!("{header}..{}", URL_SAFE_NO_PAD.encode(private(3).sign(Hash::Sha512, text.as_bytes())));
    assert_eq!(verified(&keys, &forged, BODY), Err(BadSignature));
    // RSA-SHA256, or an HMAC with a well-known key, under a header that names RS512.
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "RS512", "kid": KID }).to_string());
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(BODY));
    let sha256 = private(1).sign(Hash::Sha256, text.as_bytes());
    for signature in [sha256.as_slice(), &[7; 64], &[0; 256], &[0xff; 256], &[1]] {
        let forged = format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(verified(&keys, &forged, BODY), Err(BadSignature));
    }
}

#[test]
fn jws_that_is_not_detached_is_malformed() {
    let (keys, good) = (published(), sign(&private(1), KID, BODY));
    let (header, signature) = good.split_once("..").unwrap();
    let payload = URL_SAFE_NO_PAD.encode(BODY);
    let padded = |text: &str| format!("{text}{}", "=".repeat(4 - text.len() % 4));
    // The last character of 256 bytes encodes four bits; two bits are spare.
    let spare = {
        let (rest, last) = signature.split_at(signature.len() - 1);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.iter().position(|byte| last.as_bytes() == [*byte]).unwrap();
        format!("{rest}{}", char::from(alphabet[at + 1]))
    };
    let rows = [
        ("attached", format!("{header}.{payload}.{signature}")),
        ("two parts", format!("{header}.{signature}")),
        ("four parts", format!("{header}...{signature}")),
        ("an additional part at the end", format!("{good}.{signature}")),
        ("one part", header.to_owned()),
        ("no header", format!("..{signature}")),
        ("no signature", format!("{header}..")),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("two headers, joined", format!("{good},{good}")),
        ("two headers, joined with a space", format!("{good}, {good}")),
        ("padding after the header", format!("{}..{signature}", padded(header))),
        ("padding after the signature", format!("{header}..{}", padded(signature))),
        ("spare bits set", format!("{header}..{spare}")),
        (
            "the standard base64 alphabet",
            format!("{header}..{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap())),
        ),
        ("a space before", format!(" {good}")),
        ("a space after", format!("{good} ")),
        ("a line break", format!("{good}\n")),
        ("a header in JSON", format!("{{\"alg\":\"RS512\",\"kid\":\"{KID}\"}}..{signature}")),
        (
            "too long a header",
            signed_with_header(&format!(r#"{{"alg":"RS512","kid":"2026-01","x":"{}"}}"#, "x".repeat(1024))),
        ),
        ("too long a signature", format!("{header}..{}", "A".repeat(1367))),
    ];
    for (name, forged) in rows {
        assert_eq!(verified(&keys, &forged, BODY), Err(Malformed), "{name}");
    }
    assert_eq!(verified(&keys, &good, BODY), Ok(BODY.to_vec()));
}

#[test]
fn invalid_jwks_is_refused() {
    const INVALID: SecretError = SecretError::NotAKey { expected: "a JWKS of RSA keys, each with its own kid" };
    let written: Value = serde_json::from_str(&PublishedKeys::write(&[(KID, &public(1))])).unwrap();
    let good = &written["keys"][0];
    assert_eq!(written.to_string().matches("\"d\"").count(), 0, "no private number");
    let with = |changes: Value| {
        let mut key = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            let key = key.as_object_mut().unwrap();
            if value.is_null() {
                key.remove(name)
            } else {
                key.insert(name.clone(), value.clone())
            };
        }
        key
    };
    let set = |keys: Value| json!({ "keys": keys }).to_string();
    let n = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let modulus = URL_SAFE_NO_PAD.decode(good["n"].as_str().unwrap()).unwrap();
    let even = [&modulus[..255], &[modulus[255] ^ 1]].concat();
    let many = |count: usize| (0..count).map(|kid| with(json!({ "kid": format!("{kid}") }))).collect::<Vec<_>>();
    let rows = [
        ("one", set(json!([good])), Ok(())),
        ("with line breaks around", format!("\n{}\n", set(json!([good]))), Ok(())),
        ("without alg and use", set(json!([with(json!({ "alg": null, "use": null }))])), Ok(())),
        ("with additional members", set(json!([with(json!({ "x5t": "AAAA", "key_ops": ["verify"] }))])), Ok(())),
        (
            "next to keys of other types",
            set(json!([{ "kty": "EC", "kid": "e" }, { "kty": "oct", "k": "AAAA" }, good])),
            Ok(()),
        ),
        ("the maximum number", set(json!(many(MAX_PUBLISHED_KEYS))), Ok(())),
        ("one more than the maximum", set(json!(many(MAX_PUBLISHED_KEYS + 1))), Err(SecretError::TooMany { max: 16 })),
        ("blank", "  ".to_owned(), Err(SecretError::Empty)),
        ("no keys", set(json!([])), Err(SecretError::Empty)),
        ("another key type", set(json!([with(json!({ "kty": "EC" }))])), Err(SecretError::Empty)),
        ("another algorithm", set(json!([with(json!({ "alg": "RS256" }))])), Err(SecretError::Empty)),
        ("an encryption key", set(json!([with(json!({ "use": "enc" }))])), Err(SecretError::Empty)),
        ("without a key id", set(json!([with(json!({ "kid": null }))])), Err(SecretError::Empty)),
        ("with an empty key id", set(json!([with(json!({ "kid": "" }))])), Err(SecretError::Empty)),
        ("two with the same key id", set(json!([good, with(json!({ "e": "AQAB" }))])), Err(INVALID)),
        ("no n", set(json!([with(json!({ "n": null }))])), Err(INVALID)),
        ("no e", set(json!([with(json!({ "e": null }))])), Err(INVALID)),
        ("1024 bits", set(json!([with(json!({ "n": n(&modulus[..128]) }))])), Err(INVALID)),
        ("more than 8192 bits", set(json!([with(json!({ "n": n(&[0xff; 1025]) }))])), Err(INVALID)),
        ("a leading zero", set(json!([with(json!({ "n": n(&[&[0], modulus.as_slice()].concat()) }))])), Err(INVALID)),
        ("even modulus", set(json!([with(json!({ "n": n(&even) }))])), Err(INVALID)),
        ("exponent one", set(json!([with(json!({ "e": "AQ" }))])), Err(INVALID)),
        ("even exponent", set(json!([with(json!({ "e": "Ag" }))])), Err(INVALID)),
        ("a wide exponent", set(json!([with(json!({ "e": n(&[1, 0, 0, 0, 0, 1]) }))])), Err(INVALID)),
        ("padded", set(json!([with(json!({ "e": "AQAB====" }))])), Err(INVALID)),
        ("n as a number", set(json!([with(json!({ "n": 7 }))])), Err(INVALID)),
        ("two n", set(json!([good])).replacen("\"n\":", "\"n\":\"AQAB\",\"n\":", 1), Err(INVALID)),
        ("two sets", set(json!([good])).replacen('{', "{\"keys\":[],", 1), Err(INVALID)),
        ("a list", json!([[good]]).to_string(), Err(INVALID)),
        ("an HTML page", "<html>".to_owned(), Err(INVALID)),
        ("too long", set(json!([with(json!({ "x5t": "A".repeat(64 * 1024) }))])), Err(INVALID)),
    ];
    for (name, text, expected) in rows {
        assert_eq!(PublishedKeys::parse(&text).map(drop), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn arbitrary_jws_is_refused(
        jws in "\\PC{0,200}|[A-Za-z0-9_-]{0,90}\\.\\.[A-Za-z0-9_-]{0,350}|(ey[A-Za-z0-9_-]{0,40}\\.?){0,5}",
        body in prop::collection::vec(any::<u8>(), 0..64),
        set in "\\PC{0,200}|\\{\"keys\":\\[\\{\"kty\":\"RSA\",\"kid\":\"[a-z]{0,3}\",\"n\":\"[A-Za-z0-9_-]{0,400}\",\"e\":\"[A-Z]{0,8}\"\\}\\]\\}",
    ) {
        prop_assert!(verify(&published(), &jws, &body).is_err());
        let _ = PublishedKeys::parse(&set);
    }

    #[test]
    fn flipped_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let good = jws::sign(&private(1), KID, BODY);
        let mut forged = good.clone().into_bytes();
        let at = at.index(forged.len());
        forged[at] ^= 1 << bit;
        let forged = String::from_utf8(forged).unwrap();
        prop_assert!(verify(&published(), &forged, BODY).is_err(), "{}", forged);
    }
}
