//! Tests of the configuration and of the key's validation.

use std::collections::BTreeMap;

use providers::StripeConfigError;
use signing::{SecretError, Strength};

use super::*;

fn read(stage: &str, changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut set = BTreeMap::from([
        ("STRIPE_LIVEMODE", "false"),
        ("CHECKOUT_SUCCESS_URL", "https://shop.invalid/done"),
        ("CHECKOUT_CANCEL_URL", "https://shop.invalid/"),
    ]);
    set.extend(changes.iter().copied());
    let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
    Config::read(|name| set.get(name).map(|value| (*value).to_owned()), stage, &catalog)
}

const MOCK: &str = "MOCK_STRIPE";
const BASE: &str = "STRIPE_API_BASE";
const ACCOUNT: &str = "STRIPE_ACCOUNT";
const HTTP: &str = "CHECKOUT_HTTP_URLS";
const PRICE: &str = "STRIPE_FULL_REPORT_PRICE_ID";

/// A stage, settings, and their error.
type Row = (&'static str, &'static [(&'static str, &'static str)], Option<ConfigError>);

#[test]
fn invalid_setting_is_an_error() {
    use ConfigError::{HttpUrls, NotHttps, Price, Stripe, Url};
    use StripeConfigError::{Account, Base, MockDeployed, YesOrNo};
    let rows: [Row; 36] = [
        ("prod", &[], None),
        ("prod", &[(BASE, ""), (MOCK, ""), (PRICE, "")], None),
        ("prod", &[(MOCK, "false")], None),
        ("prod", &[(MOCK, "true")], Some(Stripe(MockDeployed))),
        ("dev", &[(MOCK, "true")], Some(Stripe(MockDeployed))),
        ("local", &[(MOCK, "true")], None),
        ("local", &[(MOCK, "yes")], Some(Stripe(YesOrNo(MOCK)))),
        ("prod", &[(BASE, "https://stripe.example.com:8443/v")], None),
        ("prod", &[(BASE, "http://stripe.example.com")], Some(Stripe(Base))),
        ("local", &[(BASE, "http://127.0.0.1:9000/stripe")], None),
        ("local", &[(BASE, "http://[::1]:9000")], None),
        ("local", &[(BASE, "ftp://127.0.0.1")], Some(Stripe(Base))),
        ("prod", &[(BASE, "https://user@stripe.example.com")], Some(Stripe(Base))),
        ("prod", &[(BASE, "https://stripe.example.com?x=")], Some(Stripe(Base))),
        ("prod", &[(BASE, "https:///v1")], Some(Stripe(Base))),
        ("prod", &[("STRIPE_LIVEMODE", "")], Some(Stripe(YesOrNo("STRIPE_LIVEMODE")))),
        ("prod", &[("STRIPE_LIVEMODE", "1")], Some(Stripe(YesOrNo("STRIPE_LIVEMODE")))),
        ("prod", &[(ACCOUNT, "")], None),
        ("prod", &[(ACCOUNT, "acct_1Abc")], None),
        ("prod", &[(ACCOUNT, "acct_")], Some(Stripe(Account))),
        ("prod", &[(ACCOUNT, "acct_1\r\nx: y")], Some(Stripe(Account))),
        ("prod", &[("CHECKOUT_SUCCESS_URL", "")], Some(Url("CHECKOUT_SUCCESS_URL"))),
        ("prod", &[("CHECKOUT_CANCEL_URL", "")], Some(Url("CHECKOUT_CANCEL_URL"))),
        ("prod", &[("CHECKOUT_CANCEL_URL", "javascript:alert(1)")], Some(Url("CHECKOUT_CANCEL_URL"))),
        ("prod", &[("CHECKOUT_SUCCESS_URL", "https://shop.invalid/?s={CHECKOUT_SESSION_ID}")], None),
        ("prod", &[("CHECKOUT_SUCCESS_URL", "http://shop.invalid/")], Some(NotHttps("CHECKOUT_SUCCESS_URL"))),
        ("dev", &[("CHECKOUT_CANCEL_URL", "http://localhost:3000/")], Some(NotHttps("CHECKOUT_CANCEL_URL"))),
        ("dev", &[("CHECKOUT_CANCEL_URL", "http://localhost:3000/"), (HTTP, "true")], None),
        ("dev", &[("CHECKOUT_CANCEL_URL", "ftp://localhost"), (HTTP, "true")], Some(Url("CHECKOUT_CANCEL_URL"))),
        ("dev", &[("CHECKOUT_SUCCESS_URL", "http://[::1]/"), (HTTP, "false")], Some(NotHttps("CHECKOUT_SUCCESS_URL"))),
        ("local", &[("CHECKOUT_SUCCESS_URL", "http://127.0.0.1:9000/")], None),
        ("local", &[("CHECKOUT_SUCCESS_URL", "http://127.0.0.1:9000/"), (HTTP, "false")], None),
        ("prod", &[(HTTP, "yes")], Some(HttpUrls)),
        ("prod", &[(PRICE, "price_1Abc")], None),
        ("prod", &[(PRICE, "prod_1Abc")], Some(Price(PRICE.to_owned()))),
        ("prod", &[(PRICE, "price_1&x=y")], Some(Price(PRICE.to_owned()))),
    ];
    for (stage, changes, expected) in rows {
        assert_eq!(read(stage, changes).err(), expected, "{stage} {changes:?}");
    }
    let read = read("prod", &[(PRICE, "price_1"), ("STRIPE_LIVEMODE", "true"), (ACCOUNT, "acct_1")]).expect("settings");
    assert_eq!(read.stripe.account.as_deref(), Some("acct_1"));
    assert_eq!((read.stripe.livemode, read.stripe.base.as_str()), (true, "https://api.stripe.com"));
    assert_eq!(read.prices, [("full-report".to_owned(), "price_1".to_owned())].into());
}

