//! The shipped catalog: its products and their terms.

use super::*;

#[test]
fn each_product_is_sold_on_its_terms() {
    let report = || Grant::Report(word("full"));
    let top_up = |kind, code: &str, price: &str| {
        let (operator, phone) = (Operator::Unitel, "88001122".to_owned());
        Grant::TopUp(TopUp { operator, kind, code: code.to_owned(), phone: Some(phone), price: money(price, "MNT") })
    };
    let wallet = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";
    let posx = Grant::Token {
        code: word("POSX"),
        scale: 18,
        amount: Amount::parse("10", 18).expect("valid"),
        on_chain: Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: Some(wallet.to_owned()) }),
    };
    let phone = Some("+97688001122");
    let rows = [
        ("credits-100", None, "9.99 USD by stripe, up to 100", Grant::Credits(credits("100"))),
        ("credits-1000", None, "648 CNY by wechat, up to 100", Grant::Credits(credits("1000"))),
        ("full-report", None, "19.99 USD by stripe, up to 1", report()),
        ("pro-monthly", None, "29.99 USD by stripe, up to 1, every month", Grant::CreditsEachPeriod(credits("500"))),
        ("posx-10", None, "50 USD by stripe, up to 1000", posx),
        (
            "unitel-sd5000",
            phone,
            "10.2 CNY by wechat, up to 1, for 5000 MNT at 0.00204",
            top_up(TopUpKind::Voice, "SD5000", "5000"),
        ),
        (
            "unitel-data3gb",
            phone,
            "18.36 CNY by wechat, up to 1, for 9000 MNT at 0.00204",
            top_up(TopUpKind::Data, "DATA3GB", "9000"),
        ),
    ];
    let catalog = shipped();
    assert_eq!(catalog.products().map(Product::id).collect::<Vec<_>>(), rows.each_ref().map(|row| row.0));
    for (id, phone, expected, grant) in rows {
        let product = catalog.product(id).expect(id);
        let wallet = (id == "posx-10").then_some(wallet);
        let terms =
            product.terms(&Choice { quantity: 1, phone, wallet, ..Choice::default() }, Some(&rate())).expect(id);
        assert_eq!(summary(product, &terms), expected, "{id}");
        assert_eq!((terms.product.as_str(), terms.quantity, terms.site), (id, 1, None));
        assert_eq!(terms.grants, [grant], "{id}");
        for language in ["en", "zh"] {
            assert!(product.names.contains_key(language), "{id} has no {language}");
        }
    }
}

fn summary(product: &Product, terms: &Terms) -> String {
    let mut text = format!("{} by {}, up to {}", terms.price, terms.provider.as_str(), product.quantity_max());
    if let Some(every) = product.every() {
        text = format!("{text}, every {}", every.as_str());
    }
    if let Some(exchange) = &terms.exchange {
        text = format!("{text}, for {} at {}", exchange.price, exchange.rate);
    }
    text
}

#[test]
fn top_up_is_found_by_the_operators_words() {
    let catalog = shipped();
    let rows = [
        (["UNITEL", "VOICE", "SD5000"], Some("unitel-sd5000")),
        (["UNITEL", "DATA", "DATA3GB"], Some("unitel-data3gb")),
        (["UNITEL", "VOICE", "5000"], Some("unitel-sd5000")),
        (["UNITEL", "VOICE", "unitel-sd5000"], Some("unitel-sd5000")),
        (["UNITEL", "DATA", "5000"], None),
        (["UNITEL", "VOICE", "3000"], None),
        (["unitel", "VOICE", "SD5000"], None),
        (["UNITEL", "VOICE", "sd5000"], None),
        (["UNITEL", "DATA", "SD5000"], None),
        (["", "", ""], None),
    ];
    for ([operator, kind, code], expected) in rows {
        assert_eq!(catalog.top_up(operator, kind, code).map(Product::id), expected, "{operator} {kind} {code}");
    }
    assert_eq!(catalog.product("UNITEL"), None);
}

#[test]
fn order_by_alias_stores_the_product_id() {
    let catalog = shipped();
    let rows = [
        ("unitel-sd5000", Some("unitel-sd5000")),
        ("SD5000", Some("unitel-sd5000")),
        ("5000", Some("unitel-sd5000")),
        ("sd5000", None),
        ("05000", None),
        ("DATA3GB", None),
        ("", None),
    ];
    for (name, expected) in rows {
        let product = catalog.product(name);
        assert_eq!(product.map(Product::id), expected, "{name}");
        let choice = Choice { quantity: 1, phone: Some("88001122"), ..Choice::default() };
        let terms = product.map(|product| product.terms(&choice, Some(&rate())).expect("sold"));
        assert_eq!(terms.as_ref().map(|terms| terms.product.as_str()), expected, "{name}");
    }
}

#[test]
fn missing_language_falls_back_to_english() {
    let catalog = shipped();
    let product = catalog.product("unitel-sd5000").expect("listed");
    let rows = [
        ("en", "Unitel 5000 ₮ airtime"),
        ("en-GB", "Unitel 5000 ₮ airtime"),
        ("zh", "Unitel 话费 5000 ₮"),
        ("zh-Hant-TW", "Unitel 话费 5000 ₮"),
        ("mn", "Юнител 5000 ₮ нэгж"),
        ("fr", "Unitel 5000 ₮ airtime"),
        ("", "Unitel 5000 ₮ airtime"),
    ];
    for (language, expected) in rows {
        assert_eq!(product.name(language), expected, "{language:?}");
    }
}

#[test]
fn product_names_its_stripe_price_and_period() {
    let catalog = shipped();
    let rows = [
        ("full-report", Some("STRIPE_FULL_REPORT_PRICE_ID"), None, money("19.99", "USD")),
        ("pro-monthly", Some("STRIPE_PRO_MONTHLY_PRICE_ID"), Some(Every::Month), money("29.99", "USD")),
        ("unitel-sd5000", None, None, money("5000", "MNT")),
    ];
    for (id, stripe_price, every, price) in rows {
        let product = catalog.product(id).expect(id);
        assert_eq!((product.stripe_price(), product.every(), product.price()), (stripe_price, every, price), "{id}");
    }
    for every in Every::ALL {
        assert_eq!(Every::named(every.as_str()), Some(every));
    }
}
