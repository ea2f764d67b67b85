//! Standard Webhooks: the specification's example, and each refused header, time and body.

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
const ED25519: &str = "v1a,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";

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
    let Request { secret, id, timestamp, signature, body, now_unix_s, tolerance_s } = request;
    let headers = Headers { id, timestamp, signature };
    let got = standard_webhooks::verify(&keys(secret), headers, body.as_bytes(), now_unix_s, tolerance_s);
    assert_eq!(got.map(|verified| verified.bytes().to_vec()), expected.map(|()| body.as_bytes().to_vec()), "{name}");
}

#[test]
fn signature_matches_the_specification() {
    assert_eq!(standard_webhooks::sign(&keys(SECRET), ID, SENT_UNIX_S, BODY.as_bytes()), GOOD);
    check("genuine", GENUINE, Ok(()));
}

#[test]
fn signature_by_any_live_secret_verifies() {
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
fn changed_body_is_refused() {
    let rows = [
        ("changed", r#"{"test": 2432232315}"#, Err(BadSignature)),
        ("re-serialised", r#"{"test":2432232314}"#, Err(BadSignature)),
        ("an additional newline", &format!("{BODY}\n"), Err(BadSignature)),
        ("empty", "", Err(BadSignature)),
    ];
    for (name, body, expected) in rows {
        check(name, Request { body, ..GENUINE }, expected);
    }
}

#[test]
fn invalid_id_is_malformed() {
    let (id_128, id_129) = ("a".repeat(128), "a".repeat(129));
    let joined = format!("{ID},{ID}");
    let moved_dot = format!("{ID}.1614265330");
    let rows = [
        ("another id", "msg_p5jXN8AQM9LWM0D4loKWxJel", Err(BadSignature)),
        ("128 characters", &id_128, Err(BadSignature)),
        ("every allowed character class", "aZ09_-", Err(BadSignature)),
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
fn invalid_or_changed_timestamp_is_refused() {
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
        check(name, Request { timestamp, now_unix_s: SENT_UNIX_S + 60, ..GENUINE }, expected);
    }
}

#[test]
fn time_outside_the_tolerance_is_stale() {
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
        check(&format!("age {age_s}"), Request { now_unix_s, tolerance_s, ..GENUINE }, expected);
    }
}

#[test]
fn stale_forgery_reports_the_first_error() {
    let stale = Request { now_unix_s: SENT_UNIX_S + 301, ..GENUINE };
    check("stale and forged", Request { signature: ZERO, ..stale }, Err(Stale));
    check("stale and malformed", Request { signature: "v1", ..stale }, Err(Malformed));
    check("stale and no id", Request { id: "", ..stale }, Err(Malformed));
}

#[test]
fn one_valid_signature_of_the_list_is_enough() {
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
        ("URL alphabet", &GOOD.replace('+', "-").replace('/', "_"), Err(Malformed)),
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
fn signatures_after_the_limit_are_ignored() {
    let after = |other: &str, n: usize| format!("{}{GOOD}", format!("{other} ").repeat(n));
    let padded_to = |bytes: usize| format!("{GOOD} {}", "z".repeat(bytes - GOOD.len() - 1));
    let rows = [
        ("16th", after(ZERO, MAX_SIGNATURES - 1), Ok(())),
        ("16th after other versions", after("v0,A", MAX_SIGNATURES - 1), Ok(())),
        ("16th after nothing", after("", MAX_SIGNATURES - 1), Ok(())),
        ("17th", after(ZERO, MAX_SIGNATURES), Err(BadSignature)),
        ("17th after other versions", after("v0,A", MAX_SIGNATURES), Err(Malformed)),
        ("1000 wrong", [ZERO].repeat(1000).join(" "), Err(Malformed)),
        ("maximum length", padded_to(MAX_SIGNATURE_HEADER_BYTES), Ok(())),
        ("one byte longer", padded_to(MAX_SIGNATURE_HEADER_BYTES + 1), Err(Malformed)),
    ];
    for (name, signature, expected) in rows {
        check(name, Request { signature: &signature, ..GENUINE }, expected);
    }
}

#[test]
fn both_secrets_verify_during_rotation() {
    let during = format!("{SECRET} {SECRET_2}");
    for (signer, verifier, expected) in [
        (SECRET, during.as_str(), Ok(())),
        (SECRET_2, &during, Ok(())),
        (&during, SECRET, Ok(())),
        (&during, SECRET_2, Err(BadSignature)),
    ] {
        let signature = standard_webhooks::sign(&keys(signer), ID, SENT_UNIX_S, BODY.as_bytes());
        check(signer, Request { secret: verifier, signature: &signature, ..GENUINE }, expected);
    }
}

#[test]
fn debug_output_has_no_secret() {
    let (hmac, standard) =
        (hmac_hex::Keys::parse(&format!("{STRONG} {OTHER}"), Deployed).unwrap(), keys(&format!("{SECRET} {SECRET_2}")));
    let headers = Headers { id: ID, timestamp: SENT, signature: GOOD };
    let verified = standard_webhooks::verify(&standard, headers, BODY.as_bytes(), SENT_UNIX_S, 0).unwrap();
    let list = "Keys(Secrets { first: Secret(redacted), rest: [Secret(redacted)] })";
    let rows = [
        (format!("{hmac:?}"), list),
        (format!("{standard:?}"), list),
        (format!("{:?}", Secret::new(zeroize::Zeroizing::new(b"hunter2".to_vec()), true)), "Secret(redacted)"),
        (format!("{verified:?}"), "Verified(20 bytes)"),
        (format!("{verified:#?}"), "Verified(20 bytes)"),
        (format!("{headers:?}"), r#"Headers { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", .. }"#),
    ];
    for (got, expected) in rows {
        assert_eq!(got, expected);
    }
}
