//! Tables: what may be a secret, what each scheme accepts, and the exact error of everything it refuses. Then properties.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::Strength::{Deployed, Local};
use crate::VerifyError::{BadSignature, Malformed, Stale};
use crate::standard_webhooks::{Headers, MAX_SIGNATURE_HEADER_BYTES, MAX_SIGNATURES, TOLERANCE_S};
use crate::{MAX_LIVE_SECRETS, Secret, VerifyError, hmac_hex, standard_webhooks};

const STRONG: &str = "7c1e5b0a94d2f386b1e07a5d3c98f246";
const OTHER: &str = "e83f60d1b27a49c5f0143bd86e9a7c52";

mod secrets {
    use super::*;
    use crate::SecretError::{Empty, NoPrefix, NotBase64, Placeholder, TooMany, TooShort, WrongLength};

    #[test]
    fn refused_for_the_hmac() {
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
                // One bad secret spoils the list, wherever it stands. White space would make it another list.
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
    fn short_is_weak_or_refused() {
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
            // Punctuation that a generator may well produce, and words inside a longer one.
            ("aQ8${kf0#Zt;<w>R2)mV!x9pL&c7Yb^H", false, Ok(false)),
            ("5ecret-password-todo-none-null-74xq", false, Ok(false)),
        ];
        for (setting, weak, deployed) in rows {
            assert_eq!(hmac_hex::Keys::parse(setting, Local).unwrap().weak(), weak, "{setting}");
            assert_eq!(
                hmac_hex::Keys::parse(setting, Deployed).map(|keys| keys.weak()),
                deployed,
                "{setting}"
            );
        }
    }

    #[test]
    fn refused_for_standard_webhooks() {
        let of_bytes = |bytes: u8| format!("whsec_{}", STANDARD.encode((0..bytes).collect::<Vec<_>>()));
        let wrong_length = |bytes| WrongLength {
            bytes,
            min: 24,
            max: 64,
        };
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
            assert_eq!(
                standard_webhooks::Keys::parse(setting).unwrap_err(),
                error,
                "{setting:?}"
            );
        }
        for bytes in [24, 32, 64] {
            standard_webhooks::Keys::parse(&of_bytes(bytes)).unwrap();
        }
    }

    #[test]
    fn a_list_has_an_end() {
        let list = |n: usize| [STRONG].repeat(n).join(" \t\n ");
        let too_many = TooMany { max: MAX_LIVE_SECRETS };
        hmac_hex::Keys::parse(&list(MAX_LIVE_SECRETS), Deployed).unwrap();
        assert_eq!(
            hmac_hex::Keys::parse(&list(MAX_LIVE_SECRETS + 1), Deployed).unwrap_err(),
            too_many
        );
        assert_eq!(hmac_hex::Keys::parse(&list(1000), Local).unwrap_err(), too_many);
    }

    #[test]
    fn errors_say_what_to_do_and_nothing_of_the_secret() {
        let deployed = |setting| hmac_hex::Keys::parse(setting, Deployed).unwrap_err();
        let standard = |setting| standard_webhooks::Keys::parse(setting).unwrap_err();
        let rows = [
            (deployed(""), "must not be empty"),
            (deployed("changeme"), "must be a real secret, and holds a placeholder"),
            (
                deployed("hunter2"),
                "must have at least 32 characters in each secret, and one has 7",
            ),
            (deployed(&[STRONG].repeat(9).join(" ")), "must list at most 8 secrets"),
            (standard("hunter2"), "must begin each secret with whsec_"),
            (
                standard("whsec_hunter2!"),
                "must be padded standard base64 after whsec_",
            ),
            (
                standard("whsec_aHVudGVyMg=="),
                "must have 24 to 64 bytes in each secret, and one has 7",
            ),
        ];
        for (error, text) in rows {
            assert_eq!(error.to_string(), text);
        }
    }
}

mod hmac {
    use super::*;

