//! Stripe webhook signatures: known values of another HMAC implementation, and each refused header, time and secret.

use super::*;
use crate::SecretError::{Empty, NoPrefix, Placeholder, TooMany, TooShort};
use crate::stripe::{self, MAX_HEADER_BYTES, MAX_SIGNATURES, TOLERANCE_S};

/// The event from the tests of Stripe's .NET library, with its expected signature under a secret without a prefix.
const BODY: &str = r#"{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "cus_123",
      "object": "customer",
      "created": 123456789,
      "email": "test@stripe.com",
      "livemode": false,
      "metadata": {}
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "customer.created"
}
"#;
const PUBLISHED_SECRET: &str = "webhook_secret";
const PUBLISHED: &str = "2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7";
const PUBLISHED_V0: &str = "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef";

/// Valid base64 after the prefix, so that the tests detect a verifier that decodes it as Standard Webhooks do.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET_2: &str = "whsec_7c1e5b0a94d2f386b1e07a5d3c98f246";
const SENT_UNIX_S: i64 = 1_533_204_620;
const T: &str = "t=1533204620";
const GOOD: &str = "v1=38745b10be2fba3b0276640419cd89742dea17cf4ee24c8294b1859868a5c658";
const GOOD_2: &str = "v1=f21c8751fc1dc2a8808af9ca4d31ad7d8a147b7c0df8b3316bbd2b59a807f420";
const WRONG: &str = "v1=0000000000000000000000000000000000000000000000000000000000000000";

const EMPTY_KEY: &str = "v1=79fcd1efad09e7d2f8e9dcbf51e7cf51ed263813675d49e2ab90dec5db1e81a9";
const DECODED_KEY: &str = "v1=a28f7d7609e51739587a9c85397a2ad0e7399a3e79b8bcdea75632afbaddf329";
const UNPREFIXED_KEY: &str = "v1=8f116044cf2bcbaff570bb8df2bf78f8ac9d1edb7f4e21e1872c741c3dd42a80";
const WITHOUT_A_KEY: &str = "v1=4688ff379c44d1eadad275677548bc915f97c5ca24e1c9dfe66eecb8d4be39cf";
const BODY_ALONE: &str = "v1=0e31eb013b42bcaeddd320ca08c7a06ef12559e7a0b7facb80909ca263b4cb0c";
const WITHOUT_A_DOT: &str = "v1=5d191e3a29b0840e64efd369a22484fddb9cf69eb6c6693993557f81b228f7cc";
const PADDED_TIME: &str = "v1=9045e8a0bbcd679cdecbfa69aba700fd3518a681e0283d263b41e7271749bb48";
const NEGATIVE_TIME: &str = "v1=fe74dedef95f5d5b0ca54110c801b552e8712626071496cd97b4407f52740f51";

fn keys(setting: &str) -> stripe::Keys {
    stripe::Keys::parse(setting, Deployed).unwrap()
}

#[derive(Clone, Copy)]
struct Request<'a> {
    secret: &'a str,
    header: &'a str,
    body: &'a [u8],
    now_unix_s: i64,
    tolerance_s: i64,
}

const GENUINE: Request<'_> = Request {
    secret: SECRET,
    header: "t=1533204620,v1=38745b10be2fba3b0276640419cd89742dea17cf4ee24c8294b1859868a5c658",
    body: BODY.as_bytes(),
    now_unix_s: SENT_UNIX_S,
    tolerance_s: TOLERANCE_S,
};

fn check(name: &str, request: Request<'_>, expected: Result<(), VerifyError>) {
    let Request { secret, header, body, now_unix_s, tolerance_s } = request;
    let got = stripe::verify(&keys(secret), header, body, now_unix_s, tolerance_s);
    assert_eq!(got.map(|verified| verified.bytes().to_vec()), expected.map(|()| body.to_vec()), "{name}");
}

#[test]
fn signatures_match_known_values() {
    let rows: [(&str, &[u8], &str); 5] = [
        (SECRET, BODY.as_bytes(), GOOD),
        (SECRET_2, BODY.as_bytes(), GOOD_2),
        (SECRET, b"", "v1=8b2d35c86365292a33cde8507074989cb3b1424f0e6b81192b55b73b64fe07c8"),
        (
            SECRET,
            r#"{"name":"Zoë 支付 🦀"}"#.as_bytes(),
            "v1=cca4dfcbaaae0ae53185e0b500d6e22211ae09e3060e8bdbe9997d7600ef464c",
        ),
        (SECRET, b"\xff\xfe\0{}", "v1=8e7d8af6ced878e9b89ca5c23b9795c6124ded46d556d25450edee62f7a4719d"),
    ];
    for (secret, body, expected) in rows {
        let header = format!("{T},{expected}");
        assert_eq!(stripe::sign(&keys(secret), body, SENT_UNIX_S), header);
        check(expected, Request { secret, body, header: &header, ..GENUINE }, Ok(()));
    }
}

