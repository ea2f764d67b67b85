//! epay: known signatures, the exact signed text, and each refused request and key.

use super::*;
use crate::epay::{Keys, Params, Pid, SETTINGS, Scheme, sign, verify};
use crate::{SecretError, Strength};
use serde_json::Value;
use testkit::rsa_pair;

const NOW_UNIX_S: i64 = 1_767_225_600;
/// The key of `vectors/epay_v1.json`.
const KEY: &str = "WxbM0Hk2qYv8Z3rT";
const GENUINE: &str = "pid=1001&trade_no=2024010112000012345&out_trade_no=ORD-20240101-1&type=alipay&name=VIP%E4%BC%9A%E5%91%98&money=1\
    &trade_status=TRADE_SUCCESS&sign=9d3cbc12ea3c8c6b32c24c328d245ddd&sign_type=MD5";

fn vectors(file: &str) -> Value {
    serde_json::from_str(file).unwrap()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn pid(text: &str) -> Pid {
    Pid::new(text).unwrap()
}

fn read(settings: &[(&str, &str)], strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
    Keys::read(|name| settings.iter().find(|(known, _)| *known == name).map(|(_, text)| *text), strength)
}

fn keys(md5: &str) -> Keys {
    read(&[(SETTINGS[0], md5)], Deployed).unwrap()
}

/// With both keys of a pair, a test can act as the merchant and as the gateway.
fn pair_keys(pid: &str) -> Keys {
    let bare = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with("-----")).collect() };
    let (public, private) = (bare(&rsa_pair(1).public), bare(&rsa_pair(1).private));
    let entry = |key: &str| format!("{pid}:{key}");
    read(&[(SETTINGS[1], &entry(&public)), (SETTINGS[2], &entry(&private))], Deployed).unwrap()
}

fn verified(keys: &Keys, scheme: Scheme, pid: &Pid, form: &str, now_unix_s: i64) -> Result<String, VerifyError> {
    let verified = verify(keys, pid, scheme, &Params::decode(form)?, now_unix_s)?;
    Ok(String::from_utf8(verified.bytes().to_vec()).unwrap())
}

fn v1(form: &str) -> Result<String, VerifyError> {
    verified(&keys(&format!("1001:{KEY}")), Scheme::Md5, &pid("1001"), form, NOW_UNIX_S)
}

/// Signatures by the platform's own code. A value that contains a `&` has a correct signature and is still refused.
#[test]
fn platform_signatures_verify() {
    let vectors = vectors(include_str!("vectors/epay_v1.json"));
    let key = text(&vectors, "key");
    assert_eq!(key, KEY);
    let keys = keys(&format!("1001:{key}"));
    let rows = vectors["v"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let (signed, form) = (text(row, "str"), text(row, "query"));
        let params = Params::decode(form).unwrap();
        assert_eq!(params.signed_text(), signed);
        let resigned = sign(&keys, &pid("1001"), Scheme::Md5, params, NOW_UNIX_S).unwrap();
        assert_eq!(resigned.value("sign"), Some(text(row, "sign")));
        let expected = if signed.contains("x=1 +~*") { Err(Malformed) } else { Ok(signed.to_owned()) };
        assert_eq!(verified(&keys, Scheme::Md5, &pid("1001"), form, NOW_UNIX_S), expected, "{form}");
    }
}

#[test]
fn changed_or_stale_v2_request_is_refused() {
    let vector = vectors(include_str!("vectors/epay_v2.json"));
    let (form, signed) = (text(&vector, "query"), text(&vector, "signed_text"));
    let keys = read(&[(SETTINGS[1], &format!("1002:{}", text(&vector, "public_key")))], Deployed).unwrap();
    let rows = [
        (form.to_owned(), NOW_UNIX_S, Ok(signed.to_owned())),
        (form.to_owned(), NOW_UNIX_S + 300, Ok(signed.to_owned())),
        (form.to_owned(), NOW_UNIX_S - 300, Ok(signed.to_owned())),
        (form.to_owned(), NOW_UNIX_S + 301, Err(Stale)),
        (form.to_owned(), NOW_UNIX_S - 301, Err(Stale)),
        (form.replace("timestamp=1767225600", "timestamp=1767225601"), NOW_UNIX_S, Err(BadSignature)),
        (form.replace("&timestamp=1767225600", ""), NOW_UNIX_S, Err(Malformed)),
        (form.replace("timestamp=1767225600", "timestamp=01767225600"), NOW_UNIX_S, Err(Malformed)),
        (form.replace("timestamp=1767225600", "timestamp=1767225600000"), NOW_UNIX_S, Err(Malformed)),
        (form.replace("money=19.99", "money=0.01"), NOW_UNIX_S, Err(BadSignature)),
        (form.replace("sign_type=RSA", "sign_type=MD5"), NOW_UNIX_S, Err(Malformed)),
        (form.replace("&sign_type=RSA", ""), NOW_UNIX_S, Ok(signed.to_owned())),
        (form.replace("%3D%3D&", "&"), NOW_UNIX_S, Err(Malformed)),
        (format!("{GENUINE}&timestamp=1767225600"), NOW_UNIX_S, Err(Malformed)),
    ];
    for (form, now_unix_s, expected) in rows {
        assert_eq!(verified(&keys, Scheme::Rsa, &pid("1002"), &form, now_unix_s), expected, "{form} at {now_unix_s}");
    }
    let other = pair_keys("1002");
    assert_eq!(verified(&other, Scheme::Rsa, &pid("1002"), form, NOW_UNIX_S), Err(BadSignature), "another key");
    assert_eq!(verified(&keys, Scheme::Rsa, &pid("1001"), form, NOW_UNIX_S), Err(BadSignature), "no key");
}

