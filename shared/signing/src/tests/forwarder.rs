//! Forwarder signatures of calls, answers and callbacks: none verifies as another kind.

use super::*;
use crate::SecretError;
use crate::forwarder::{
    Call, Keys, sign_answer, sign_call, sign_callback, verify_answer, verify_call, verify_callback,
};

const SECRET: &str = "a-forwarder-secret-of-the-tests-0123456789";
const NONCE: &str = "0123456789abcdef0123456789abcdef";
const NOW_S: i64 = 1_767_225_600;
const CALL: Call<'_> = Call { method: "POST", path: "/_/pay/queryorder", body: br#"{"out_trade_no":"HL1"}"# };
const ANSWER: &[u8] = br#"{"errcode":0}"#;
const CALLBACK: &[u8] = br#"{"returnCode":"SUCCESS"}"#;
/// Computed with Python's `hmac`, by the function `tag` in the forwarder's documentation.
const CALL_TAG: &str = "77ecd05030e9da6cd40f41847e735ed0175ad61b116378bb02043969ed9d3d48";
const ANSWER_TAG: &str = "324d5e996b117fcae59f7d92b90bdfa62bc8cf2a8cf5298471747582c4b8cdb8";
const CALLBACK_TAG: &str = "f21840e724d2fc63c3050bd64e841369df8be04ed7656a8220ae9513eeb05980";

fn keys(setting: &str) -> Keys {
    Keys::parse(setting, Local).unwrap()
}

fn token(tag: &str) -> String {
    format!("{NOW_S} {NONCE} {tag}")
}

#[test]
fn signatures_match_pythons_hmac() {
    let keys = keys(SECRET);
    assert_eq!(sign_call(&keys, CALL, NONCE, NOW_S), format!("Forwarder {}", token(CALL_TAG)));
    assert_eq!(sign_answer(&keys, NONCE, 200, ANSWER, NOW_S), token(ANSWER_TAG));
    assert_eq!(sign_callback(&keys, NONCE, CALLBACK, NOW_S), token(CALLBACK_TAG));
}