/// The published signature uses a secret without `whsec_`, which `stripe::Keys` refuses. The test ties it to the other
/// constants through the HMAC.
#[test]
fn hmac_matches_stripes_published_value() {
    let hmac_of_time_and_body = |secret| {
        let keys = hmac_hex::Keys::parse(secret, Local).unwrap();
        hmac_hex::sign(&keys, format!("1533204620.{BODY}").as_bytes())
    };
    assert_eq!(hmac_of_time_and_body(PUBLISHED_SECRET), PUBLISHED);
    assert_eq!(format!("v1={}", hmac_of_time_and_body(SECRET)), GOOD);
}

#[test]
fn one_valid_v1_signature_is_enough() {
    let hex = GOOD.strip_prefix("v1=").unwrap();
    let upper = format!("v1={}", hex.to_uppercase());
    let rows = [
        ("genuine", format!("{T},{GOOD}"), Ok(())),
        ("with a v0", format!("{T},{GOOD},{PUBLISHED_V0}"), Ok(())),
        ("the time last", format!("{GOOD},{T}"), Ok(())),
        ("after a wrong one", format!("{T},{WRONG},{GOOD}"), Ok(())),
        ("before a wrong one", format!("{T},{GOOD},{WRONG}"), Ok(())),
        ("after signatures that are not hexadecimal", format!("{T},v1=,v1=?,v1==,{upper},{GOOD}"), Ok(())),
        ("among other schemes", format!("{T},v2=x,=,T=1,{GOOD},v10=y"), Ok(())),
        ("wrong", format!("{T},{WRONG}"), Err(BadSignature)),
        ("by another secret", format!("{T},{GOOD_2}"), Err(BadSignature)),
        ("by an empty key", format!("{T},{EMPTY_KEY}"), Err(BadSignature)),
        ("by the decoded secret", format!("{T},{DECODED_KEY}"), Err(BadSignature)),
        ("by the secret without whsec_", format!("{T},{UNPREFIXED_KEY}"), Err(BadSignature)),
        ("a hash without a key", format!("{T},{WITHOUT_A_KEY}"), Err(BadSignature)),
        ("of the body alone", format!("{T},{BODY_ALONE}"), Err(BadSignature)),
        ("without a dot", format!("{T},{WITHOUT_A_DOT}"), Err(BadSignature)),
        ("a v0 alone", format!("{T},{PUBLISHED_V0}"), Err(BadSignature)),
        ("downgrade to v0", format!("{T},v0={hex}"), Err(BadSignature)),
        ("V1", format!("{T},V1={hex}"), Err(BadSignature)),
        ("v11", format!("{T},v11={hex}"), Err(BadSignature)),
        ("a time alone", T.to_owned(), Err(BadSignature)),
        ("upper case", format!("{T},{upper}"), Err(BadSignature)),
        ("one upper case", format!("{T},{}", GOOD.replacen('b', "B", 1)), Err(BadSignature)),
        ("63 digits", format!("{T},{}", GOOD.trim_end_matches('8')), Err(BadSignature)),
        ("65 digits", format!("{T},{GOOD}8"), Err(BadSignature)),
        ("a second equals sign", format!("{T},v1=={hex}"), Err(BadSignature)),
        ("empty", String::new(), Err(Malformed)),
        ("space", " ".to_owned(), Err(Malformed)),
        ("digits alone", hex.to_owned(), Err(Malformed)),
        ("no equals sign", format!("{T},{GOOD},v0"), Err(Malformed)),
        ("comma at the end", format!("{T},{GOOD},"), Err(Malformed)),
        ("comma at the beginning", format!(",{T},{GOOD}"), Err(Malformed)),
        ("not ASCII", format!("{T},{GOOD},v0=é"), Err(Malformed)),
        ("no time", GOOD.to_owned(), Err(Malformed)),
        ("two equal times", format!("{T},{T},{GOOD}"), Err(Malformed)),
        ("two times", format!("{T},{GOOD},t=1533204621"), Err(Malformed)),
        ("a good and a bad time", format!("{T},{GOOD},t="), Err(Malformed)),
        ("two headers joined", format!("{T},{GOOD},{T},{GOOD}"), Err(Malformed)),
        ("two headers joined, spaced", format!("{T},{GOOD}, {T},{GOOD}"), Err(Malformed)),
        ("space before the digits", format!("{T},v1= {hex}"), Err(Malformed)),
        ("space after the digits", format!("{T},{GOOD} "), Err(Malformed)),
        ("space after the comma", format!("{T}, {GOOD}"), Err(Malformed)),
        ("space before", format!(" {T},{GOOD}"), Err(Malformed)),
        ("a tab after a good one", format!("{T},{GOOD},v0=\t"), Err(Malformed)),
    ];
    for (name, header, expected) in rows {
        check(name, Request { header: &header, ..GENUINE }, expected);
    }
}

