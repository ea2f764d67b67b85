//! WeChat Pay APIv2: known signatures and ciphertexts, round trips, and each refused document.

use super::*;
use crate::wechat_v2::{Algorithm, FIELDS_MAX, Fields, Keys, XML_BYTES_MAX, seal_refund, sign, verify};
use Algorithm::{HmacSha256, Md5};
use serde_json::Value;

/// The example key of WeChat's documentation, which no merchant uses.
const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const SIGNED_MD5: &str = include_str!("vectors/wechat_v2_md5.xml");
const SIGNED_HMAC: &str = include_str!("vectors/wechat_v2_hmac.xml");

fn keys() -> Keys {
    Keys::parse(KEY, Deployed).unwrap()
}

fn got(algorithm: Algorithm, body: &str) -> Result<String, VerifyError> {
    verify(&keys(), algorithm, body.as_bytes()).map(|verified| String::from_utf8(verified.bytes().to_vec()).unwrap())
}

/// The document with a valid signature of its fields, even if one of them is not allowed.
fn signed(body: &str) -> String {
    let fields = Fields::read(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
    let sign = sign(&keys(), Md5, &fields);
    let (before, _) = body.split_once("<sign>").unwrap_or_else(|| body.split_once("</xml>").unwrap());
    format!("{before}<sign>{sign}</sign></xml>")
}

fn refunds() -> Vec<(String, String)> {
    let vectors: Value = serde_json::from_str(include_str!("vectors/wechat_v2_refund.json")).unwrap();
    let text = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    let cases = vectors["cases"].as_array().unwrap();
    cases.iter().map(|case| (text(case, "plaintext"), text(case, "req_info"))).collect()
}

fn refund(req_info: &str) -> String {
    format!(
        "<xml><return_code>SUCCESS</return_code><appid><![CDATA[wx2421b1c4370ec43b]]></appid>\
         <mch_id><![CDATA[10000100]]></mch_id><nonce_str><![CDATA[TeqClE3i0mvn3DrK]]></nonce_str>\
         <req_info><![CDATA[{req_info}]]></req_info></xml>"
    )
}

#[test]
fn known_signatures_and_refunds_verify() {
    assert_eq!(got(Md5, SIGNED_MD5).as_deref(), Ok(SIGNED_MD5));
    assert_eq!(got(HmacSha256, SIGNED_HMAC).as_deref(), Ok(SIGNED_HMAC));
    assert_eq!(signed(SIGNED_MD5), SIGNED_MD5.trim_end());
    for (plain, req_info) in refunds() {
        for algorithm in [Md5, HmacSha256] {
            assert_eq!(got(algorithm, &refund(&req_info)), Ok(plain.clone()));
        }
        assert_eq!(seal_refund(&keys(), &plain), Some(req_info));
    }
}

#[test]
fn notification_cannot_select_the_algorithm() {
    assert_eq!(got(HmacSha256, SIGNED_MD5), Err(BadSignature));
    assert_eq!(got(Md5, SIGNED_HMAC), Err(Malformed), "another sign_type");
    assert_eq!(got(Md5, &SIGNED_HMAC.replace("<sign_type>HMAC-SHA256</sign_type>", "")), Err(BadSignature));
    assert_eq!(
        [Algorithm::named("MD5"), Algorithm::named("HMAC-SHA256"), Algorithm::named("md5")],
        [Some(Md5), Some(HmacSha256), None]
    );
}

#[test]
fn changed_or_undocumented_fields_are_refused() {
    let with = |field: &str| signed(&SIGNED_MD5.replace("<sign>", &format!("{field}<sign>")));
    let rows = [
        ("another amount", SIGNED_MD5.replace("<total_fee>1<", "<total_fee>2<"), Err(BadSignature)),
        (
            "in small letters",
            SIGNED_MD5.replace("268B597D4659C19208FF81502E57CE2E", "268b597d4659c19208ff81502e57ce2e"),
            Err(BadSignature),
        ),
        (
            "half of the signature",
            SIGNED_MD5.replace("268B597D4659C19208FF81502E57CE2E", "268B597D4659C192"),
            Err(BadSignature),
        ),
        ("no signature", SIGNED_MD5.replace("<sign>268B597D4659C19208FF81502E57CE2E</sign>", ""), Err(Missing)),
        ("an empty signature", SIGNED_MD5.replace("268B597D4659C19208FF81502E57CE2E", ""), Err(Missing)),
        ("a report of a failure", "<xml><return_code>FAIL</return_code></xml>".to_owned(), Err(Missing)),
        ("an empty field", with("<device_info></device_info>"), Ok(())),
        ("a coupon", with("<coupon_fee_0>1</coupon_fee_0><coupon_id_12><![CDATA[1]]></coupon_id_12>"), Ok(())),
        ("a coupon without a number", with("<coupon_fee_>1</coupon_fee_>"), Err(Malformed)),
        ("a coupon number of three digits", with("<coupon_fee_100>1</coupon_fee_100>"), Err(Malformed)),
        ("an undocumented field", with("<zz>1</zz>"), Err(Malformed)),
        ("another root", signed(SIGNED_MD5).replace("xml>", "root>"), Err(Malformed)),
    ];
    for (name, body, expected) in rows {
        assert_eq!(got(Md5, &body).map(drop), expected, "{name}");
    }
    let other = Keys::parse("00112233445566778899aabbccddeeff", Deployed).unwrap();
    assert_eq!(verify(&other, Md5, SIGNED_MD5.as_bytes()).map(drop), Err(BadSignature));
    let both = Keys::parse(&format!("00112233445566778899aabbccddeeff {KEY}"), Deployed).unwrap();
    assert_eq!(verify(&both, Md5, SIGNED_MD5.as_bytes()).map(drop), Ok(()));
}

/// A buyer has written fields into the order's `attach`. The signed text can be split differently, so that they become
/// fields of the notification under the same signature, and the remainder becomes a field that is not documented.
#[test]
fn other_split_of_signed_text_is_refused() {
    let injected = "x&bank_type=CFT&out_trade_no=VICTIM&result_code=SUCCESS&return_code=SUCCESS&total_fee=999999&transaction_id=1&zz=";
    let rest = "bank_type=CFT&out_trade_no=HL1&result_code=SUCCESS&return_code=SUCCESS&total_fee=1&transaction_id=2";
    let text = format!("attach={injected}&{rest}");
    // The signed text of both documents is the same, and so is the signature.
    let split = format!("{}={}", "zz", text.split_once("&zz=").unwrap().1);
    let genuine = format!(
        "<xml><attach><![CDATA[{injected}]]></attach><bank_type>CFT</bank_type><out_trade_no>HL1</out_trade_no>\
         <result_code>SUCCESS</result_code><return_code>SUCCESS</return_code><total_fee>1</total_fee>\
         <transaction_id>2</transaction_id><sign>{}</sign></xml>",
        md5_of(&text)
    );
    let forged = format!(
        "<xml><attach>x</attach><bank_type>CFT</bank_type><out_trade_no>VICTIM</out_trade_no>\
         <result_code>SUCCESS</result_code><return_code>SUCCESS</return_code><total_fee>999999</total_fee>\
         <transaction_id>1</transaction_id><zz><![CDATA[{}]]></zz><sign>{}</sign></xml>",
        split.split_once('=').unwrap().1,
        md5_of(&text)
    );
    let harmless = forged.replace("<zz>", "<attach_>").replace("</zz>", "</attach_>");
    for body in [genuine, forged, harmless] {
        assert_eq!(got(Md5, &body).map(drop), Err(Malformed), "{body}");
    }
}

fn md5_of(text: &str) -> String {
    use md5::Digest as _;
    let digest = md5::Md5::digest(format!("{text}&key={KEY}").as_bytes());
    crate::hex::write(&digest).to_ascii_uppercase()
}

/// The XXE attacks of 2018, and values that two parsers read differently.
#[test]
fn xml_that_is_not_flat_is_refused() {
    let field = |value: &str| format!("<xml><total_fee>{value}</total_fee></xml>");
    let many = |count: usize| {
        let fields: Vec<String> = (0..count).map(|n| format!("<coupon_fee_{n}>1</coupon_fee_{n}>")).collect();
        format!("<xml>{}</xml>", fields.concat())
    };
    let long = |bytes: usize| field(&"1".repeat(bytes - field("").len()));
    let rows = [
        (field("100"), true),
        (field("<![CDATA[100]]>"), true),
        (field("<![CDATA[<a>]]>"), true),
        (field(""), true),
        ("<xml></xml>".to_owned(), true),
        ("<xml>\n  <a>1</a>\r\n\t<b>2</b>\n</xml>\n".to_owned(), true),
        (many(FIELDS_MAX), true),
        (long(XML_BYTES_MAX), true),
        (many(FIELDS_MAX + 1), false),
        (long(XML_BYTES_MAX + 1), false),
        ("<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><attach>&x;</attach></xml>".to_owned(), false),
        ("<!DOCTYPE xml [<!ENTITY % p SYSTEM \"http://192.0.2.1/x\"> %p;]><xml></xml>".to_owned(), false),
        ("<!DOCTYPE xml><xml></xml>".to_owned(), false),
        ("<xml><!DOCTYPE xml></xml>".to_owned(), false),
        ("<?xml version=\"1.0\"?><xml></xml>".to_owned(), false),
        ("<xml><?php x?></xml>".to_owned(), false),
        (field("&amp;"), false),
        (field("&#49;"), false),
        (field("<![CDATA[a&b]]>"), false),
        (field("1<!-- -->00"), false),
        ("<xml><!-- --><total_fee>1</total_fee></xml>".to_owned(), false),
        (field("1<![CDATA[00]]>"), false),
        (field("<![CDATA[1]]>00"), false),
        (field("<![CDATA[1]]><![CDATA[00]]>"), false),
        (field("<![CDATA[1]]]]>"), true),
        (field("<![CDATA[1]]>]]>"), false),
        (field("<![CDATA[1"), false),
        (field("1\u{0}"), false),
        (field("1\n"), false),
        ("<xml><total_fee>1</total_fee><total_fee>100</total_fee></xml>".to_owned(), false),
        ("<xml><total_fee><a>1</a></total_fee></xml>".to_owned(), false),
        ("<xml><total_fee a=\"1\">1</total_fee></xml>".to_owned(), false),
        ("<xml><total_fee/></xml>".to_owned(), false),
        ("<xml><total_fee >1</total_fee></xml>".to_owned(), false),
        ("<xml><TOTAL_FEE>1</TOTAL_FEE></xml>".to_owned(), false),
        ("<xml><total_fee>1</total_fe></xml>".to_owned(), false),
        ("<xml><total_fee>1</total_fee>1</xml>".to_owned(), false),
        ("<xml><total_fee>1</total_fee></xml><xml></xml>".to_owned(), false),
        ("<xml><total_fee>1</total_fee>".to_owned(), false),
        (" <xml></xml>".to_owned(), false),
        ("\u{feff}<xml></xml>".to_owned(), false),
        ("<></>".to_owned(), false),
        (String::new(), false),
        ("xml".to_owned(), false),
    ];
    for (text, is_read) in rows {
        assert_eq!(Fields::read(text.as_bytes()).is_some(), is_read, "{text:.200}");
    }
    assert_eq!(Fields::read(b"<xml><a>\xff</a></xml>"), None);
}

#[test]
fn ciphertext_without_a_refund_is_refused() {
    let (plain, req_info) = refunds().remove(0);
    let sealed = |plain: &str| refund(&seal_refund(&keys(), plain).unwrap());
    let mut bytes = STANDARD.decode(&req_info).unwrap();
    bytes.swap(0, 16);
    let rows = [
        ("unchanged", refund(&req_info), Ok(())),
        ("no base64", refund("%"), Err(BadSignature)),
        ("not a whole block", refund("AAAA"), Err(BadSignature)),
        (
            "not a whole number of blocks",
            refund(&STANDARD.encode(&STANDARD.decode(&req_info).unwrap()[8..])),
            Err(BadSignature),
        ),
        ("a damaged block", refund(&STANDARD.encode(&bytes)), Err(BadSignature)),
        ("without the last block", refund(&STANDARD.encode(&bytes[..bytes.len() - 16])), Err(BadSignature)),
        ("another root", sealed(&plain.replace("root>", "xml>")), Err(BadSignature)),
        ("an undocumented field", sealed("<root><zz>1</zz></root>"), Err(BadSignature)),
        (
            "a field twice",
            sealed("<root><refund_fee>1</refund_fee><refund_fee>2</refund_fee></root>"),
            Err(BadSignature),
        ),
        ("JSON", sealed("{\"returnCode\":\"SUCCESS\"}"), Err(BadSignature)),
        ("empty", sealed(""), Err(BadSignature)),
        (
            "a field of a payment next to it",
            refund(&req_info).replace("</xml>", "<total_fee>1</total_fee></xml>"),
            Err(Malformed),
        ),
    ];
    for (name, body, expected) in rows {
        assert_eq!(got(Md5, &body).map(drop), expected, "{name}");
    }
    let other = Keys::parse("00112233445566778899aabbccddeeff", Deployed).unwrap();
    assert_eq!(verify(&other, Md5, refund(&req_info).as_bytes()).map(drop), Err(BadSignature));
}

/// Blocks of two recorded refunds, combined into a third one, decrypt. That is why a refund is never booked on the
/// notification alone.
#[test]
fn spliced_ecb_blocks_decrypt_to_another_refund() {
    let plain = |number: &str, fee: &str| {
        format!("<root><refund_id>0{number}</refund_id><refund_fee>{fee}</refund_fee></root>")
    };
    let sealed = |plain: &str| STANDARD.decode(seal_refund(&keys(), plain).unwrap()).unwrap();
    let (mine, other) = (plain("1111", "0000000000000001"), plain("2222", "9999999999999999"));
    assert_eq!(mine.len(), other.len());
    let spliced = [&sealed(&mine)[..32], &sealed(&other)[32..]].concat();
    let opened = got(Md5, &refund(&STANDARD.encode(spliced))).unwrap();
    assert_eq!(opened, plain("1111", "9999999999999999"));
}

proptest! {
    #[test]
    fn arbitrary_document_does_not_panic(text in "[<>/!\\[\\]&;a-c \\PC]{0,120}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for body in [text.as_bytes(), &bytes, refund(&STANDARD.encode(&bytes)).as_bytes(), refund(&text).as_bytes()] {
            let _ = Fields::read(body);
            prop_assert!(verify(&keys(), Md5, body).is_err());
        }
    }

    #[test]
    fn written_fields_are_read_back(values in prop::collection::btree_map("[a-z_]{1,20}", "[ -%'-;=-~点]{0,20}", 1..10)) {
        let body: Vec<String> = values.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
        let body = format!("<xml>{}</xml>", body.concat());
        let fields = Fields::read(body.as_bytes()).expect("fields");
        let read: Vec<_> = fields.pairs().collect();
        let written: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(read, written);
    }
}