#[test]
fn signed_text_omits_only_blank_values() {
    let rows = [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=1&sign=x&sign_type=MD5", "a=1"),
        ("a=&b=+&c=%09%0A%0D%00%0B&d=+x+", "d= x "),
        ("a=%E3%80%80", "a=\u{3000}"),
        ("a=0", "a=0"),
        ("B=1&a=2&A=3&_=4", "A=3&B=1&_=4&a=2"),
        ("a=x%3Dy", "a=x=y"),
        ("%61=%62", "a=b"),
        ("a=%7E%2A%2b", "a=~*+"),
        ("sign_type2=x&signs=y", "sign_type2=x&signs=y"),
    ];
    for (form, signed) in rows {
        let params = Params::decode(form).unwrap();
        assert_eq!(params.signed_text(), signed, "{form}");
        assert_eq!(Params::decode(&params.encoded()).as_ref(), Ok(&params), "{form}");
        if params.is_unambiguous() {
            assert_eq!(Params::of_signed(signed).unwrap().signed_text(), signed);
        }
    }
}

#[test]
fn ambiguous_form_is_malformed() {
    let many: Vec<String> = (0..65).map(|n| format!("a{n}=1")).collect();
    let (enough, too_many) = (many.get(..64).unwrap().join("&"), many.join("&"));
    assert!(Params::decode(&enough).is_ok());
    let rows = [
        "money=1&money=2",
        "money=1&%6Doney=2",
        "money[]=1",
        "money%5B%5D=1",
        "money",
        "=1",
        "a=1&",
        "&a=1",
        "a=1&&b=2",
        "a%3Db=1",
        "a%26b=1",
        "a=%",
        "a=%4",
        "a=%zz",
        "a=%+1",
        "a=%FF",
        "a=%C0%80",
        "a=%ED%A0%80",
        "a=会",
        "a=b c",
        "a=b\nc",
        "a=\u{0}",
        &too_many,
    ];
    for form in rows {
        assert_eq!(Params::decode(form), Err(Malformed), "{form:?}");
    }
    for signed in ["a", "a=1&", "a=1&a=2"] {
        assert_eq!(Params::of_signed(signed), Err(Malformed), "{signed:?}");
    }
}

#[test]
fn changed_v1_request_is_refused() {
    let md5 = |form: &str, key: &str| {
        let keys = read(&[(SETTINGS[0], &format!("1001:{key}"))], Local).unwrap();
        sign(&keys, &pid("1001"), Scheme::Md5, Params::decode(form).unwrap(), NOW_UNIX_S).unwrap()
    };
    let unsigned = GENUINE.split("&sign=").next().unwrap();
    let with_other_key = md5(unsigned, "another-key-of-a-merchant").encoded();
    let upper = GENUINE.replace("9d3cbc12ea3c8c6b32c24c328d245ddd", "9D3CBC12EA3C8C6B32C24C328D245DDD");
    let rows = [
        (GENUINE.to_owned(), None),
        (GENUINE.replace("&sign_type=MD5", ""), None),
        (format!("{GENUINE}&param="), None),
        (format!("{GENUINE}&param=+"), None),
        (unsigned.to_owned(), Some(VerifyError::Missing)),
        (format!("{unsigned}&sign=&sign_type=MD5"), Some(VerifyError::Missing)),
        (format!("{unsigned}&sign=+&sign_type=MD5"), Some(Malformed)),
        (upper, Some(Malformed)),
        (GENUINE.replace("sign=9d", "sign=+9d"), Some(Malformed)),
        (GENUINE.replace("sign=9d3", "sign=9d"), Some(Malformed)),
        (GENUINE.replace("sign_type=MD5", "sign_type=md5"), Some(Malformed)),
        (GENUINE.replace("sign_type=MD5", "sign_type="), Some(Malformed)),
        (GENUINE.replace("sign_type=MD5", "sign_type=RSA"), Some(Malformed)),
        (GENUINE.replace("sign_type=MD5", "sign_type=MD5%26RSA"), Some(Malformed)),
        (GENUINE.replace("money=1&", "money=1.00&"), Some(BadSignature)),
        (GENUINE.replace("money=1&", "money=100&"), Some(BadSignature)),
        (GENUINE.replace("ORD-20240101-1", "ORD-20240101-2"), Some(BadSignature)),
        (format!("{GENUINE}&param=1"), Some(BadSignature)),
        (GENUINE.replace("%98", "%99"), Some(BadSignature)),
        (with_other_key, Some(BadSignature)),
    ];
    for (form, error) in rows {
        assert_eq!(v1(&form).err(), error, "{form}");
    }
    // NFD: a name that looks the same is a different text.
    let composed = md5("name=%C3%A9", KEY);
    let decomposed = composed.clone().with("name", "e\u{301}");
    assert_eq!(v1(&composed.encoded()).err(), None);
    assert_eq!(v1(&decomposed.encoded()).err(), Some(BadSignature));
}

