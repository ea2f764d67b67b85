//! RSA: a known signature, keys in each format, and each refused key.

use super::*;
use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{SecretError, rsa};
use serde_json::Value;
use testkit::rsa_pair;

/// A key of 1024 bits, and an elliptic-curve key.
const SHORT: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDgu4obEPyI+mORSAIkmU2mZgwiWBpxeFT3uICr5w8bmU6N0m5EeJ0U4WbCJsb+\
    Z+wbzBOodpMKETcw5zkwQx2k5JfGHMOy+VP19T4kJrpxyFsWC6La70hHKTDO6ofGYo9F5Yub0A9o5lbVHZyU4SDmIUcBljmvaTwfOQ+obQO64wIDAQAB";
const CURVE: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuG4EwyNNqBtRCoxmLu9EmMsgIqTHfbfbL7o9GQ3nweubPx5GX+mv8ptoJHjiWXXZ3Z6k\
    0UHhQV1TzpeiAugyow==";

const NO_PUBLIC_KEY: SecretError = SecretError::NotAKey { expected: "an RSA public key or a certificate of one" };
const NO_PRIVATE_KEY: SecretError = SecretError::NotAKey { expected: "an RSA private key of at least 2048 bits" };

/// From wechatpay-go (Apache-2.0), `TestHandler_ParseNotifyRequest`.
pub(super) fn notification(field: &str) -> String {
    let vector: Value = serde_json::from_str(include_str!("vectors/wechat_v3.json")).unwrap();
    vector[field].as_str().unwrap().to_owned()
}

