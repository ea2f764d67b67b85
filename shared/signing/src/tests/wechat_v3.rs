//! WeChat Pay APIv3: known signatures and ciphertexts, and each refused notification and key.

use super::rsa::notification;
use super::*;
use crate::SecretError;
use crate::rsa::PrivateKey;
use crate::wechat_v3::{
    ApiKeys, Headers as Signed, Merchant, PlatformKeys, RSA_SHA256, authorization, sign, sign_pay, verify,
    verify_answer,
};
use serde_json::json;
use testkit::rsa_pair;

const NOW_UNIX_S: i64 = 1_767_225_600;
const NONCE: &str = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
const API_KEY: &str = "0123456789abcdef0123456789abcdef";
const KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";

/// Encrypted with the Python package `cryptography` under `API_KEY`.
const SEALED: &str = "Eu6k3KOMCfFZPsMoOqloD2wBiy6brE01ccpbvuh+KH7DLBtkyNxiRsDlst3TM5OhVBZ02pNyuQWy+Ss9";
const OPENED: &str = r#"{"mchid":"1900000001","note":"支付成功"}"#;

fn platform() -> PlatformKeys {
    PlatformKeys::parse(&format!("{KEY_ID} {}\n{}", rsa_pair(1).public, notification("certificate"))).unwrap()
}

fn api_keys() -> ApiKeys {
    ApiKeys::parse(API_KEY).unwrap()
}

fn private() -> PrivateKey {
    PrivateKey::parse(&rsa_pair(1).private).unwrap()
}

fn envelope(changes: &[(&str, serde_json::Value)]) -> String {
    let mut resource = json!({
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": SEALED,
        "associated_data": "transaction",
        "nonce": "abcdefghijkl",
    });
    for (name, value) in changes {
        resource[*name] = value.clone();
    }
    json!({ "id": "EV-1", "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource", "resource": resource })
        .to_string()
}

fn opened(body: &str) -> Result<String, VerifyError> {
    let signature = sign(&private(), NOW_UNIX_S, NONCE, body.as_bytes());
    let headers =
        Signed { timestamp: "1767225600", nonce: NONCE, signature: &signature, serial: KEY_ID, signature_type: None };
    let verified = verify(&platform(), &api_keys(), headers, body.as_bytes(), NOW_UNIX_S)?;
    Ok(String::from_utf8(verified.bytes().to_vec()).unwrap())
}

#[test]
fn notification_signed_by_wechat_verifies() {
    let (timestamp, nonce, body) = (notification("timestamp"), notification("nonce"), notification("body"));
    let (signature, serial) = (notification("signature"), notification("serial"));
    let headers = Signed {
        timestamp: &timestamp,
        nonce: &nonce,
        signature: &signature,
        serial: &serial,
        signature_type: Some(RSA_SHA256),
    };
    let verified = verify_answer(&platform(), headers, body.as_bytes(), 1_624_523_846).unwrap();
    assert_eq!(verified.bytes(), body.as_bytes());
    // The same JSON after parsing and serializing.
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    let reserialized = value.to_string();
    assert_eq!(
        verify_answer(&platform(), headers, reserialized.as_bytes(), 1_624_523_846).map(drop),
        Err(BadSignature)
    );
}

#[test]
fn encrypted_resource_is_decrypted() {
    assert_eq!(opened(&envelope(&[])).as_deref(), Ok(OPENED));
    let seal = api_keys().seal(OPENED.as_bytes(), "abcdefghijkl", "transaction").unwrap();
    assert_eq!(serde_json::to_value(seal).unwrap()["ciphertext"], SEALED);
    assert!(api_keys().seal(b"{}", "abcdefghijk", "transaction").is_none());
    let without = api_keys().seal(b"{}", "abcdefghijkl", "").unwrap();
    let mut without = serde_json::to_value(without).unwrap();
    assert_eq!(opened(&json!({ "resource": without }).to_string()).as_deref(), Ok("{}"));
    without.as_object_mut().unwrap().remove("associated_data");
    assert_eq!(opened(&json!({ "resource": without }).to_string()).as_deref(), Ok("{}"));
}

