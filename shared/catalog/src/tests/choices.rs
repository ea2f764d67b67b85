//! A buyer's choice: accepted values, the resulting terms, and refusals.

use proptest::option;
use proptest::sample::select;

use super::*;
use ChoiceError::{
    PhoneInvalid, PhoneMissing, PhoneUnwanted, ProviderNotOffered, QuantityOutOfRange, TooLarge, WalletInvalid,
    WalletMissing, WalletUnwanted,
};

const CREDITS: &str =
    r#""price": { "amount": "9.99", "currency": "USD" }, "providers": ["stripe"], "grants": [{ "credits": "100" }]"#;

#[test]
fn invalid_choice_is_refused() {
    const PHONE: Option<&str> = Some("97688001122");
    let rows = [
        ("credits-100", 0, None, None, QuantityOutOfRange { max: 100 }, "the quantity must be 1 to 100"),
        ("credits-100", 101, None, None, QuantityOutOfRange { max: 100 }, "the quantity must be 1 to 100"),
        ("posx-10", 1_001, None, None, QuantityOutOfRange { max: 1_000 }, "the quantity must be 1 to 1000"),
        ("full-report", 2, None, None, QuantityOutOfRange { max: 1 }, "the quantity must be 1 to 1"),
        ("pro-monthly", 2, None, None, QuantityOutOfRange { max: 1 }, "the quantity must be 1 to 1"),
        ("unitel-sd5000", 2, None, PHONE, QuantityOutOfRange { max: 1 }, "the quantity must be 1 to 1"),
        (
            "credits-100",
            1,
            Some(Provider::Epay),
            None,
            ProviderNotOffered,
            "this product is not offered through that provider",
        ),
        ("unitel-sd5000", 1, None, None, PhoneMissing, "this product needs a phone number"),
        (
            "unitel-sd5000",
            1,
            None,
            Some("12345"),
            PhoneInvalid,
            "the phone number must have 8 digits, with or without +976 before them",
        ),
        ("credits-100", 1, None, PHONE, PhoneUnwanted, "this product takes no phone number"),
        ("full-report", 1, None, Some(""), PhoneUnwanted, "this product takes no phone number"),
    ];
    for (id, quantity, provider, phone, error, text) in rows {
        let choice = Choice { quantity, provider, phone, ..Choice::default() };
        assert_eq!(shipped().product(id).expect(id).terms(&choice, Some(&rate())), Err(error), "{id}");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn price_in_another_currency_needs_a_rate_in_force() {
    let catalog = shipped();
    let choice = Choice { quantity: 1, phone: Some("88001122"), ..Choice::default() };
    let product = catalog.product("unitel-sd5000").expect("listed");
    let pair = CurrencyPair::parse("MNT/CNY").expect("a pair");
    assert_eq!(product.exchange(), Some(pair));
    let error = product.terms(&choice, None).expect_err("no rate");
    assert_eq!((error, error.code()), (ChoiceError::RateMissing(pair), "exchange_rate_missing"));
    assert_eq!(
        error.to_string(),
        "no exchange rate MNT/CNY is in force: the shop sets one with `hookledger rate set MNT/CNY RATE --reason …`"
    );
    // A product that is charged in its own currency needs none, and a given one changes nothing.
    let product = catalog.product("credits-100").expect("listed");
    assert_eq!(product.exchange(), None);
    let choice = Choice { quantity: 1, ..Choice::default() };
    assert_eq!(product.terms(&choice, None), product.terms(&choice, Some(&rate())));
}

#[test]
fn quantity_multiplies_price_and_grants() {
    let every_credits = CREDITS.replace(r#"{ "credits""#, r#"{ "credits_each_period""#);
    let subscription = format!(r#""every": "year", "quantity_max": 3, {every_credits}"#);
    let token = r#""price": { "amount": "0.1", "currency": "USD" }, "providers": ["stripe"],
        "grants": [{ "token": { "code": "POSX", "amount": "0.000000000000000001" } }, { "credits": "0.5" }]"#;
    let exchanged = r#""price": { "amount": "1", "currency": "MNT" }, "charged_in": "CNY", "providers": ["epay"],
        "grants": [{ "credits": "1" }]"#;
    let token_of =
        |units| Grant::Token { code: word("POSX"), scale: 18, amount: Amount::from_units(units), on_chain: None };
    let bonus = r#""price": { "amount": "1", "currency": "USD" }, "providers": ["stripe"],
        "grants": [{ "credits": "10" }, { "credits": "2", "expires": "30d", "kind": "free" }]"#;
    let first = r#""price": { "amount": "1", "currency": "USD" }, "providers": ["stripe"], "every": "month",
        "quantity_max": 2, "grants": [{ "priority": 1, "expires": "31d", "credits_each_period": "5" }]"#;
    let expiring = |text: &str, days, priority, kind, each_period| {
        let terms = GrantTerms::new(days, priority, kind).expect("valid");
        Grant::Expiring { amount: credits(text), terms, each_period }
    };
    let rows = [
        (
            bonus,
            3,
            "3 USD",
            vec![Grant::Credits(credits("30")), expiring("6", 30, PRIORITY_DEFAULT, LotKind::Free, false)],
        ),
        (first, 2, "2 USD", vec![expiring("10", 31, 1, LotKind::Paid, true)]),
        (CREDITS, 1, "9.99 USD", vec![Grant::Credits(credits("100"))]),
        (CREDITS, 3, "29.97 USD", vec![Grant::Credits(credits("300"))]),
        (CREDITS, 100, "999 USD", vec![Grant::Credits(credits("10000"))]),
        (&subscription, 3, "29.97 USD", vec![Grant::CreditsEachPeriod(credits("300"))]),
        (token, 7, "0.7 USD", vec![token_of(7), Grant::Credits(credits("3.5"))]),
        // 0.204 fen each: rounded once for the order, not for each unit.
        (exchanged, 4, "0.01 CNY", vec![Grant::Credits(credits("4"))]),
        (exchanged, 5, "0.02 CNY", vec![Grant::Credits(credits("5"))]),
    ];
    for (fields, quantity, price, grants) in rows {
        let product = product_with(fields);
        let terms = product.terms(&Choice { quantity, ..Choice::default() }, Some(&rate())).expect("sold");
        assert_eq!((terms.price.to_string().as_str(), terms.quantity), (price, quantity));
        assert_eq!(terms.grants, grants, "{quantity} of {fields}");
        let exchange = product.exchange.is_some().then(|| money(&quantity.to_string(), "MNT"));
        assert_eq!(terms.exchange.map(|exchange| exchange.price), exchange, "the price before the exchange");
    }
}

#[test]
fn overflowing_amount_is_refused() {
    let most = format!(r#""quantity_max": {}"#, u64::MAX);
    let expensive = CREDITS.replace("9.99", "999999999999");
    let cheap = CREDITS.replace("9.99", "0.01").replace(r#""100""#, r#""999999999999""#);
    let rows = [
        // A provider counts up to 18446744073709551615 cents.
        (&expensive, 184_467, Ok("184466999999815533 USD")),
        (&expensive, 184_468, Err(TooLarge)),
        (&expensive, u64::MAX, Err(TooLarge)),
        // An amount of credits has at most thirty digits.
        (&cheap, 1_000_000_000, Ok("10000000 USD")),
        (&cheap, 1_000_000_001, Err(TooLarge)),
        (&cheap, u64::MAX, Err(TooLarge)),
    ];
    for (fields, quantity, expected) in rows {
        let terms =
            product_with(&format!("{fields}, {most}")).terms(&Choice { quantity, ..Choice::default() }, Some(&rate()));
        assert_eq!(terms.map(|terms| terms.price.to_string()), expected.map(str::to_owned), "{quantity}");
    }
}

#[test]
fn first_provider_is_the_default() {
    let catalog = shipped();
    let product = catalog.product("credits-1000").expect("listed");
    let rows = [(None, Provider::Wechat)].into_iter().chain(Provider::ALL.map(|provider| (Some(provider), provider)));
    for (provider, expected) in rows {
        let site = Some("shop.example.com".to_owned());
        let terms = product
            .terms(&Choice { quantity: 1, provider, site: site.clone(), ..Choice::default() }, Some(&rate()))
            .expect("offered");
        assert_eq!((terms.provider, terms.site), (expected, site));
    }
    assert_eq!(product.providers(), [Provider::Wechat, Provider::Epay, Provider::Stripe]);
}

#[test]
fn phone_number_is_kept_in_the_operators_format() {
    let rows = [
        ("88001122", Some("88001122")),
        ("+97688001122", Some("88001122")),
        ("97688001122", Some("88001122")),
        ("97688001", Some("97688001")),
        ("9768800112", None),
        ("8800112", None),
        ("880011223", None),
        ("8697688001122", None),
        ("", None),
        ("+", None),
        ("++123456", None),
        ("88 00 11 22", None),
        ("8800-1122", None),
        ("8800112２", None),
        ("８８００１１２２", None),
        (" 88001122", None),
        ("88001122\n", None),
    ];
    let catalog = shipped();
    let product = catalog.product("unitel-sd5000").expect("listed");
    for (given, expected) in rows {
        let terms = product.terms(&Choice { quantity: 1, phone: Some(given), ..Choice::default() }, Some(&rate()));
        let phone = terms.map(|terms| match terms.grants.as_slice() {
            [Grant::TopUp(top_up)] => top_up.phone.clone().expect("a phone"),
            other => panic!("{other:?}"),
        });
        assert_eq!(phone, expected.map(str::to_owned).ok_or(PhoneInvalid), "{given:?}");
    }
}

#[test]
fn wallet_is_kept_unchanged_if_a_token_is_sent() {
    let evm = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";
    let rows = [
        ("posx-10", Some(evm), Ok(evm)),
        ("posx-10", Some("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"), Ok("TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC")),
        ("posx-10", None, Err((WalletMissing, "this product needs a wallet address"))),
        ("posx-10", Some(""), Err((WalletInvalid, "this is not a wallet address"))),
        ("posx-10", Some("0xAb5801a7D398351b8bE11C439e05C5B3259aeC9"), Err((WalletInvalid, ""))),
        ("posx-10", Some("0xAb5801a7D398351b8bE11C439e05C5B3259aeC9Bf"), Err((WalletInvalid, ""))),
        ("posx-10", Some("0xZb5801a7D398351b8bE11C439e05C5B3259aeC9B"), Err((WalletInvalid, ""))),
        ("posx-10", Some("TJRyWwFs9wTFGZg3JbrVriFb#fCug5tDeC"), Err((WalletInvalid, ""))),
        ("posx-10", Some(" TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"), Err((WalletInvalid, ""))),
        ("credits-100", Some(evm), Err((WalletUnwanted, "this product takes no wallet"))),
    ];
    for (id, wallet, expected) in rows {
        let terms =
            shipped().product(id).expect(id).terms(&Choice { quantity: 1, wallet, ..Choice::default() }, Some(&rate()));
        let on_chain = terms.map(|terms| match terms.grants.as_slice() {
            [Grant::Token { on_chain: Some(on_chain), .. }] => {
                (on_chain.asset.clone(), on_chain.wallet.clone().expect("a wallet"))
            }
            other => panic!("{other:?}"),
        });
        let expected_terms = expected.map(|wallet| ("POSX_ETH".to_owned(), wallet.to_owned()));
        assert_eq!(on_chain, expected_terms.map_err(|(error, _)| error), "{id} {wallet:?}");
        if let Err((error, text)) = expected.map_err(|(error, text)| (error, text.to_owned())) {
            assert!(text.is_empty() || error.to_string() == text, "{error}");
        }
    }
}

#[test]
fn commissions_come_from_the_catalog() {
    let rows = [
        ("", vec![]),
        (r#", "commissions": [1000]"#, vec![1_000]),
        (r#", "commissions": [9000, 1000]"#, vec![9_000, 1_000]),
    ];
    for (fields, expected) in rows {
        assert_eq!(product_with(&format!("{CREDITS}{fields}")).commissions(), expected, "{fields}");
    }
}

#[test]
fn referral_credits_come_from_the_catalog() {
    let credits = |text: &str| Asset::CREDITS.parse(text).expect("valid");
    let rows = [
        ("", None),
        (r#", "referral": {"buyer": "5"}"#, Some((credits("5"), Amount::ZERO))),
        (r#", "referral": {"buyer": "5", "referrer": "0.5"}"#, Some((credits("5"), credits("0.5")))),
    ];
    for (fields, expected) in rows {
        let referral = product_with(&format!("{CREDITS}{fields}")).referral();
        assert_eq!(referral.map(|credits| (credits.to_buyer, credits.to_referrer)), expected, "{fields}");
    }
}

fn any_product() -> impl Strategy<Value = Product> {
    let amount =
        r"(0\.[0-9]{1,2}|[1-9][0-9]{0,11})".prop_filter("not 0", |text| !text.trim_matches(['0', '.']).is_empty());
    let currencies = prop_oneof![Just(("USD", "")), Just(("MNT", r#""charged_in": "CNY","#))];
    (amount, currencies, 1_u64.., "[1-9][0-9]{0,11}").prop_map(|(amount, (currency, charged_in), max, granted)| {
        product_with(&format!(
            r#""price": {{ "amount": "{amount}", "currency": "{currency}" }}, {charged_in} "providers": ["stripe"],
            "quantity_max": {max}, "grants": [{{ "credits": "{granted}" }}]"#
        ))
    })
}

proptest! {
    #[test]
    fn arbitrary_choice_does_not_panic(
        product in any_product(), quantity: u64, provider in option::of(select(&Provider::ALL[..])),
        phone in option::of("\\PC{0,20}|[+]?[0-9]{5,16}"), wallet in option::of("\\PC{0,60}|0x[0-9a-f]{39,41}"),
    ) {
        let (phone, wallet) = (phone.as_deref(), wallet.as_deref());
        let choice = Choice { quantity, provider, phone, wallet, site: None };
        let _ = product.terms(&choice, Some(&rate()));
        for product in shipped().products() {
            if let Ok(terms) = product.terms(&choice, Some(&rate())) {
                prop_assert!(product.providers().contains(&terms.provider));
                prop_assert!((1..=product.quantity_max()).contains(&quantity));
            }
        }
    }

    #[test]
    fn larger_quantity_never_costs_less(product in any_product(), few in 1_u64..1_000, more in 1_u64..1_000) {
        let of = |quantity| product.terms(&Choice { quantity, ..Choice::default() }, Some(&rate()));
        if let (Ok(few), Ok(sum)) = (of(few), of(few.saturating_add(more))) {
            prop_assert!(few.price.amount <= sum.price.amount);
            // The amount is rounded up to a whole unit, so a larger quantity may cost the same.
            prop_assert!(few.exchange.is_some() || few.price.amount < sum.price.amount);
            prop_assert!(!few.price.amount.is_zero());
        }
    }
}