#[test]
fn key_must_be_real_and_of_the_mode() {
    const NO_KEY: SecretError = SecretError::OtherKind { expected: "sk_ or rk_ and hold letters, digits and _ alone" };
    let other = |expected| Some(SecretError::OtherMode { expected });
    let rows = [
        ("", false, Strength::Local, Some(SecretError::Empty)),
        ("  ", false, Strength::Deployed, Some(SecretError::Empty)),
        ("sk_test_changeme", false, Strength::Local, Some(SecretError::Placeholder)),
        ("${STRIPE_SECRET_KEY}", false, Strength::Deployed, Some(SecretError::Placeholder)),
        ("pk_test_51abcdef", false, Strength::Deployed, Some(NO_KEY)),
        ("whsec_51abcdef", false, Strength::Deployed, Some(NO_KEY)),
        ("sk_test_51 abcdef", false, Strength::Deployed, Some(NO_KEY)),
        ("sk_test_51abcdef", false, Strength::Deployed, None),
        ("rk_test_51abcdef", false, Strength::Deployed, None),
        ("sk_test_51abcdef", true, Strength::Deployed, other("live")),
        ("sk_live_51abcdef", true, Strength::Deployed, None),
        ("rk_live_51abcdef", true, Strength::Deployed, None),
        ("sk_live_51abcdef", false, Strength::Deployed, other("test")),
        ("sk_live_51abcdef", false, Strength::Local, other("test")),
        ("sk_51abcdef", false, Strength::Local, None),
        ("sk_51abcdef", false, Strength::Deployed, other("test")),
    ];
    for (text, livemode, strength, expected) in rows {
        let settings = Settings::new([(SETTING.to_owned(), text.to_owned())]);
        let parsed = keys(livemode)(&settings, strength);
        assert_eq!(parsed.err(), expected.map(|error| (SETTING, error)), "{text} {livemode} {strength:?}");
    }
}
