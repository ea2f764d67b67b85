//! HMAC of the raw body: known signatures, and each refused key, body and signature.

use super::*;

/// A sample of new-api's scheme.
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
fn signatures_match_published_vectors() {
    assert_eq!(hmac_hex::sign(&keys(KEY), BODY.as_bytes()), SIGNATURE);
    assert_eq!(hmac_hex::sign(&keys("Jefe"), b"what do ya want for nothing?"), JEFE);
}

fn check(name: &str, setting: &str, body: &str, signature: &str, expected: Result<(), VerifyError>) {
    let got = hmac_hex::verify(&keys(setting), body.as_bytes(), signature).map(|verified| verified.bytes().to_vec());
    assert_eq!(got, expected.map(|()| body.as_bytes().to_vec()), "{name}");
}

#[test]
fn signature_by_any_live_secret_verifies() {
    let last_of_eight = format!("{} {KEY}", [STRONG].repeat(7).join("\n"));
    let rows = [
        ("genuine", KEY, Ok(())),
        ("second key", &format!("{STRONG} {KEY}"), Ok(())),
        ("last of eight", &last_of_eight, Ok(())),
        ("white space around", &format!("\n {KEY}\t\n"), Ok(())),
        ("another key", STRONG, Err(BadSignature)),
        ("two other keys", &format!("{STRONG} {OTHER}"), Err(BadSignature)),
        ("in another case", &KEY.to_uppercase(), Err(BadSignature)),
        ("an additional character", &format!("{KEY}y"), Err(BadSignature)),
    ];
    for (name, setting, expected) in rows {
        check(name, setting, BODY, SIGNATURE, expected);
    }
}

#[test]
fn changed_body_is_refused() {
    let cheaper = BODY.replace("0.00234", "0.00001");
    let rows = [
        ("genuine", BODY, Ok(())),
        ("an additional newline", &format!("{BODY}\n"), Err(BadSignature)),
        ("a byte order mark", &format!("\u{feff}{BODY}"), Err(BadSignature)),
        ("another amount", &cheaper, Err(BadSignature)),
        ("empty", "", Err(BadSignature)),
    ];
    for (name, body, expected) in rows {
        check(name, KEY, body, SIGNATURE, expected);
    }
}

#[test]
fn malformed_signature_is_refused() {
    let (digits_63, digits_62) = (SIGNATURE.strip_prefix("6").unwrap(), SIGNATURE.strip_prefix("6a").unwrap());
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
fn reserialized_body_is_refused() {
    let odd = "\r\n{ \"b\" :\t1.0,\"a\":\"\\u00e9\\/\" , \"c\":1e2 }\n\n".as_bytes();
    let value: serde_json::Value = serde_json::from_slice(odd).unwrap();
    let reserialized = serde_json::to_vec(&value).unwrap();
    let signature = hmac_hex::sign(&keys(KEY), odd);
    assert_eq!(hmac_hex::verify(&keys(KEY), odd, &signature).unwrap().bytes(), odd);
    assert_eq!(hmac_hex::verify(&keys(KEY), &reserialized, &signature).unwrap_err(), BadSignature);
}

#[test]
fn both_secrets_verify_during_rotation() {
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
        assert_eq!(hmac_hex::verify(verifier, b"{}", &signature).map(|_| ()), expected, "row {i}");
    }
}