/// The buyer pays one cent, with a name that parses as another order. The signed text is the same, and it is refused.
#[test]
fn other_split_of_signed_text_is_refused() {
    let keys = keys(&format!("1001:{KEY}"));
    let name = "x&out_trade_no=VICTIM&pid=1001&trade_no=999&trade_status=TRADE_SUCCESS&type=alipay&zz=";
    let paid = Params::default()
        .with("money", "0.01")
        .with("name", name)
        .with("out_trade_no", "ATTACKER")
        .with("pid", "1001")
        .with("trade_no", "1")
        .with("trade_status", "TRADE_SUCCESS")
        .with("type", "alipay");
    let genuine = sign(&keys, &pid("1001"), Scheme::Md5, paid, NOW_UNIX_S).unwrap();
    let signature = genuine.value("sign").unwrap();
    let forged = Params::default()
        .with("money", "0.01")
        .with("name", "x")
        .with("out_trade_no", "VICTIM")
        .with("pid", "1001")
        .with("trade_no", "999")
        .with("trade_status", "TRADE_SUCCESS")
        .with("type", "alipay")
        .with("zz", "&out_trade_no=ATTACKER&pid=1001&trade_no=1&trade_status=TRADE_SUCCESS&type=alipay")
        .with("sign", signature);
    assert_eq!(forged.signed_text(), genuine.signed_text(), "the attack is real");
    for params in [&forged, &genuine] {
        assert_eq!(v1(&params.encoded()).err(), Some(Malformed));
    }
}

#[test]
fn keys_verify_only_for_their_merchant() {
    let second = "a-second-key-of-1001-2345";
    let rotating = keys(&format!("1001:{second}\n1001:{KEY} 1003:a-key-of-another-merchant"));
    for (pid_of, expected) in [("1001", None), ("1003", Some(BadSignature)), ("1004", Some(BadSignature))] {
        assert_eq!(verified(&rotating, Scheme::Md5, &pid(pid_of), GENUINE, NOW_UNIX_S).err(), expected, "{pid_of}");
    }
    let signed = |keys: &Keys| {
        let params = Params::decode("money=1").unwrap();
        let signed = sign(keys, &pid("1001"), Scheme::Md5, params, NOW_UNIX_S).unwrap();
        signed.value("sign").unwrap().to_owned()
    };
    assert_eq!(signed(&rotating), signed(&keys(&format!("1001:{second}"))), "the first signs");
    assert_eq!(rotating.sent_along(&pid("1001")).unwrap().as_str(), second);
    assert_eq!(rotating.sent_along(&pid("1004")), None);
    // A merchant has only the schemes that its keys belong to; there is no fallback to another scheme.
    let pair = pair_keys("1001");
    for (keys, scheme, has) in [
        (&rotating, Scheme::Md5, true),
        (&rotating, Scheme::Rsa, false),
        (&pair, Scheme::Rsa, true),
        (&pair, Scheme::Md5, false),
    ] {
        assert_eq!((keys.can_verify(&pid("1001"), scheme), keys.can_sign(&pid("1001"), scheme)), (has, has));
        assert_eq!(sign(keys, &pid("1001"), scheme, Params::default(), NOW_UNIX_S).is_some(), has);
        assert!(!keys.can_verify(&pid("1009"), scheme) && !keys.can_sign(&pid("1009"), scheme));
    }
}

