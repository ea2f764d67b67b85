//! Tests of the configuration and the parser; whole requests are tested in `tests/`.

use proptest::prelude::*;
use providers::EpayConfigError;
use signing::epay::Params;

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let of_test = [("EPAY_API_BASE", "https://gateway.invalid"), ("EPAY_MERCHANTS", "1001:md5,1002:rsa")];
    let found = |name: &str| {
        let found = settings.iter().chain(&of_test).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::read(found, "prod")
}

/// Settings, and whether payments of V1's and of V2's merchant are confirmed.
type Row = (&'static [(&'static str, &'static str)], Result<[bool; 2], ConfigError>);

#[test]
fn settings_give_merchants_and_confirmation() {
    let rows: [Row; 14] = [
        (&[], Ok([true, false])),
        (&[("EPAY_CONFIRM", "")], Ok([true, false])),
        (&[("EPAY_CONFIRM", "false")], Ok([true, false])),
        (&[("EPAY_CONFIRM", " true ")], Ok([true, true])),
        (&[("EPAY_CONFIRM", "yes")], Err(ConfigError::Flag("EPAY_CONFIRM"))),
        (&[("EPAY_CONFIRM", "TRUE")], Err(ConfigError::Flag("EPAY_CONFIRM"))),
        (&[("EPAY_MD5_KEY_ALONE_PAYS", "")], Ok([true, false])),
        (&[("EPAY_MD5_KEY_ALONE_PAYS", "false")], Ok([true, false])),
        (&[("EPAY_MD5_KEY_ALONE_PAYS", "true")], Ok([false, false])),
        (&[("EPAY_MD5_KEY_ALONE_PAYS", "1")], Err(ConfigError::Flag("EPAY_MD5_KEY_ALONE_PAYS"))),
        (&[("EPAY_CONFIRM", "true"), ("EPAY_MD5_KEY_ALONE_PAYS", "true")], Err(ConfigError::Contradiction)),
        (&[("EPAY_MERCHANTS", "")], Err(ConfigError::NoMerchant)),
        (&[("EPAY_MERCHANTS", "1001")], Err(ConfigError::Gateway(EpayConfigError::Merchants))),
        (&[("EPAY_API_BASE", "http://gateway.invalid")], Err(ConfigError::Gateway(EpayConfigError::Base))),
    ];
    for (settings, expected) in rows {
        let confirms = |config: Config| {
            [&config.gateway.merchants[0], &config.gateway.merchants[1]].map(|one| config.confirms(one))
        };
        assert_eq!(read(settings).map(confirms), expected, "{settings:?}");
    }
}

/// Confirming needs a key to sign queries: with only the gateway's public key, V2 could verify and never query.
#[test]
fn merchant_without_its_keys_is_an_error() {
    let pair = testkit::epay_keys();
    let only_public = {
        let settings = testkit::epay_settings();
        let setting = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        let public = |name: &'static str| setting(name).filter(|_| name == "EPAY_RSA_PUBLIC_KEYS");
        Keys::read(public, Strength::Deployed).expect("a key")
    };
    let no_key = |pid: &str, scheme| {
        let pid = signing::epay::Pid::new(pid).expect("a number");
        Err(ConfigError::Gateway(EpayConfigError::NoKey(pid, scheme)))
    };
    let rows = [
        ("1001:md5,1002:rsa", "true", &pair, Ok(())),
        ("1002:rsa", "false", &only_public, Ok(())),
        ("1002:rsa", "true", &only_public, no_key("1002", "RSA")),
        ("1001:md5", "false", &only_public, no_key("1001", "MD5")),
        ("1002:md5", "false", &pair, no_key("1002", "MD5")),
        ("1003:md5", "false", &pair, no_key("1003", "MD5")),
    ];
    for (merchants, confirm, keys, expected) in rows {
        let config = read(&[("EPAY_MERCHANTS", merchants), ("EPAY_CONFIRM", confirm)]).expect("a configuration");
        assert_eq!(config.check(keys), expected, "{merchants} {confirm}");
    }
}

fn parsed(signed: &str) -> Result<EpayEvent, ParseError> {
    // Any text verifies once the key has signed it.
    let params = signed.split('&').filter_map(|pair| pair.split_once('='));
    let params = params.fold(Params::default(), |params, (name, value)| params.with(name, value));
    let (keys, pid) = (testkit::epay_keys(), signing::epay::Pid::new("1001").expect("a number"));
    let scheme = signing::epay::Scheme::Md5;
    let params = signing::epay::sign(&keys, &pid, scheme, params, 0).expect("a key");
    let verified = signing::epay::verify(&keys, &pid, scheme, &params, 0).expect("verified");
    parse::parse(&Received::new(verified, &Request::default(), &[]))
}

#[test]
fn fingerprint_covers_identity_and_money() {
    const SIGNED: &str =
        "money=1.50&name=n&out_trade_no=HL1&param=p&pid=1001&trade_no=t-1&trade_status=TRADE_SUCCESS&type=alipay";
    let event = parsed(SIGNED).expect("an event");
    assert_eq!((event.id.as_str(), event.receipt.as_str()), ("1001.t-1", "epay#1001.t-1"));
    assert_eq!((event.by.to_string().as_str(), event.order.as_str()), ("epay#1001.t-1", "HL1"));
    assert_eq!((event.money.to_string().as_str(), event.sent_at), ("1.5 CNY", None));
    let fingerprint = |text: &str| decide::header(&parsed(text).expect("an event")).fingerprints;
    let same = fingerprint(SIGNED);
    let rows = [
        ("type=alipay", "type=wxpay", true),
        ("name=n", "name=other", true),
        ("money=1.50", "money=1.5000", true),
        ("param=p", "param=q", true),
        ("money=1.50", "money=1.51", false),
        ("out_trade_no=HL1", "out_trade_no=HL2", false),
        ("trade_no=t-1&", "trade_no=t-2&", false),
        ("pid=1001", "pid=1002", false),
    ];
    for (this, that, is_same) in rows {
        assert!(SIGNED.contains(this), "{this}");
        assert_eq!(fingerprint(&SIGNED.replace(this, that)) == same, is_same, "{that}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic(
        text in prop::collection::vec(("(pid|trade_no|out_trade_no|money|type|trade_status|timestamp|[a-z]{1,4})", "[^&]{0,20}|1001|TRADE_SUCCESS|[0-9.]{1,30}"), 0..9),
    ) {
        let pairs: Vec<String> = text.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Err(error) = parsed(&pairs.join("&")) {
            let message = error.to_string();
            // `TRADE_SUCCESS` is part of the error's own text.
            let is_leaked = |value: &str| value.len() >= 8 && value != "TRADE_SUCCESS" && message.contains(value);
            prop_assert!(text.iter().all(|(_, value)| !is_leaked(value)), "{}", message);
        }
    }
}