fn bare(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

#[test]
fn known_signature_verifies_under_its_certificate() {
    let key = PublicKey::parse(&notification("certificate")).unwrap();
    assert_eq!(key.serial(), Some("D7CE59D1F522D701"));
    let message = format!("{}\n{}\n{}\n", notification("timestamp"), notification("nonce"), notification("body"));
    let signature = STANDARD.decode(notification("signature")).unwrap();
    assert!(key.verifies(Hash::Sha256, message.as_bytes(), &signature));
    assert!(!key.verifies(Hash::Sha512, message.as_bytes(), &signature));
    assert!(!key.verifies(Hash::Sha256, format!("{message} ").as_bytes(), &signature));
    let other = PublicKey::parse(&rsa_pair(1).public).unwrap();
    assert!(!other.verifies(Hash::Sha256, message.as_bytes(), &signature));
}

#[test]
fn key_in_each_format_is_the_same_key() {
    let pair = rsa_pair(1);
    let privates = [
        pair.private.clone(),
        pair.private_pkcs1.clone(),
        bare(&pair.private),
        bare(&pair.private_pkcs1),
        format!("\n {} \n", pair.private.replace('\n', "\r\n")),
        pair.private.replace('\n', " "),
    ];
    let publics =
        [pair.public.clone(), bare(&pair.public), pair.public.replace('\n', "\r\n"), pair.public.replace('\n', " ")];
    for (private, public) in privates.iter().flat_map(|private| publics.iter().map(move |public| (private, public))) {
        let (private, public) = (PrivateKey::parse(private).unwrap(), PublicKey::parse(public).unwrap());
        assert_eq!(public.serial(), None);
        for (hash, other) in [(Hash::Sha256, Hash::Sha512), (Hash::Sha512, Hash::Sha256)] {
            let signature = private.sign(hash, b"message");
            assert_eq!(signature.len(), 256);
            assert_eq!(signature, private.sign(hash, b"message"), "deterministic");
            assert!(public.verifies(hash, b"message", &signature));
            assert!(!public.verifies(other, b"message", &signature));
            assert!(!public.verifies(hash, b"messagf", &signature));
            assert!(!public.verifies(hash, b"message", &signature[1..]));
            assert!(!public.verifies(hash, b"message", &[]));
        }
    }
}

#[test]
fn invalid_key_is_refused() {
    let (pair, certificate) = (rsa_pair(1), notification("certificate"));
    let cut = |text: &str, bytes: usize| {
        let der = STANDARD.decode(bare(text)).unwrap();
        STANDARD.encode(&der[..der.len() - bytes])
    };
    let longer = |text: &str| STANDARD.encode([STANDARD.decode(bare(text)).unwrap(), vec![0]].concat());
    let labelled = |label: &str, base64: &str| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----");
    let publics = [
        ("", SecretError::Empty),
        ("   ", SecretError::Empty),
        ("change-me", SecretError::Placeholder),
        ("<public key>", SecretError::Placeholder),
        ("AAAA\u{e9}", NO_PUBLIC_KEY),
        ("no!", NO_PUBLIC_KEY),
        (SHORT, NO_PUBLIC_KEY),
        (CURVE, NO_PUBLIC_KEY),
        (&pair.private, NO_PUBLIC_KEY),
        (&bare(&pair.private), NO_PUBLIC_KEY),
        (&bare(&certificate), NO_PUBLIC_KEY),
        (&cut(&pair.public, 1), NO_PUBLIC_KEY),
        (&longer(&pair.public), NO_PUBLIC_KEY),
        (&labelled("CERTIFICATE", &bare(&pair.public)), NO_PUBLIC_KEY),
        (&labelled("CERTIFICATE", &cut(&certificate, 1)), NO_PUBLIC_KEY),
        (&labelled("PUBLIC KEY", &bare(&certificate)), NO_PUBLIC_KEY),
        (&labelled("RSA PUBLIC KEY", &bare(&pair.public)), NO_PUBLIC_KEY),
        (&pair.public.replace("END PUBLIC", "END PRIVATE"), NO_PUBLIC_KEY),
        (&format!("{}{}", pair.public, pair.public), NO_PUBLIC_KEY),
        (&"A".repeat(16 * 1024 + 4), SecretError::Placeholder),
        (&"ABCD".repeat(4 * 1024 + 1), NO_PUBLIC_KEY),
    ];
    for (text, error) in publics {
        assert_eq!(PublicKey::parse(text).err(), Some(error), "{text}");
    }
    let privates = [
        ("", SecretError::Empty),
        ("your-private-key", SecretError::Placeholder),
        (pair.public.as_str(), NO_PRIVATE_KEY),
        (&bare(&pair.public), NO_PRIVATE_KEY),
        (&cut(&pair.private, 1), NO_PRIVATE_KEY),
        (&cut(&pair.private_pkcs1, 1), NO_PRIVATE_KEY),
        (&labelled("PRIVATE KEY", &bare(&pair.private_pkcs1)), NO_PRIVATE_KEY),
        (&labelled("RSA PRIVATE KEY", &bare(&pair.private)), NO_PRIVATE_KEY),
        (&labelled("ENCRYPTED PRIVATE KEY", &bare(&pair.private)), NO_PRIVATE_KEY),
        (&pair.private.replace("-----END", "----END"), NO_PRIVATE_KEY),
    ];
    for (text, error) in privates {
        assert_eq!(PrivateKey::parse(text).err(), Some(error), "{text}");
    }
    assert_eq!(NO_PRIVATE_KEY.to_string(), "must be an RSA private key of at least 2048 bits");
}

#[test]
fn debug_output_has_no_private_key() {
    let pair = rsa_pair(1);
    assert_eq!(format!("{:?}", PrivateKey::parse(&pair.private)), "Ok(PrivateKey(redacted))");
    assert_eq!(format!("{:?}", PublicKey::parse(&pair.public)), "Ok(PublicKey { serial: None, .. })");
}

proptest! {
    #[test]
    fn arbitrary_key_text_does_not_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for text in [text, STANDARD.encode(&bytes), format!("-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----", STANDARD.encode(&bytes))] {
            let _ = rsa::PublicKey::parse(&text);
            let _ = PrivateKey::parse(&text);
        }
    }

    #[test]
    fn damaged_key_does_not_panic(at in any::<prop::sample::Index>(), bit in 0..8_u8, which in 0..3_usize) {
        let (label, pem) = match which {
            0 => ("CERTIFICATE", notification("certificate")),
            1 => ("PUBLIC KEY", rsa_pair(1).public),
            _ => ("PRIVATE KEY", rsa_pair(1).private),
        };
        let mut der = STANDARD.decode(bare(&pem)).unwrap();
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(der));
        if let Ok(key) = PublicKey::parse(&text) {
            let _ = key.verifies(Hash::Sha256, b"message", &[1; 256]);
        }
        let _ = PrivateKey::parse(&text);
    }
}
