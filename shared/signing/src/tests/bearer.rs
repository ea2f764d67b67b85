//! Static keys: which are accepted, and the seals of what is kept.

use super::*;
use crate::bearer::{Keys, authorization, verify, verify_sealed};

fn keys(setting: &str) -> Keys {
    Keys::parse(setting, Deployed).expect("keys")
}

#[test]
fn key_is_compared_whole_and_with_every_live_one() {
    let both = keys(&format!("{STRONG} {OTHER}"));
    let longer = format!("Bearer {STRONG}0");
    let rows = [
        (format!("Bearer {STRONG}"), None),
        (format!("Bearer {OTHER}"), None),
        (longer, Some(BadSignature)),
        (format!("Bearer {}", STRONG.get(1..).expect("a part")), Some(BadSignature)),
        (format!("Bearer {}", STRONG.to_uppercase()), Some(BadSignature)),
        (format!("Bearer {STRONG} {OTHER}"), Some(BadSignature)),
        (format!("Bearer  {STRONG}"), Some(BadSignature)),
        (format!("Bearer {STRONG}, Bearer {STRONG}"), Some(BadSignature)),
        ("Bearer ".to_owned(), Some(Malformed)),
        (String::new(), Some(Malformed)),
        (STRONG.to_owned(), Some(Malformed)),
        (format!("Basic {STRONG}"), Some(Malformed)),
    ];
    for (header, error) in rows {
        assert_eq!(verify(&both, &header, b"body").err(), error, "{header}");
    }
    assert!(verify(&both, &authorization(&format!("{OTHER} {STRONG}")), b"body").is_ok(), "the first is sent");
}

/// The seal is that of the key by which the delivery came, and of these bytes alone.
#[test]
fn seal_verifies_what_was_kept_under_its_key() {
    let both = keys(&format!("{STRONG} {OTHER}"));
    let verified = verify(&both, &format!("Bearer {OTHER}"), b"[1,2]").expect("verified");
    let seal = verified.seal(b"[1]").expect("a seal");
    // It never changes between releases.
    assert_eq!(seal, "edf439039d885f2027e93e514cff52219c7fc0bad2fc9b2a97dae8e4ec6b0761");
    for setting in [OTHER.to_owned(), format!("{STRONG} {OTHER}")] {
        let sealed = verify_sealed(&keys(&setting), &seal, b"[1]").expect("sealed");
        assert_eq!((sealed.bytes(), sealed.seal(b"[1]"), sealed.is_body_only()), (&b"[1]"[..], None, false));
    }
    let rows: [(&str, &str, &[u8], VerifyError); 5] = [
        (STRONG, &seal, b"[1]", BadSignature),
        (OTHER, &seal, b"[1] ", BadSignature),
        (OTHER, &seal.to_uppercase(), b"[1]", Malformed),
        (OTHER, "", b"[1]", Malformed),
        // Neither is a signature of another scheme.
        (OTHER, &hmac_hex::sign(&hmac_hex::Keys::parse(OTHER, Deployed).expect("keys"), b"[1]"), b"[1]", BadSignature),
    ];
    for (setting, seal, body, error) in rows {
        assert_eq!(verify_sealed(&keys(setting), seal, body).err(), Some(error), "{seal}");
    }
    assert!(!format!("{verified:?} {both:?}").contains(OTHER));
}
