//! Codes by RFC 6238's own test vectors, keys in base 32 by RFC 4648's, and passwords.

use ledger::Timestamp;
use operators::OperatorName;

use crate::{password, totp};

/// The key of the RFC's table for SHA-1.
const KEY: &[u8; 20] = b"12345678901234567890";

#[test]
fn codes_are_those_of_the_rfc() {
    // The last six of the eight digits of appendix B.
    let rows = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    for (second, code) in rows {
        assert_eq!(totp::code_at(KEY, second / 30), code, "{second}");
    }
}

#[test]
fn code_of_this_step_or_the_next_to_it_is_right() {
    let now = Timestamp::from_unix_ms(1_234_567_890_000).expect("a time");
    let step = 1_234_567_890_u64 / 30;
    for (apart, expected) in [(-2_i64, None), (-1, Some(step - 1)), (0, Some(step)), (1, Some(step + 1)), (2, None)] {
        let code = totp::code_at(KEY, step.checked_add_signed(apart).expect("a step"));
        assert_eq!(totp::step(KEY, &code, now), expected, "{apart}");
    }
    assert_eq!(totp::step(KEY, "005 924", now), Some(step), "as apps write it");
    for wrong in ["", "005925", "5924", "0059240", "00592４"] {
        assert_eq!(totp::step(KEY, wrong, now), None, "{wrong}");
    }
}

#[test]
fn key_is_written_as_apps_read_it() {
    assert_eq!(totp::base32(b"foobar"), "MZXW6YTBOI");
    assert_eq!(totp::base32(KEY), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(totp::key_of(&totp::base32(KEY)).as_deref(), Some(KEY.as_slice()));
    for wrong in ["", "MZXW6YTBOI", "gezdgnbvgy3tqojqgezdgnbvgy3tqojq", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"] {
        assert_eq!(totp::key_of(wrong), None, "{wrong}");
    }
    let name = OperatorName::new("amy").expect("a name");
    let address = totp::address(KEY, &name, "prod");
    assert!(address.starts_with("otpauth://totp/hookledger%20prod:amy?secret=GEZDGNBV"), "{address}");
}

#[test]
fn password_is_right_for_its_own_hash_alone() {
    let stored = password::hashed("correct horse battery", [7; 16]).expect("a hash");
    assert!(stored.starts_with("argon2id$19456$2$1$07070707"), "{stored}");
    assert!(password::is_right("correct horse battery", Some(&stored)));
    assert!(!password::is_right("correct horse batterz", Some(&stored)));
    assert!(!password::is_right("correct horse battery", None));
    // Rows that someone has written: none is right, and none takes more memory or time than it may.
    let planted = [
        "",
        "argon2id",
        "argon2i$19456$2$1$00$00",
        "argon2id$4000000$2$1$0707070707070707$00",
        "argon2id$19456$900$1$0707070707070707$00",
        &stored.replace("$1$", "$9$"),
        &stored.replace("argon2id$19456", "argon2id$x"),
        &format!("{stored}$"),
        "argon2id$19456$2$1$0707070707070707$",
    ];
    for row in planted {
        assert!(!password::is_right("", Some(row)) && !password::is_right("correct horse battery", Some(row)), "{row}");
    }
}

#[test]
fn weak_password_is_not_chosen() {
    for (password, expected) in [
        ("correct horse", true),
        ("twelve chars", true),
        ("eleven char", false),
        ("aaaaaaaaaaaaaaaa", false),
        ("amy is the best", false),
        ("AMY is the best", false),
        ("一二三四五六七八九十甲乙", true),
    ] {
        assert_eq!(password::is_strong(password, "amy"), expected, "{password}");
    }
    assert!(!password::is_strong(&"ab".repeat(200), "amy"));
}