#[test]
fn invalid_or_changed_time_is_refused() {
    let rows = [
        ("only the time changed", "1533204621", GOOD, Err(BadSignature)),
        ("same second, other text", "01533204620", GOOD, Err(BadSignature)),
        ("12 digits, signed as written", "001533204620", PADDED_TIME, Ok(())),
        ("12 digits, signed without them", "001533204620", GOOD, Err(BadSignature)),
        ("13 digits", "0001533204620", GOOD, Err(Malformed)),
        ("milliseconds", "1533204620000", GOOD, Err(Malformed)),
        ("far in the future", "999999999999", GOOD, Err(Stale)),
        ("zero", "0", GOOD, Err(Stale)),
        ("empty", "", GOOD, Err(Malformed)),
        ("plus", "+1533204620", GOOD, Err(Malformed)),
        ("minus", "-1533204620", GOOD, Err(Malformed)),
        ("minus, signed", "-1", NEGATIVE_TIME, Err(Malformed)),
        ("space before", " 1533204620", GOOD, Err(Malformed)),
        ("space after", "1533204620 ", GOOD, Err(Malformed)),
        ("fraction", "1533204620.0", GOOD, Err(Malformed)),
        ("exponent", "1e9", GOOD, Err(Malformed)),
        ("hexadecimal", "0x5b62d80c", GOOD, Err(Malformed)),
        ("underscores", "1_533_204_620", GOOD, Err(Malformed)),
        ("full-width digits", "１５３３２０４６２０", GOOD, Err(Malformed)),
    ];
    for (name, time, tag, expected) in rows {
        check(name, Request { header: &format!("t={time},{tag}"), ..GENUINE }, expected);
    }
}

#[test]
fn time_outside_the_tolerance_is_stale() {
    let rows = [
        (-301, TOLERANCE_S, Err(Stale)),
        (-300, TOLERANCE_S, Ok(())),
        (0, TOLERANCE_S, Ok(())),
        (300, TOLERANCE_S, Ok(())),
        (301, TOLERANCE_S, Err(Stale)),
        (3600, TOLERANCE_S, Err(Stale)),
        (0, 0, Ok(())),
        (1, 0, Err(Stale)),
        (0, -1, Err(Stale)),
        (i64::MIN, TOLERANCE_S, Err(Stale)),
        (i64::MAX - SENT_UNIX_S, TOLERANCE_S, Err(Stale)),
    ];
    for (age_s, tolerance_s, expected) in rows {
        let now_unix_s = SENT_UNIX_S + age_s;
        check(&format!("age {age_s}"), Request { now_unix_s, tolerance_s, ..GENUINE }, expected);
    }
}

#[test]
fn stale_forgery_reports_the_first_error() {
    let rows = [
        ("stale and forged", format!("{T},{WRONG}"), Stale),
        ("stale and no signature", T.to_owned(), BadSignature),
        ("stale and malformed", format!("{T},v1"), Malformed),
        ("stale and no time", GOOD.to_owned(), Malformed),
    ];
    for (name, header, error) in rows {
        check(name, Request { header: &header, now_unix_s: SENT_UNIX_S + 301, ..GENUINE }, Err(error));
    }
}