/// CVE-2023-42811 and similar: a nonce, key or ciphertext of a wrong length is refused and never panics.
#[test]
fn malformed_resource_is_refused() {
    let short = STANDARD.encode([0; 15]);
    let tag_only = STANDARD.encode([0; 16]);
    let damaged = SEALED.replacen('E', "F", 1);
    let rows = [
        (envelope(&[("nonce", json!(""))]), Malformed),
        (envelope(&[("nonce", json!("abcdefghijk"))]), Malformed),
        (envelope(&[("nonce", json!("abcdefghijklm"))]), Malformed),
        (envelope(&[("nonce", json!("abcdefghijklmnop"))]), Malformed),
        (envelope(&[("nonce", json!("点点点点"))]), BadSignature),
        (envelope(&[("nonce", json!("abcdefghijkm"))]), BadSignature),
        (envelope(&[("nonce", json!(null))]), Malformed),
        (envelope(&[("ciphertext", json!(""))]), BadSignature),
        (envelope(&[("ciphertext", json!(short))]), BadSignature),
        (envelope(&[("ciphertext", json!(tag_only))]), BadSignature),
        (envelope(&[("ciphertext", json!(damaged))]), BadSignature),
        (envelope(&[("ciphertext", json!("%%%"))]), Malformed),
        (envelope(&[("ciphertext", json!(1))]), Malformed),
        (envelope(&[("associated_data", json!("refund"))]), BadSignature),
        (envelope(&[("associated_data", json!(null))]), BadSignature),
        (envelope(&[("algorithm", json!("AEAD_AES_128_GCM"))]), Malformed),
        (envelope(&[("algorithm", json!("none"))]), Malformed),
        ("{}".to_owned(), Malformed),
        ("[]".to_owned(), Malformed),
        ("not JSON".to_owned(), Malformed),
        (envelope(&[]).replacen('{', r#"{"resource":{},"#, 1), Malformed),
        (envelope(&[]).replace(r#""nonce":"#, r#""nonce":"mnopqrstuvwx","nonce":"#), Malformed),
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), Malformed),
    ];
    for (body, error) in rows {
        assert_eq!(opened(&body), Err(error), "{body:.200}");
    }
}

#[test]
fn invalid_signature_headers_are_refused() {
    let body = envelope(&[]);
    let signature = sign(&private(), NOW_UNIX_S, NONCE, body.as_bytes());
    let good =
        Signed { timestamp: "1767225600", nonce: NONCE, signature: &signature, serial: KEY_ID, signature_type: None };
    let at = |t: i64| sign(&private(), t, NONCE, body.as_bytes());
    let (old, future) = (at(NOW_UNIX_S - 301), at(NOW_UNIX_S + 301));
    let (oldest, newest) = (at(NOW_UNIX_S - 300), at(NOW_UNIX_S + 300));
    let probe = format!("WECHATPAY/SIGNTEST/{signature}");
    let joined = format!("{signature},{signature}");
    let other = sign(&PrivateKey::parse(&rsa_pair(2).private).unwrap(), NOW_UNIX_S, NONCE, body.as_bytes());
    let rows = [
        ("good", good, Ok(())),
        ("with a signature type", Signed { signature_type: Some(RSA_SHA256), ..good }, Ok(())),
        ("oldest valid time", Signed { timestamp: "1767225300", signature: &oldest, ..good }, Ok(())),
        ("latest valid time", Signed { timestamp: "1767225900", signature: &newest, ..good }, Ok(())),
        ("too old", Signed { timestamp: "1767225299", signature: &old, ..good }, Err(Stale)),
        ("from the future", Signed { timestamp: "1767225901", signature: &future, ..good }, Err(Stale)),
        ("another time", Signed { timestamp: "1767225601", ..good }, Err(BadSignature)),
        ("no time", Signed { timestamp: "", ..good }, Err(Malformed)),
        ("milliseconds", Signed { timestamp: "1767225600000", ..good }, Err(Malformed)),
        ("nine digits", Signed { timestamp: "176722560", ..good }, Err(Malformed)),
        ("a sign", Signed { timestamp: "+767225600", ..good }, Err(Malformed)),
        ("another nonce", Signed { nonce: "5K8264ILTKCH16CQ2502SI8ZNMTM67VT", ..good }, Err(BadSignature)),
        ("a nonce of two lines", Signed { nonce: "5K82\n64", ..good }, Err(Malformed)),
        ("no nonce", Signed { nonce: "", ..good }, Err(Malformed)),
        ("a probe", Signed { signature: &probe, ..good }, Err(BadSignature)),
        ("a short probe", Signed { signature: "WECHATPAY/SIGNTEST/abcdefgh", ..good }, Err(BadSignature)),
        ("no signature", Signed { signature: "", ..good }, Err(BadSignature)),
        ("two signatures", Signed { signature: &joined, ..good }, Err(BadSignature)),
        ("signed with an unknown key", Signed { signature: &other, ..good }, Err(BadSignature)),
        ("the serial of another key", Signed { serial: "D7CE59D1F522D701", ..good }, Err(BadSignature)),
        ("an unknown serial", Signed { serial: "PUB_KEY_ID_1", ..good }, Err(BadSignature)),
        ("a path as serial", Signed { serial: "../../etc/passwd", ..good }, Err(BadSignature)),
        ("no serial", Signed { serial: "", ..good }, Err(BadSignature)),
        ("SM2", Signed { signature_type: Some("WECHATPAY2-SM2-WITH-SM3"), ..good }, Err(Malformed)),
        ("a brand's", Signed { signature_type: Some("WECHATPAY-BRAND-SHA256-RSA2048"), ..good }, Err(Malformed)),
    ];
    for (name, headers, expected) in rows {
        let got = verify(&platform(), &api_keys(), headers, body.as_bytes(), NOW_UNIX_S).map(drop);
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn invalid_key_setting_is_refused() {
    let (pair, certificate) = (rsa_pair(1), notification("certificate"));
    let base64: String = pair.public.lines().filter(|line| !line.starts_with('-')).collect();
    let not_a_key = |expected: &'static str| Some(SecretError::NotAKey { expected });
    let expected_keys = not_a_key("certificates, and public keys each after its PUB_KEY_ID_");
    let no_key = not_a_key("an RSA public key or a certificate of one");
    let rows = [
        (certificate.clone(), None),
        (format!("{KEY_ID} {base64}"), None),
        (format!("{certificate} {certificate}\n{KEY_ID}\n{}{KEY_ID}0 {base64} ", pair.public), None),
        (String::new(), Some(SecretError::Empty)),
        ("change-me".to_owned(), Some(SecretError::Placeholder)),
        (base64.clone(), expected_keys),
        (pair.public.clone(), expected_keys),
        (KEY_ID.to_owned(), expected_keys),
        (format!("{KEY_ID} {certificate}"), expected_keys),
        (format!("{certificate} -----BEGIN"), no_key),
        (format!("{certificate} -----BEGIN PUBLIC KEY-----"), expected_keys),
        (format!("{KEY_ID} "), Some(SecretError::Empty)),
        (format!("{KEY_ID} {base64} {base64}"), expected_keys),
        (vec![certificate; 9].join("\n"), Some(SecretError::TooMany { max: 8 })),
    ];
    for (setting, error) in rows {
        assert_eq!(PlatformKeys::parse(&setting).err(), error, "{setting}");
    }
    let wrong = |bytes| Some(SecretError::WrongLength { bytes, min: 32, max: 32 });
    let rows = [
        (API_KEY, None),
        ("", Some(SecretError::Empty)),
        ("testMchAPIv3Key0", wrong(16)),
        ("0123456789abcdef0123456789abcde", wrong(31)),
        ("0123456789abcdef0123456789abcdef0", wrong(33)),
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Some(SecretError::Placeholder)),
    ];
    for (setting, error) in rows {
        assert_eq!(ApiKeys::parse(setting).err(), error, "{setting}");
    }
    assert!(!format!("{:?}", api_keys()).contains("0123"));
}

/// The new key and its predecessor: both decrypt, the first encrypts.
#[test]
fn both_api_keys_decrypt_during_rotation() {
    let other = "fedcba9876543210fedcba9876543210";
    let both = ApiKeys::parse(&format!("{other} {API_KEY}")).unwrap();
    for keys in [api_keys(), ApiKeys::parse(other).unwrap(), both] {
        let body = json!({ "resource": keys.seal(b"{}", "abcdefghijkl", "refund").unwrap() }).to_string();
        let signature = sign(&private(), NOW_UNIX_S, NONCE, body.as_bytes());
        let headers = Signed {
            timestamp: "1767225600",
            nonce: NONCE,
            signature: &signature,
            serial: KEY_ID,
            signature_type: None,
        };
        let both = ApiKeys::parse(&format!("{other} {API_KEY}")).unwrap();
        assert_eq!(verify(&platform(), &both, headers, body.as_bytes(), NOW_UNIX_S).unwrap().bytes(), b"{}");
    }
}

#[test]
fn requests_are_signed_in_the_same_format() {
    let key = private();
    let merchant = Merchant { mch_id: "1900000001", serial: "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C", key: &key };
    let path = "/v3/pay/transactions/out-trade-no/HL1?mchid=1900000001";
    let header = authorization(merchant, "GET", path, "", NONCE, NOW_UNIX_S);
    let (_, rest) = header.split_once("signature=\"").unwrap();
    let (signature, _) = rest.split_once('"').unwrap();
    assert_eq!(
        header.replace(signature, "…"),
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str=\"{NONCE}\",signature=\"…\",timestamp=\"1767225600\",\
             serial_no=\"1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C\""
        )
    );
    let public = crate::rsa::PublicKey::parse(&rsa_pair(1).public).unwrap();
    let verifies = |message: &str, signature: &str| {
        public.verifies(crate::rsa::Hash::Sha256, message.as_bytes(), &STANDARD.decode(signature).unwrap())
    };
    assert!(verifies(&format!("GET\n{path}\n1767225600\n{NONCE}\n\n"), signature));
    let pay = sign_pay(&key, "wx1", "1767225600", NONCE, "prepay_id=wx26");
    assert!(verifies(&format!("wx1\n1767225600\n{NONCE}\nprepay_id=wx26\n"), &pay));
}

proptest! {
    #[test]
    fn arbitrary_notification_does_not_panic(body in prop::collection::vec(any::<u8>(), 0..400), header in "\\PC{0,40}", at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let signature = sign(&private(), NOW_UNIX_S, NONCE, &body);
        let good = Signed { timestamp: "1767225600", nonce: NONCE, signature: &signature, serial: KEY_ID, signature_type: None };
        for headers in [
            good,
            Signed { timestamp: &header, ..good },
            Signed { nonce: &header, ..good },
            Signed { signature: &header, ..good },
            Signed { serial: &header, ..good },
            Signed { signature_type: Some(&header), ..good },
        ] {
            prop_assert!(verify(&platform(), &api_keys(), headers, &body, NOW_UNIX_S).is_err());
        }
        let mut damaged = envelope(&[]).into_bytes();
        let at = at.index(damaged.len());
        damaged[at] ^= 1 << bit;
        let _ = opened(&String::from_utf8_lossy(&damaged));
    }
}
