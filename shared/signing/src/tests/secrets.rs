//! Validation of secrets, and the errors of refused ones.

use super::*;
use crate::CodePepper;
use crate::SecretError::{Empty, NoPrefix, NotBase64, Placeholder, TooMany, TooShort, WrongLength};

#[test]
fn placeholder_is_refused_for_hmac() {
    let refused = [
        ("", Empty),
        ("   ", Empty),
        ("\t\r\n", Empty),
        ("\u{3000}\u{a0}", Empty),
        ("\"\"", Empty),
        ("''", Empty),
        ("whsec_", Empty),
        ("\" \"", Empty),
        ("changeme", Placeholder),
        ("ChangeMe", Placeholder),
        ("change-me", Placeholder),
        ("CHANGE_ME", Placeholder),
        ("change me", Placeholder),
        ("CHANGE_ME-in-production-please-32", Placeholder),
        ("changemechangemechangemechangeme", Placeholder),
        ("placeholder", Placeholder),
        ("replaceme", Placeholder),
        ("replace-me", Placeholder),
        ("Replace_Me", Placeholder),
        ("replace me", Placeholder),
        ("todo", Placeholder),
        ("TODO", Placeholder),
        ("secret", Placeholder),
        ("password", Placeholder),
        ("example", Placeholder),
        ("fixme", Placeholder),
        ("tbd", Placeholder),
        ("none", Placeholder),
        ("null", Placeholder),
        ("undefined", Placeholder),
        ("\"secret\"", Placeholder),
        ("  secret\n", Placeholder),
        ("your-webhook-secret-goes-in-here-please", Placeholder),
        ("YOUR_SECRET", Placeholder),
        ("your secret here", Placeholder),
        ("<secret>", Placeholder),
        ("<paste the shared key in here>", Placeholder),
        ("${USAGE_SECRET}", Placeholder),
        ("prefix-${UsageSecret}-and-thirty-two-more", Placeholder),
        ("{{resolve:secretsmanager:usage:SecretString:key}}", Placeholder),
        ("{{resolve:ssm-secure:usage}}", Placeholder),
        ("x", Placeholder),
        ("xxxxxxxx", Placeholder),
        ("xXxXxXxX", Placeholder),
        ("0000", Placeholder),
        ("********", Placeholder),
        ("--------", Placeholder),
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", Placeholder),
        ("00000000000000000000000000000000", Placeholder),
        ("whsec_changeme", Placeholder),
        ("whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Placeholder),
    ];
    for (setting, error) in refused {
        for strength in [Local, Deployed] {
            let got = hmac_hex::Keys::parse(setting, strength).unwrap_err();
            assert_eq!(got, error, "{setting:?} {strength:?}");
            // One invalid secret invalidates the list, at any position. White space would split it into several
            // secrets.
            if setting.is_empty() || setting.contains(|c: char| c.is_ascii_whitespace()) {
                continue;
            }
            for list in [format!("{STRONG} {setting}"), format!("{setting} {STRONG}")] {
                let got = hmac_hex::Keys::parse(&list, strength).unwrap_err();
                assert_eq!(got, error, "{list:?} {strength:?}");
            }
        }
    }
}

#[test]
fn short_secret_is_weak_or_refused() {
    let chars_31 = STRONG.strip_prefix('7').unwrap();
    let multibyte_31 = "é".repeat(30) + "a";
    let (chars_32, multibyte_32) = (STRONG, "é".repeat(31) + "a");
    let both = format!("{STRONG} s3cr3t-usage-key");
    let too_short = |chars| Err(TooShort { chars, min: 32 });
    let rows = [
        ("s3cr3t-usage-key", true, too_short(16)),
        (chars_31, true, too_short(31)),
        (&multibyte_31, true, too_short(31)),
        (&both, true, too_short(16)),
        (chars_32, false, Ok(false)),
        (&multibyte_32, false, Ok(false)),
        // Punctuation that a password generator produces, and placeholder words inside a longer secret.
        ("aQ8${kf0#Zt;<w>R2)mV!x9pL&c7Yb^H", false, Ok(false)),
        ("5ecret-password-todo-none-null-74xq", false, Ok(false)),
    ];
    for (setting, weak, deployed) in rows {
        assert_eq!(hmac_hex::Keys::parse(setting, Local).unwrap().weak(), weak, "{setting}");
        assert_eq!(hmac_hex::Keys::parse(setting, Deployed).map(|keys| keys.weak()), deployed, "{setting}");
    }
}

#[test]
fn invalid_secret_is_refused_for_standard_webhooks() {
    let of_bytes = |bytes: u8| format!("whsec_{}", STANDARD.encode((0..bytes).collect::<Vec<_>>()));
    let wrong_length = |bytes| WrongLength { bytes, min: 24, max: 64 };
    let good = of_bytes(32);
    let refused = [
        ("", Empty),
        (" \n", Empty),
        ("whsec_", Empty),
        ("WHSEC_", Empty),
        (&format!("{good} whsec_"), Empty),
        ("whsec_changeme", Placeholder),
        ("whsec_your-secret", Placeholder),
        ("whsec_<base64>", Placeholder),
        ("whsec_${KEY}", Placeholder),
        ("{{resolve:secretsmanager:usage}}", Placeholder),
        ("whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", Placeholder),
        (&format!("whsec_{}", STANDARD.encode([0; 32])), Placeholder),
        (&format!("whsec_{}", STANDARD.encode([7; 25])), Placeholder),
        (good.strip_prefix("whsec_").unwrap(), NoPrefix),
        (&good.to_uppercase(), NoPrefix),
        (&format!("v1,{good}"), NoPrefix),
        (&good.replace("whsec_", "whsk_"), NoPrefix),
        (STRONG, NoPrefix),
        (good.trim_end_matches('='), NotBase64),
        (&good.replace("8=", "9="), NotBase64),
        (&good.replacen("_A", "_-", 1), NotBase64),
        (&format!("whsec_{good}"), NotBase64),
        (&of_bytes(3), wrong_length(3)),
        (&of_bytes(23), wrong_length(23)),
        (&of_bytes(65), wrong_length(65)),
    ];
    for (setting, error) in refused {
        assert_eq!(standard_webhooks::Keys::parse(setting).unwrap_err(), error, "{setting:?}");
    }
    for bytes in [24, 32, 64] {
        standard_webhooks::Keys::parse(&of_bytes(bytes)).unwrap();
    }
}

#[test]
fn too_many_secrets_are_refused() {
    let list = |n: usize| [STRONG].repeat(n).join(" \t\n ");
    let too_many = TooMany { max: MAX_LIVE_SECRETS };
    hmac_hex::Keys::parse(&list(MAX_LIVE_SECRETS), Deployed).unwrap();
    assert_eq!(hmac_hex::Keys::parse(&list(MAX_LIVE_SECRETS + 1), Deployed).unwrap_err(), too_many);
    assert_eq!(hmac_hex::Keys::parse(&list(1000), Local).unwrap_err(), too_many);
}

#[test]
fn errors_name_the_rule_and_not_the_secret() {
    let deployed = |setting| hmac_hex::Keys::parse(setting, Deployed).unwrap_err();
    let standard = |setting| standard_webhooks::Keys::parse(setting).unwrap_err();
    let rows = [
        (deployed(""), "must not be empty"),
        (deployed("changeme"), "must be a real secret, and holds a placeholder"),
        (deployed("hunter2"), "must have at least 32 characters in each secret, and one has 7"),
        (deployed(&[STRONG].repeat(9).join(" ")), "must list at most 8 secrets"),
        (standard("hunter2"), "must begin each secret with whsec_"),
        (standard("whsec_hunter2!"), "must be padded standard base64 after whsec_"),
        (standard("whsec_aHVudGVyMg=="), "must have 24 to 64 bytes in each secret, and one has 7"),
    ];
    for (error, text) in rows {
        assert_eq!(error.to_string(), text);
    }
}

/// Computed with Python's `hmac`: the codes of a campaign follow from these bits, so another computation would lose codes
/// whose answers were lost.
#[test]
fn bits_of_a_code_are_known() {
    let pepper = CodePepper::parse("a pepper of thirty-two bytes, ok", Deployed).unwrap();
    let rows = [
        ("key-1", 0, 0x9c0f_1407_2194_a31e_837e_33a9_8a18_d388),
        ("key-1", 1, 0x9cd9_b465_1e8a_5395_bd53_1206_bb23_7773),
        ("key-2", 0, 0xb091_f50e_0ff3_c325_7423_0876_da3e_b43d),
    ];
    for (request, number, bits) in rows {
        assert_eq!(pepper.bits(request, number), bits, "{request} {number}");
    }
    assert_ne!(pepper.bits("1\nkey", 0), pepper.bits("key", 1), "a request is no number");
}