#[test]
fn changed_body_is_refused() {
    let value: serde_json::Value = serde_json::from_str(BODY).unwrap();
    let rows = [
        ("one byte changed", BODY.replace("cus_123", "cus_124")),
        ("without the last newline", BODY.trim_end().to_owned()),
        ("an additional newline", format!("{BODY}\n")),
        ("carriage returns", BODY.replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{BODY}")),
        ("re-serialized", value.to_string()),
        ("the time and a dot in it", format!("1533204620.{BODY}")),
        ("empty", String::new()),
    ];
    for (name, body) in rows {
        check(name, Request { body: body.as_bytes(), ..GENUINE }, Err(BadSignature));
    }
}

#[test]
fn signatures_after_the_limit_are_ignored() {
    let after = |item: &str, n: usize| format!("{T}{},{GOOD}", format!(",{item}").repeat(n));
    let padded_to = |bytes: usize| format!("{T},{GOOD},v0={}", "0".repeat(bytes - T.len() - GOOD.len() - 5));
    assert_eq!(padded_to(MAX_HEADER_BYTES).len(), 4096);
    let rows = [
        ("16th", after(WRONG, MAX_SIGNATURES - 1), Ok(())),
        ("17th", after(WRONG, MAX_SIGNATURES), Err(BadSignature)),
        ("17th after other schemes", after("v0=0", MAX_SIGNATURES), Ok(())),
        ("17th after damaged ones", after("v1=0", MAX_SIGNATURES), Ok(())),
        ("a second time after 16", format!("{},{T}", after(WRONG, MAX_SIGNATURES)), Err(Malformed)),
        ("4096 bytes", padded_to(MAX_HEADER_BYTES), Ok(())),
        ("4097 bytes", padded_to(MAX_HEADER_BYTES + 1), Err(Malformed)),
    ];
    for (name, header, expected) in rows {
        check(name, Request { header: &header, ..GENUINE }, expected);
    }
}

#[test]
fn both_secrets_verify_during_rotation() {
    let (both, turned) = (format!("{SECRET} {SECRET_2}"), format!("{SECRET_2}\n{SECRET}"));
    let (old, new, rolling) = (format!("{T},{GOOD}"), format!("{T},{GOOD_2}"), format!("{T},{GOOD},{GOOD_2}"));
    let rows = [
        (SECRET, &old, Ok(())),
        (SECRET, &new, Err(BadSignature)),
        (SECRET, &rolling, Ok(())),
        (SECRET_2, &old, Err(BadSignature)),
        (SECRET_2, &rolling, Ok(())),
        (&both, &old, Ok(())),
        (&both, &new, Ok(())),
        (&turned, &old, Ok(())),
        (&turned, &rolling, Ok(())),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx", &rolling, Err(BadSignature)),
    ];
    for (i, (secret, header, expected)) in rows.into_iter().enumerate() {
        check(&format!("row {i}"), Request { secret, header, ..GENUINE }, expected);
    }
    assert_eq!(stripe::sign(&keys(&turned), BODY.as_bytes(), SENT_UNIX_S), new, "the first signs");
}

#[test]
fn invalid_secret_setting_is_refused() {
    let many = |n: usize| [SECRET].repeat(n).join(" ");
    let chars_31 = SECRET_2.strip_suffix("c98f246").unwrap();
    let rows = [
        ("", Err(Empty), Err(Empty)),
        (" \n", Err(Empty), Err(Empty)),
        ("whsec_", Err(Empty), Err(Empty)),
        ("whsec_...", Err(Placeholder), Err(Placeholder)),
        ("whsec_xxx", Err(Placeholder), Err(Placeholder)),
        ("whsec_your_secret", Err(Placeholder), Err(Placeholder)),
        ("whsec_<paste it here>", Err(Placeholder), Err(Placeholder)),
        ("whsec_${STRIPE_SECRET}", Err(Placeholder), Err(Placeholder)),
        (&format!("{SECRET} whsec_..."), Err(Placeholder), Err(Placeholder)),
        (STRONG, Err(NoPrefix), Err(NoPrefix)),
        (PUBLISHED_SECRET, Err(NoPrefix), Err(NoPrefix)),
        (&SECRET.replacen("whsec", "WHSEC", 1), Err(NoPrefix), Err(NoPrefix)),
        (&format!("\"{SECRET}\""), Err(NoPrefix), Err(NoPrefix)),
        (&format!("{SECRET} {STRONG}"), Err(NoPrefix), Err(NoPrefix)),
        ("whsec_local", Ok(true), Err(TooShort { chars: 11, min: 32 })),
        (chars_31, Ok(true), Err(TooShort { chars: 31, min: 32 })),
        (&format!("{chars_31}d"), Ok(false), Ok(false)),
        (SECRET, Ok(false), Ok(false)),
        (&many(8), Ok(false), Ok(false)),
        (&many(9), Err(TooMany { max: 8 }), Err(TooMany { max: 8 })),
    ];
    for (setting, local, deployed) in rows {
        assert_eq!(stripe::Keys::parse(setting, Local).map(|keys| keys.weak()), local, "{setting:?}");
        assert_eq!(stripe::Keys::parse(setting, Deployed).map(|keys| keys.weak()), deployed, "{setting:?}");
    }
    assert_eq!(format!("{:?}", keys(SECRET)), "Keys(Secrets { first: Secret(redacted), rest: [] })");
}