    /// A sample of new-api's scheme: `vectors/newapi_usage.json` of the protocol notes.
    const KEY: &str = "s3cr3t-usage-key";
    const BODY: &str = concat!(
        r#"{"eventId":"evt_1","eventType":"usage","timestamp":1767225600,"data":{"remoteKeyId":"tok_42","#,
        r#""model":"gpt-4o","promptTokens":120,"completionTokens":30,"totalTokens":150,"creditCost":"0.00234"}}"#
    );
    const SIGNATURE: &str = "6aa41b4fbd0de63410a64a4fe8216c11dccbd1bbf7e3e59b487553a038002725";
    const SIGNATURE_BASE64: &str = "aqQbT70N5jQQpkpP6CFsEdzL0bv34+WbSHVToDgAJyU=";
    /// RFC 4231, test case 2.
    const JEFE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const SIGNED_WITH_AN_EMPTY_KEY: &str = "f7cb65c07f421613041082212907802af30602a59c7cd2119b4f079d43b82d5e";
    const SHA256_WITHOUT_A_KEY: &str = "ae2d8422470f81c22460bda42fe7b11474ad4a9a8e21199006dd09044c574bca";
    const HMAC_SHA1: &str = "0bc90ddd0fcd928b436ebed73ace2fbbcbbfc1d4";

    fn keys(setting: &str) -> hmac_hex::Keys {
        hmac_hex::Keys::parse(setting, Local).unwrap()
    }

    #[test]
    fn known_answers() {
        assert_eq!(hmac_hex::sign(&keys(KEY), BODY.as_bytes()), SIGNATURE);
        assert_eq!(hmac_hex::sign(&keys("Jefe"), b"what do ya want for nothing?"), JEFE);
    }

    fn check(name: &str, setting: &str, body: &str, signature: &str, expected: Result<(), VerifyError>) {
        let got = hmac_hex::verify(&keys(setting), body.as_bytes(), signature).map(|verified| verified.bytes());
        assert_eq!(got, expected.map(|()| body.as_bytes()), "{name}");
    }

    #[test]
    fn secrets() {
        let last_of_eight = format!("{} {KEY}", [STRONG].repeat(7).join("\n"));
        let rows = [
            ("genuine", KEY, Ok(())),
            ("second key", &format!("{STRONG} {KEY}"), Ok(())),
            ("last of eight", &last_of_eight, Ok(())),
            ("white space around", &format!("\n {KEY}\t\n"), Ok(())),
            ("another key", STRONG, Err(BadSignature)),
            ("two other keys", &format!("{STRONG} {OTHER}"), Err(BadSignature)),
            ("in another case", &KEY.to_uppercase(), Err(BadSignature)),
            ("a character more", &format!("{KEY}y"), Err(BadSignature)),
        ];
        for (name, setting, expected) in rows {
            check(name, setting, BODY, SIGNATURE, expected);
        }
    }

    #[test]
    fn bodies() {
        let cheaper = BODY.replace("0.00234", "0.00001");
        let rows = [
            ("genuine", BODY, Ok(())),
            ("a newline more", &format!("{BODY}\n"), Err(BadSignature)),
            ("a byte order mark", &format!("\u{feff}{BODY}"), Err(BadSignature)),
            ("another amount", &cheaper, Err(BadSignature)),
            ("empty", "", Err(BadSignature)),
        ];
        for (name, body, expected) in rows {
            check(name, KEY, body, SIGNATURE, expected);
        }
    }