#[test]
fn changed_or_stale_call_is_refused() {
    let good = format!("Forwarder {}", token(CALL_TAG));
    let body = Call { body: br#"{"out_trade_no":"HL2"}"#, ..CALL };
    let (path, method) = (Call { path: "/_/pay/refund", ..CALL }, Call { method: "GET", ..CALL });
    let longer = Call { path: "/_/pay/queryorder\n1", ..CALL };
    let swapped = good.replace(NONCE, "ffffffffffffffffffffffffffffffff");
    let later = good.replace("1767225600", "1767225601");
    let rows = [
        ("good", CALL, good.as_str(), NOW_S, Ok(NONCE)),
        ("latest valid time", CALL, &good, NOW_S + 300, Ok(NONCE)),
        ("earliest valid time", CALL, &good, NOW_S - 300, Ok(NONCE)),
        ("stale", CALL, &good, NOW_S + 301, Err(Stale)),
        ("in the future", CALL, &good, NOW_S - 301, Err(Stale)),
        ("another body", body, &good, NOW_S, Err(BadSignature)),
        ("another path", path, &good, NOW_S, Err(BadSignature)),
        ("an additional line in the path", longer, &good, NOW_S, Err(BadSignature)),
        ("another method", method, &good, NOW_S, Err(BadSignature)),
        ("another nonce", CALL, &swapped, NOW_S, Err(BadSignature)),
        ("another time", CALL, &later, NOW_S, Err(BadSignature)),
        ("another scheme", CALL, &good.replace("Forwarder ", ""), NOW_S, Err(Malformed)),
        ("empty", CALL, "", NOW_S, Err(Malformed)),
    ];
    for (name, call, authorization, now_s, expected) in rows {
        assert_eq!(verify_call(&keys(SECRET), call, authorization, now_s), expected, "{name}");
        assert!(verify_call(&keys(OTHER), call, authorization, now_s).is_err(), "{name}, another secret");
    }
}

#[test]
fn answer_to_another_call_is_refused() {
    let good = token(ANSWER_TAG);
    let another = "ffffffffffffffffffffffffffffffff";
    let other_answer = sign_answer(&keys(SECRET), another, 200, ANSWER, NOW_S);
    let rows = [
        ("good", NONCE, 200, ANSWER, good.as_str(), NOW_S, Ok(())),
        ("stale", NONCE, 200, ANSWER, &good, NOW_S + 301, Err(Stale)),
        ("another body", NONCE, 200, &b"{}"[..], &good, NOW_S, Err(BadSignature)),
        ("another status", NONCE, 404, ANSWER, &good, NOW_S, Err(BadSignature)),
        ("for another call", another, 200, ANSWER, &good, NOW_S, Err(BadSignature)),
        ("the answer to another call", NONCE, 200, ANSWER, &other_answer, NOW_S, Err(BadSignature)),
        ("a short tag", NONCE, 200, ANSWER, good.trim_end_matches("b8"), NOW_S, Err(Malformed)),
        ("a tag in capitals", NONCE, 200, ANSWER, &good.to_uppercase(), NOW_S, Err(Malformed)),
        ("two values joined", NONCE, 200, ANSWER, &format!("{good}, {good}"), NOW_S, Err(Malformed)),
        ("an additional part", NONCE, 200, ANSWER, &format!("{good} "), NOW_S, Err(Malformed)),
        ("no nonce", NONCE, 200, ANSWER, &good.replace(NONCE, ""), NOW_S, Err(Malformed)),
        ("an invalid time", NONCE, 200, ANSWER, &good.replace("1767225600", "+1767225600"), NOW_S, Err(Malformed)),
    ];
    for (name, nonce, status, body, signature, now_s, expected) in rows {
        let got = verify_answer(&keys(SECRET), nonce, status, body, signature, now_s);
        assert_eq!(got.map(|verified| assert_eq!(verified.bytes(), body)), expected, "{name}");
    }
}

#[test]
fn changed_or_stale_callback_is_refused() {
    let good = token(CALLBACK_TAG);
    let rows = [
        ("good", CALLBACK, good.as_str(), NOW_S, Ok(())),
        ("stale", CALLBACK, &good, NOW_S + 301, Err(Stale)),
        ("another body", ANSWER, &good, NOW_S, Err(BadSignature)),
    ];
    for (name, body, signature, now_s, expected) in rows {
        let got = verify_callback(&keys(SECRET), body, signature, now_s);
        assert_eq!(got.map(|verified| assert!(!verified.is_body_only())), expected, "{name}");
    }
}

/// An attacker who makes the forwarder sign one message gets no valid signature for a message of another kind.
#[test]
fn signature_of_another_kind_is_refused() {
    let keys = keys(SECRET);
    let body_alone = hmac_hex::Keys::parse(SECRET, Local).unwrap();
    let text = format!("answer\n200\n{NOW_S}\n{NONCE}\n{{}}");
    let forwarded = [
        sign_callback(&keys, NONCE, text.as_bytes(), NOW_S),
        token(&hmac_hex::sign(&body_alone, text.as_bytes())),
        sign_call(&keys, Call { method: "200", path: "", body: b"{}" }, NONCE, NOW_S).replace("Forwarder ", ""),
    ];
    for signature in forwarded {
        let got = verify_answer(&keys, NONCE, 200, b"{}", &signature, NOW_S);
        assert_eq!(got.map(|_| ()), Err(BadSignature), "{signature}");
    }
}

#[test]
fn both_secrets_verify_during_rotation() {
    let both = format!("{OTHER} {SECRET}");
    let by_old = sign_answer(&keys(SECRET), NONCE, 200, ANSWER, NOW_S);
    let by_new = sign_answer(&keys(&both), NONCE, 200, ANSWER, NOW_S);
    assert_eq!(by_new, sign_answer(&keys(OTHER), NONCE, 200, ANSWER, NOW_S), "the first signs");
    for signature in [by_old, by_new] {
        assert!(verify_answer(&keys(&both), NONCE, 200, ANSWER, &signature, NOW_S).is_ok());
    }
    assert_eq!(Keys::parse("short", Deployed).map(drop), Err(SecretError::TooShort { chars: 5, min: 32 }));
    assert_eq!(Keys::parse("", Local).map(drop), Err(SecretError::Empty));
}