#[test]
fn invalid_key_setting_is_refused() {
    let no_pid = SecretError::OtherKind { expected: "the merchant's number and a colon, in each key" };
    let eight: Vec<String> = (0..8).map(|n| format!("1001:key-number-{n}-of-1001")).collect();
    let nine = format!("{} 1001:key-number-8-of-1001", eight.join(" "));
    let rows: Vec<(&str, Strength, Option<SecretError>)> = vec![
        ("1001:WxbM0Hk2qYv8Z3rT", Deployed, None),
        ("1001:WxbM0Hk2qYv8Z3r", Deployed, Some(SecretError::TooShort { chars: 15, min: 16 })),
        ("1001:short", Local, None),
        ("1001:", Local, Some(SecretError::Empty)),
        ("1001: ", Local, Some(SecretError::Empty)),
        ("1001:secret", Local, Some(SecretError::Placeholder)),
        ("1001:your_key_of_the_gateway", Deployed, Some(SecretError::Placeholder)),
        ("1001:<key>", Local, Some(SecretError::Placeholder)),
        ("1001:0000000000000000", Deployed, Some(SecretError::Placeholder)),
        ("changeme", Local, Some(SecretError::Placeholder)),
        ("   ", Local, Some(SecretError::Empty)),
        ("WxbM0Hk2qYv8Z3rT", Deployed, Some(no_pid)),
        (":WxbM0Hk2qYv8Z3rT", Deployed, Some(no_pid)),
        ("01:WxbM0Hk2qYv8Z3rT", Deployed, Some(no_pid)),
        ("1a:WxbM0Hk2qYv8Z3rT", Deployed, Some(no_pid)),
        ("1234567890123:WxbM0Hk2qYv8Z3rT", Deployed, Some(no_pid)),
        (&nine, Deployed, Some(SecretError::TooMany { max: 8 })),
    ];
    for (setting, strength, error) in rows {
        let expected = error.map(|error| (SETTINGS[0], error));
        assert_eq!(read(&[(SETTINGS[0], setting)], strength).err(), expected, "{setting}");
    }
    assert!(read(&[(SETTINGS[0], &eight.join(" "))], Deployed).is_ok());
    assert_eq!(read(&[], Deployed).err(), Some((SETTINGS[0], SecretError::Empty)));
    for name in [SETTINGS[1], SETTINGS[2]] {
        let (at, error) = read(&[(name, "1001:bm8ga2V5IGF0IGFsbCwgYW5kIGxvbmc=")], Deployed).unwrap_err();
        assert!(at == name && matches!(error, SecretError::NotAKey { .. }), "{at} {error}");
    }
}

#[test]
fn debug_output_has_no_secret() {
    let (keys, pair) = (keys(&format!("1001:{KEY}")), pair_keys("1002"));
    assert!(!format!("{keys:?}").contains(KEY));
    assert!(!format!("{pair:?}").contains(rsa_pair(1).private.lines().nth(1).unwrap()));
    let params = format!("{:?}", Params::decode(GENUINE).unwrap());
    assert!(params.contains("\"sign\"") && !params.contains("9d3cbc12") && !params.contains("ORD-"), "{params}");
}

proptest! {
    #[test]
    fn only_the_signed_values_verify(
        values in prop::collection::btree_map("[a-z_]{1,8}", "[^&]{0,12}", 0..8),
        at in any::<prop::sample::Index>(),
    ) {
        let params = values.iter().fold(Params::default(), |params, (name, value)| params.with(name, value.clone()));
        for (keys, scheme) in [(keys(&format!("1001:{KEY}")), Scheme::Md5), (pair_keys("1001"), Scheme::Rsa)] {
            let signed = sign(&keys, &pid("1001"), scheme, params.clone(), NOW_UNIX_S).unwrap();
            let text = verified(&keys, scheme, &pid("1001"), &signed.encoded(), NOW_UNIX_S).unwrap();
            prop_assert_eq!(&text, &signed.signed_text());
            prop_assert_eq!(Params::of_signed(&text).unwrap().signed_text(), text);
            if let Some((name, value)) = values.iter().nth(at.index(values.len().max(1)))
                && name != "sign" && name != "sign_type" && name != "timestamp" {
                let changed = signed.with(name, format!("{value}x"));
                prop_assert!(verified(&keys, scheme, &pid("1001"), &changed.encoded(), NOW_UNIX_S).is_err());
            }
        }
    }

    #[test]
    fn arbitrary_form_does_not_panic(form in "[ -~é\u{0}]{0,80}", signed in "[ -~é&=]{0,80}") {
        let _ = v1(&form);
        let _ = Params::of_signed(&signed);
    }
}