    #[test]
    fn signatures() {
        let (digits_63, digits_62) = (
            SIGNATURE.strip_prefix("6").unwrap(),
            SIGNATURE.strip_prefix("6a").unwrap(),
        );
        let twice = format!("{SIGNATURE},{SIGNATURE}");
        let rows = [
            ("made with an empty key", SIGNED_WITH_AN_EMPTY_KEY, Err(BadSignature)),
            ("made without a key", SHA256_WITHOUT_A_KEY, Err(BadSignature)),
            ("zeros", &"0".repeat(64), Err(BadSignature)),
            ("empty", "", Err(Malformed)),
            ("upper case", &SIGNATURE.to_uppercase(), Err(Malformed)),
            ("one upper case", &SIGNATURE.replacen('a', "A", 1), Err(Malformed)),
            ("63 digits", digits_63, Err(Malformed)),
            ("65 digits", &format!("{SIGNATURE}5"), Err(Malformed)),
            ("62 digits", digits_62, Err(Malformed)),
            ("66 digits", &format!("{SIGNATURE}25"), Err(Malformed)),
            ("no digit", &SIGNATURE.replacen('a', "g", 1), Err(Malformed)),
            ("next to 0 and a", &SIGNATURE.replacen("6a", "/`", 1), Err(Malformed)),
            ("next to 9 and A", &SIGNATURE.replacen("6a", ":@", 1), Err(Malformed)),
            ("64 bytes, not ASCII", &"é".repeat(32), Err(Malformed)),
            ("full-width digits", &"６".repeat(64), Err(Malformed)),
            ("space before", &format!(" {SIGNATURE}"), Err(Malformed)),
            ("space for a digit", &format!(" {digits_63}"), Err(Malformed)),
            ("newline after", &format!("{SIGNATURE}\n"), Err(Malformed)),
            ("NUL after", &format!("{SIGNATURE}\0"), Err(Malformed)),
            ("0x", &format!("0x{SIGNATURE}"), Err(Malformed)),
            ("sha256=", &format!("sha256={SIGNATURE}"), Err(Malformed)),
            ("two joined", &twice, Err(Malformed)),
            ("two joined, spaced", &twice.replace(',', ", "), Err(Malformed)),
            ("base64", SIGNATURE_BASE64, Err(Malformed)),
            ("HMAC-SHA1", HMAC_SHA1, Err(Malformed)),
            ("very long", &SIGNATURE.repeat(10_000), Err(Malformed)),
        ];
        for (name, signature, expected) in rows {
            check(name, KEY, BODY, signature, expected);
        }
    }

    #[test]
    fn the_bytes_are_signed_and_not_their_meaning() {
        let odd = "\r\n{ \"b\" :\t1.0,\"a\":\"\\u00e9\\/\" , \"c\":1e2 }\n\n".as_bytes();
        let meaning: serde_json::Value = serde_json::from_slice(odd).unwrap();
        let again = serde_json::to_vec(&meaning).unwrap();
        let signature = hmac_hex::sign(&keys(KEY), odd);
        assert_eq!(hmac_hex::verify(&keys(KEY), odd, &signature).unwrap().bytes(), odd);
        assert_eq!(
            hmac_hex::verify(&keys(KEY), &again, &signature).unwrap_err(),
            BadSignature
        );
    }

    #[test]
    fn rotation() {
        let (old, new) = (keys(STRONG), keys(OTHER));
        let (during, turned) = (keys(&format!("{STRONG} {OTHER}")), keys(&format!("{OTHER}\n{STRONG}")));
        let rows = [
            (&old, &old, Ok(())),
            (&old, &during, Ok(())),
            (&new, &during, Ok(())),
            (&during, &old, Ok(())),
            (&during, &new, Err(BadSignature)),
            (&turned, &new, Ok(())),
            (&turned, &old, Err(BadSignature)),
            (&old, &turned, Ok(())),
            (&old, &new, Err(BadSignature)),
        ];
        for (i, (signer, verifier, expected)) in rows.into_iter().enumerate() {
            let signature = hmac_hex::sign(signer, b"{}");
            assert_eq!(
                hmac_hex::verify(verifier, b"{}", &signature).map(|_| ()),
                expected,
                "row {i}"
            );
        }
    }
}

mod standard {
    use super::*;

    /// The worked example of the Standard Webhooks specification and its libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SECRET_2: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: &str = "1614265330";
    const SENT_UNIX_S: i64 = 1_614_265_330;
    const BODY: &str = r#"{"test": 2432232314}"#;
    const GOOD: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const ZERO: &str = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const ED25519: &str =
        "v1a,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";

    const SHA512: &str = "v1,6tCj9QaIA2sXno6tr52xtJSf7C1DFUjL57o7GpMcNtKT+cTJjCL7+MR725hhy1tRjDat8d8ZD0zjkEupzYSsjw==";
    const EMPTY_KEY: &str = "v1,woH/1mJtZGSMCmpFTxRYbStS24eLLD/oXIYr4PYyZ7g=";
    const UNDECODED_KEY: &str = "v1,TcxlhK9b6UD6iVI1ZU2tTqp8PEVfYRseNNfa6b+LcUg=";
    const UNPREFIXED_KEY: &str = "v1,ELhqG0Ku1gwOc1f4jyKdp3SFGFLAOdJ9bvpWLciCakI=";
    const BODY_ALONE: &str = "v1,4stPUlFXJTnUWL+4p621M7CIAeanlEZ+Bvdx3ruwgYs=";

