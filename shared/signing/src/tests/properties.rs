//! Properties: signed messages verify, and no others do.

use super::*;
use crate::stripe;

const NOW_UNIX_S: i64 = 1_767_225_600;

fn hmac_keys() -> hmac_hex::Keys {
    hmac_hex::Keys::parse(STRONG, Deployed).unwrap()
}

fn standard_keys() -> standard_webhooks::Keys {
    standard_webhooks::Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
}

fn stripe_keys() -> stripe::Keys {
    stripe::Keys::parse("whsec_7c1e5b0a94d2f386b1e07a5d3c98f246", Deployed).unwrap()
}

fn verify_stripe(header: &str, body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    stripe::verify(&stripe_keys(), header, body, NOW_UNIX_S, TOLERANCE_S).map(|v| v.bytes().to_vec())
}

fn verify_standard(signature: &str, body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let headers = Headers { id: "msg_1", timestamp: "1767225600", signature };
    standard_webhooks::verify(&standard_keys(), headers, body, NOW_UNIX_S, TOLERANCE_S).map(|v| v.bytes().to_vec())
}

/// Bit 7 stays zero: a header is text.
fn flip_text(text: &str, at: prop::sample::Index, bit: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn signed_message_verifies(
        secret in "[ -~]{1,80}",
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in "[A-Za-z0-9_-]{1,128}",
        sent in 0..=999_999_999_999_i64,
        age in -TOLERANCE_S..=TOLERANCE_S,
        body in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        if let Ok(keys) = hmac_hex::Keys::parse(&secret, Local) {
            let signature = hmac_hex::sign(&keys, &body);
            prop_assert_eq!(hmac_hex::verify(&keys, &body, &signature).map(|v| v.bytes().to_vec()), Ok(body.clone()));
        }
        if let Ok(keys) = stripe::Keys::parse(&format!("whsec_{secret}"), Local) {
            let header = stripe::sign(&keys, &body, sent);
            let got = stripe::verify(&keys, &header, &body, sent.saturating_add(age), TOLERANCE_S);
            prop_assert_eq!(got.map(|v| v.bytes().to_vec()), Ok(body.clone()));
        }
        if let Ok(keys) = standard_webhooks::Keys::parse(&format!("whsec_{}", STANDARD.encode(key))) {
            let signature = standard_webhooks::sign(&keys, &id, sent, &body);
            let timestamp = sent.to_string();
            let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
            let got = standard_webhooks::verify(&keys, headers, &body, sent.saturating_add(age), TOLERANCE_S);
            prop_assert_eq!(got.map(|v| v.bytes().to_vec()), Ok(body.clone()));
        }
    }

    #[test]
    fn flipped_bit_in_the_body_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..512),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut forged = body.clone();
        forged[at.index(body.len())] ^= 1 << bit;
        let signature = hmac_hex::sign(&hmac_keys(), &body);
        prop_assert_eq!(hmac_hex::verify(&hmac_keys(), &forged, &signature).map(|_| ()), Err(BadSignature));
        let signature = standard_webhooks::sign(&standard_keys(), "msg_1", NOW_UNIX_S, &body);
        prop_assert_eq!(verify_standard(&signature, &forged), Err(BadSignature));
        let header = stripe::sign(&stripe_keys(), &body, NOW_UNIX_S);
        prop_assert_eq!(verify_stripe(&header, &forged), Err(BadSignature));
    }

    #[test]
    fn flipped_bit_in_the_signature_is_refused(
        body in prop::collection::vec(any::<u8>(), 0..128),
        at in any::<prop::sample::Index>(),
        bit in 0..7_u8,
    ) {
        let forged = flip_text(&hmac_hex::sign(&hmac_keys(), &body), at, bit);
        let got = hmac_hex::verify(&hmac_keys(), &body, &forged).map(|_| ());
        prop_assert!(matches!(got, Err(BadSignature | Malformed)), "{forged:?} {got:?}");
        let forged = flip_text(&standard_webhooks::sign(&standard_keys(), "msg_1", NOW_UNIX_S, &body), at, bit);
        let got = verify_standard(&forged, &body);
        prop_assert!(matches!(got, Err(BadSignature | Malformed)), "{forged:?} {got:?}");
        // The header contains the time too, so a flipped bit can change it to a stale one.
        let forged = flip_text(&stripe::sign(&stripe_keys(), &body, NOW_UNIX_S), at, bit);
        let got = verify_stripe(&forged, &body);
        prop_assert!(matches!(got, Err(BadSignature | Malformed | Stale)), "{forged:?} {got:?}");
    }

    #[test]
    fn arbitrary_headers_are_refused(
        id in ".{0,40}|[a-z_]{1,9}",
        timestamp in ".{0,20}|[0-9]{1,13}",
        signature in "\\PC{0,200}|(v[01]a?,[A-Za-z0-9+/=]{0,90} ?){0,20}|[0-9a-f]{60,70}|(,?(t|v[01])=[0-9a-f]{0,70}){0,20}",
        body in prop::collection::vec(any::<u8>(), 0..64),
        now_unix_s in any::<i64>(),
        tolerance_s in any::<i64>(),
    ) {
        let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
        let got = standard_webhooks::verify(&standard_keys(), headers, &body, now_unix_s, tolerance_s);
        prop_assert!(got.is_err());
        prop_assert!(hmac_hex::verify(&hmac_keys(), &body, &signature).is_err());
        let header = format!("t={timestamp},v1={signature}");
        for header in [&signature, &header] {
            prop_assert!(stripe::verify(&stripe_keys(), header, &body, now_unix_s, tolerance_s).is_err());
        }
    }

    #[test]
    fn arbitrary_setting_does_not_panic(setting in "\\PC{0,80}|[ -~\\s]{0,80}|whsec_[A-Za-z0-9+/]{0,90}={0,2}") {
        let local = hmac_hex::Keys::parse(&setting, Local);
        let deployed = hmac_hex::Keys::parse(&setting, Deployed);
        prop_assert!(deployed.is_err() || local.is_ok_and(|keys| !keys.weak()));
        let _ = standard_webhooks::Keys::parse(&setting);
        let _ = stripe::Keys::parse(&setting, Deployed);
    }
}