    fn keys(setting: &str) -> standard_webhooks::Keys {
        standard_webhooks::Keys::parse(setting).unwrap()
    }

    #[derive(Clone, Copy)]
    struct Request<'a> {
        secret: &'a str,
        id: &'a str,
        timestamp: &'a str,
        signature: &'a str,
        body: &'a str,
        now_unix_s: i64,
        tolerance_s: i64,
    }

    const GENUINE: Request<'_> = Request {
        secret: SECRET,
        id: ID,
        timestamp: SENT,
        signature: GOOD,
        body: BODY,
        now_unix_s: SENT_UNIX_S,
        tolerance_s: TOLERANCE_S,
    };

    fn check(name: &str, request: Request<'_>, expected: Result<(), VerifyError>) {
        let Request {
            secret,
            id,
            timestamp,
            signature,
            body,
            now_unix_s,
            tolerance_s,
        } = request;
        let headers = Headers {
            id,
            timestamp,
            signature,
        };
        let got = standard_webhooks::verify(&keys(secret), headers, body.as_bytes(), now_unix_s, tolerance_s);
        assert_eq!(
            got.map(|verified| verified.bytes()),
            expected.map(|()| body.as_bytes()),
            "{name}"
        );
    }

    #[test]
    fn known_answer() {
        assert_eq!(
            standard_webhooks::sign(&keys(SECRET), ID, SENT_UNIX_S, BODY.as_bytes()),
            GOOD
        );
        check("genuine", GENUINE, Ok(()));
    }

    #[test]
    fn secrets() {
        let rows = [
            ("first key", &*format!("{SECRET} {SECRET_2}"), Ok(())),
            ("second key", &format!("{SECRET_2}\n{SECRET}"), Ok(())),
            ("another key", SECRET_2, Err(BadSignature)),
        ];
        for (name, secret, expected) in rows {
            check(name, Request { secret, ..GENUINE }, expected);
        }
    }

    #[test]
    fn bodies() {
        let rows = [
            ("changed", r#"{"test": 2432232315}"#, Err(BadSignature)),
            ("re-serialised", r#"{"test":2432232314}"#, Err(BadSignature)),
            ("a newline more", &format!("{BODY}\n"), Err(BadSignature)),
            ("empty", "", Err(BadSignature)),
        ];
        for (name, body, expected) in rows {
            check(name, Request { body, ..GENUINE }, expected);
        }
    }

    #[test]
    fn ids() {
        let (id_128, id_129) = ("a".repeat(128), "a".repeat(129));
        let joined = format!("{ID},{ID}");
        let moved_dot = format!("{ID}.1614265330");
        let rows = [
            ("another id", "msg_p5jXN8AQM9LWM0D4loKWxJel", Err(BadSignature)),
            ("128 characters", &id_128, Err(BadSignature)),
            ("every allowed kind", "aZ09_-", Err(BadSignature)),
            ("empty", "", Err(Malformed)),
            ("129 characters", &id_129, Err(Malformed)),
            ("a dot, to move the split", &moved_dot, Err(Malformed)),
            ("space", "msg p5j", Err(Malformed)),
            ("newline", "msg_p5j\n", Err(Malformed)),
            ("hash", "usage#1", Err(Malformed)),
            ("not ASCII", "msg_é", Err(Malformed)),
            ("two headers joined", &joined, Err(Malformed)),
        ];
        for (name, id, expected) in rows {
            check(name, Request { id, ..GENUINE }, expected);
        }
    }

    #[test]
    fn timestamps() {
        let rows = [
            ("only the time changed", "1614265331", Err(BadSignature)),
            ("only the time changed, to now", "1614265390", Err(BadSignature)),
            ("same second, other text", "01614265330", Err(BadSignature)),
            ("12 digits", "001614265330", Err(BadSignature)),
            ("13 digits", "0001614265330", Err(Malformed)),
            ("milliseconds", "1614265330000", Err(Malformed)),
            ("far in the future", "999999999999", Err(Stale)),
            ("zero", "0", Err(Stale)),
            ("empty", "", Err(Malformed)),
            ("sign", "-1614265330", Err(Malformed)),
            ("plus", "+1614265330", Err(Malformed)),
            ("space", " 1614265330", Err(Malformed)),
            ("fraction", "1614265330.0", Err(Malformed)),
            ("exponent", "1e9", Err(Malformed)),
            ("hexadecimal", "0x6037b6f2", Err(Malformed)),
            ("full-width digits", "１６１４", Err(Malformed)),
            ("ISO 8601", "2021-02-25", Err(Malformed)),
            ("two headers joined", "1614265330,1614265330", Err(Malformed)),
        ];
        for (name, timestamp, expected) in rows {
            check(
                name,
                Request {
                    timestamp,
                    now_unix_s: SENT_UNIX_S + 60,
                    ..GENUINE
                },
                expected,
            );
        }
    }

    #[test]
    fn the_window_has_two_sides() {
        let rows = [
            (0, TOLERANCE_S, Ok(())),
            (300, TOLERANCE_S, Ok(())),
            (301, TOLERANCE_S, Err(Stale)),
            (-300, TOLERANCE_S, Ok(())),
            (-301, TOLERANCE_S, Err(Stale)),
            (86_400, TOLERANCE_S, Err(Stale)),
            (0, 0, Ok(())),
            (1, 0, Err(Stale)),
            (-1, 0, Err(Stale)),
            (0, -1, Err(Stale)),
            (0, i64::MIN, Err(Stale)),
            (86_400, i64::MAX, Ok(())),
            (i64::MIN, TOLERANCE_S, Err(Stale)),
            (i64::MAX - SENT_UNIX_S, TOLERANCE_S, Err(Stale)),
        ];
        for (age_s, tolerance_s, expected) in rows {
            let now_unix_s = SENT_UNIX_S + age_s;
            check(
                &format!("age {age_s}"),
                Request {
                    now_unix_s,
                    tolerance_s,
                    ..GENUINE
                },
                expected,
            );
        }
    }

    #[test]
    fn what_is_wrong_first() {
        let stale = Request {
            now_unix_s: SENT_UNIX_S + 301,
            ..GENUINE
        };
        check(
            "stale and forged",
            Request {
                signature: ZERO,
                ..stale
            },
            Err(Stale),
        );
        check(
            "stale and malformed",
            Request {
                signature: "v1",
                ..stale
            },
            Err(Malformed),
        );
        check("stale and no id", Request { id: "", ..stale }, Err(Malformed));
    }

    #[test]
    fn signatures() {
        let tag = GOOD.strip_prefix("v1,").unwrap();
        let unpadded = GOOD.trim_end_matches('=');
        let hex = format!("v1,{}", "8348".repeat(16));
        let among_versions = format!("v0,{tag} {ED25519} {GOOD} v2,?");
        let among_damaged = format!("v1,!!! v1, {unpadded} {SHA512} {GOOD}");
        let rows = [
            ("good", GOOD, Ok(())),
            ("good after a wrong one", &format!("{ZERO} {GOOD}"), Ok(())),
            ("good before a wrong one", &format!("{GOOD} {ZERO}"), Ok(())),
            ("good among other versions", &among_versions, Ok(())),
            ("good after damaged ones", &among_damaged, Ok(())),
            ("good with spaces around", &format!("  {GOOD} "), Ok(())),
            ("wrong", ZERO, Err(BadSignature)),
            ("wrong, and a v1a", &format!("{ED25519} {ZERO}"), Err(BadSignature)),
            ("empty key", EMPTY_KEY, Err(BadSignature)),
            ("secret not decoded", UNDECODED_KEY, Err(BadSignature)),
            ("prefix off, not decoded", UNPREFIXED_KEY, Err(BadSignature)),
            ("neither id nor time", BODY_ALONE, Err(BadSignature)),
            ("empty", "", Err(Malformed)),
            ("space", " ", Err(Malformed)),
            ("downgrade to v0", &format!("v0,{tag}"), Err(Malformed)),
            ("v1a alone", ED25519, Err(Malformed)),
            ("our tag as v1a", &format!("v1a,{tag}"), Err(Malformed)),
            ("V1", &format!("V1,{tag}"), Err(Malformed)),
            ("v11", &format!("v11,{tag}"), Err(Malformed)),
            ("no version", tag, Err(Malformed)),
            ("equals sign", &format!("v1={tag}"), Err(Malformed)),
            ("space after the comma", &format!("v1, {tag}"), Err(Malformed)),
            ("version alone", "v1", Err(Malformed)),
            ("no tag", "v1,", Err(Malformed)),
            ("no padding", unpadded, Err(Malformed)),
            ("trailing bits", &GOOD.replace("1OE=", "1OF="), Err(Malformed)),
            (
                "URL alphabet",
                &GOOD.replace('+', "-").replace('/', "_"),
                Err(Malformed),
            ),
            ("newline", &format!("{GOOD}\n"), Err(Malformed)),
            ("hexadecimal", &hex, Err(Malformed)),
            ("SHA-512", SHA512, Err(Malformed)),
            ("half a tag", "v1,g0hM9SsE+OTPJTGt/tmIKg==", Err(Malformed)),
            ("not ASCII", "v1,é", Err(Malformed)),
            ("joined", &format!("{GOOD},{GOOD}"), Err(Malformed)),
            ("joined, spaced", &format!("{GOOD}, {GOOD}"), Err(Malformed)),
            ("joined, then good", &format!("{ZERO}, {ZERO} {GOOD}"), Err(Malformed)),
            ("tab between", &format!("{GOOD}\t{GOOD}"), Err(Malformed)),
        ];
        for (name, signature, expected) in rows {
            check(name, Request { signature, ..GENUINE }, expected);
        }
    }

    #[test]
    fn many_signatures() {
        let after = |other: &str, n: usize| format!("{}{GOOD}", format!("{other} ").repeat(n));
        let padded_to = |bytes: usize| format!("{GOOD} {}", "z".repeat(bytes - GOOD.len() - 1));
        let rows = [
            ("16th", after(ZERO, MAX_SIGNATURES - 1), Ok(())),
            ("16th after other versions", after("v0,A", MAX_SIGNATURES - 1), Ok(())),
            ("16th after nothing", after("", MAX_SIGNATURES - 1), Ok(())),
            ("17th", after(ZERO, MAX_SIGNATURES), Err(BadSignature)),
            (
                "17th after other versions",
                after("v0,A", MAX_SIGNATURES),
                Err(Malformed),
            ),
            ("1000 wrong", [ZERO].repeat(1000).join(" "), Err(Malformed)),
            ("as long as may be", padded_to(MAX_SIGNATURE_HEADER_BYTES), Ok(())),
            (
                "one byte longer",
                padded_to(MAX_SIGNATURE_HEADER_BYTES + 1),
                Err(Malformed),
            ),
        ];
        for (name, signature, expected) in rows {
            check(
                name,
                Request {
                    signature: &signature,
                    ..GENUINE
                },
                expected,
            );
        }
    }

    #[test]
    fn rotation() {
        let during = format!("{SECRET} {SECRET_2}");
        for (signer, verifier, expected) in [
            (SECRET, during.as_str(), Ok(())),
            (SECRET_2, &during, Ok(())),
            (&during, SECRET, Ok(())),
            (&during, SECRET_2, Err(BadSignature)),
        ] {
            let signature = standard_webhooks::sign(&keys(signer), ID, SENT_UNIX_S, BODY.as_bytes());
            check(
                signer,
                Request {
                    secret: verifier,
                    signature: &signature,
                    ..GENUINE
                },
                expected,
            );
        }
    }

    #[test]
    fn nothing_secret_in_debug() {
        let (hmac, standard) = (
            hmac_hex::Keys::parse(&format!("{STRONG} {OTHER}"), Deployed).unwrap(),
            keys(&format!("{SECRET} {SECRET_2}")),
        );
        let headers = Headers {
            id: ID,
            timestamp: SENT,
            signature: GOOD,
        };
        let verified = standard_webhooks::verify(&standard, headers, BODY.as_bytes(), SENT_UNIX_S, 0).unwrap();
        let list = "Keys(Secrets { first: Secret(redacted), rest: [Secret(redacted)] })";
        let rows = [
            (format!("{hmac:?}"), list),
            (format!("{standard:?}"), list),
            (
                format!("{:?}", Secret::new(zeroize::Zeroizing::new(b"hunter2".to_vec()), true)),
                "Secret(redacted)",
            ),
            (format!("{verified:?}"), "Verified(20 bytes)"),
            (format!("{verified:#?}"), "Verified(20 bytes)"),
            (
                format!("{headers:?}"),
                r#"Headers { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", .. }"#,
            ),
        ];
        for (got, expected) in rows {
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn labels() {
    let rows = [
        (VerifyError::Missing, "missing_signature"),
        (Malformed, "malformed_signature"),
        (Stale, "stale_signature"),
        (BadSignature, "bad_signature"),
    ];
    for (error, label) in rows {
        assert_eq!(error.label(), label);
    }
}

mod properties {
    use super::*;

    const NOW_UNIX_S: i64 = 1_767_225_600;

    fn hmac_keys() -> hmac_hex::Keys {
        hmac_hex::Keys::parse(STRONG, Deployed).unwrap()
    }

    fn standard_keys() -> standard_webhooks::Keys {
        standard_webhooks::Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
    }

    fn verify_standard<'r>(signature: &str, body: &'r [u8]) -> Result<&'r [u8], VerifyError> {
        let headers = Headers {
            id: "msg_1",
            timestamp: "1767225600",
            signature,
        };
        standard_webhooks::verify(&standard_keys(), headers, body, NOW_UNIX_S, TOLERANCE_S).map(|v| v.bytes())
    }

    /// Bit 7 is left alone: a header is text.
    fn flip_text(text: &str, at: prop::sample::Index, bit: u8) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies(
            secret in "[ -~]{1,80}",
            key in prop::collection::vec(any::<u8>(), 24..=64),
            id in "[A-Za-z0-9_-]{1,128}",
            sent in 0..=999_999_999_999_i64,
            age in -TOLERANCE_S..=TOLERANCE_S,
            body in prop::collection::vec(any::<u8>(), 0..2048),
        ) {
            if let Ok(keys) = hmac_hex::Keys::parse(&secret, Local) {
                let signature = hmac_hex::sign(&keys, &body);
                prop_assert_eq!(hmac_hex::verify(&keys, &body, &signature).map(|v| v.bytes()), Ok(&*body));
            }
            if let Ok(keys) = standard_webhooks::Keys::parse(&format!("whsec_{}", STANDARD.encode(key))) {
                let signature = standard_webhooks::sign(&keys, &id, sent, &body);
                let timestamp = sent.to_string();
                let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
                let got = standard_webhooks::verify(&keys, headers, &body, sent.saturating_add(age), TOLERANCE_S);
                prop_assert_eq!(got.map(|v| v.bytes()), Ok(&*body));
            }
        }

        #[test]
        fn a_flipped_bit_of_the_body_is_refused(
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
        }

        #[test]
        fn a_flipped_bit_of_the_signature_is_refused(
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
        }

        #[test]
        fn nothing_that_arrives_panics_or_is_believed(
            id in ".{0,40}|[a-z_]{1,9}",
            timestamp in ".{0,20}|[0-9]{1,13}",
            signature in "\\PC{0,200}|(v[01]a?,[A-Za-z0-9+/=]{0,90} ?){0,20}|[0-9a-f]{60,70}",
            body in prop::collection::vec(any::<u8>(), 0..64),
            now_unix_s in any::<i64>(),
            tolerance_s in any::<i64>(),
        ) {
            let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
            let got = standard_webhooks::verify(&standard_keys(), headers, &body, now_unix_s, tolerance_s);
            prop_assert!(got.is_err());
            prop_assert!(hmac_hex::verify(&hmac_keys(), &body, &signature).is_err());
        }

        #[test]
        fn no_setting_panics(setting in "\\PC{0,80}|[ -~\\s]{0,80}|whsec_[A-Za-z0-9+/]{0,90}={0,2}") {
            let local = hmac_hex::Keys::parse(&setting, Local);
            let deployed = hmac_hex::Keys::parse(&setting, Deployed);
            prop_assert!(deployed.is_err() || local.is_ok_and(|keys| !keys.weak()));
            let _ = standard_webhooks::Keys::parse(&setting);
        }
    }
}
