//! What is wrong with a catalog: where, and how.

use super::*;

fn error(json: &str) -> String {
    Catalog::parse(json).expect_err(json).to_string()
}

#[test]
fn a_document_that_is_no_catalog_is_refused() {
    let rows = [
        ("", "the catalog: is not JSON: EOF while parsing a value at line 1 column 0"),
        ("{", "the catalog: is not JSON: EOF while parsing an object at line 1 column 1"),
        (r#"{"products": {}} x"#, "the catalog: is not JSON: trailing characters at line 1 column 18"),
        ("[]", "the catalog: must be an object"),
        ("{}", "the catalog: has no products"),
        (r#"{"products": []}"#, "products: must be an object"),
        (r#"{"products": {}, "prices": {}}"#, "prices: is not known here"),
        (r#"{"products": {}, "products": {}}"#, "products: stands there twice"),
        (r#"{"products": {"a": 1}}"#, "products.a: must be an object"),
        (r#"{"products": {"a b": {}}}"#, "products.a b: a name here is 1 to 64 letters, digits or - _"),
        (r#"{"products": {"": {}}}"#, "products.: a name here is 1 to 64 letters, digits or - _"),
        (r#"{"products": {"a": {}}}"#, "products.a: has no name"),
        (r#"{"products": {}, "rates": {"MNT": "0.1"}}"#, "rates.MNT: must be an object"),
        (r#"{"products": {}, "rates": {"MNTX": {}}}"#, "rates.MNTX: must be a currency of three letters"),
        (r#"{"products": {}, "rates": {"mnt": {}}}"#, "rates.mnt: must be in capitals: MNT"),
        (r#"{"products": {}, "rates": {"MNT": {"cny": "1"}}}"#, "rates.MNT.cny: must be in capitals: CNY"),
        (r#"{"products": {}, "rates": {"MNT": {"MNT": "1"}}}"#, "rates.MNT.MNT: is a rate of a currency to itself"),
        (r#"{"products": {}, "rates": {"MNT": {"CNY": "0.0"}}}"#, "rates.MNT.CNY: must not be 0"),
        (r#"{"products": {}, "rates": {"MNT": {"CNY": "-1"}}}"#, "rates.MNT.CNY: must not be negative"),
        (r#"{"products": {}, "rates": {"MNT": {"CNY": 0.00204}}}"#, "rates.MNT.CNY: must be a text"),
        (r#"{"products": {}, "rates": {"MNT": {"CNY": "1e-3"}}}"#, "rates.MNT.CNY: must be a plain decimal number"),
        (
            r#"{"products": {}, "rates": {"MNT": {"CNY": "0.0000000001"}}}"#,
            "rates.MNT.CNY: must have at most 9 decimals",
        ),
        (r#"{"products": {}, "rates": {"MNT": {"CNY": "1", "CNY": "2"}}}"#, "rates.MNT.CNY: stands there twice"),
        (r#"{"products": {}, "rates": {"MNT": {}, "MNT": {}}}"#, "rates.MNT: stands there twice"),
        (r#"{"products": {}, "tokens": {"POSX": {}}}"#, "tokens.POSX: has no scale"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 19}}}"#, "tokens.POSX.scale: must be 0 to 18"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 256}}}"#, "tokens.POSX.scale: must be 0 to 18"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": "18"}}}"#, "tokens.POSX.scale: must be a whole number"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 18, "on": 1}}}"#, "tokens.POSX.on: is not known here"),
        (
            r#"{"products": {}, "tokens": {"PO#X": {"scale": 1}}}"#,
            "tokens.PO#X: must be 1 to 32 letters, digits or - _",
        ),
        (
            r#"{"products": {}, "tokens": {"credits": {"scale": 6}}}"#,
            "tokens.credits: goes by the name of something else that is counted",
        ),
        (
            r#"{"products": {}, "tokens": {"commission-usd": {"scale": 2}}}"#,
            "tokens.commission-usd: goes by the name of something else that is counted",
        ),
        (
            r#"{"products": {}, "tokens": {"POSX": {"scale": 18, "fireblocks": "PO X"}}}"#,
            "tokens.POSX.fireblocks: a name here is 1 to 64 letters, digits or - _",
        ),
        (r#"{"products": {}, "commission_levels_max": "3"}"#, "commission_levels_max: must be a whole number"),
    ];
    for (json, expected) in rows {
        assert_eq!(error(json), expected, "{json}");
    }
}

/// A product that is in order, field by field.
const FIELDS: [(&str, &str); 4] = [
    ("name", r#"{ "en": "A thing" }"#),
    ("price", r#"{ "amount": "9.99", "currency": "USD" }"#),
    ("providers", r#"["stripe"]"#),
    ("grants", r#"[{ "credits": "100" }]"#),
];

/// The same, with these fields in place of those of their names, or besides them; `-` leaves one out.
fn with(changes: &[(&str, &str)]) -> String {
    let unchanged = FIELDS.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let fields = unchanged.chain(changes).filter(|(_, json)| *json != "-");
    let fields: Vec<String> = fields.map(|(name, json)| format!(r#""{name}": {json}"#)).collect();
    format!(
        r#"{{ "rates": {{ "MNT": {{ "CNY": "0.00204" }} }}, "tokens": {{ "POSX": {{ "scale": 18 }} }},
            "products": {{ "thing": {{ {} }} }} }}"#,
        fields.join(", ")
    )
}

#[test]
fn a_product_that_is_not_in_order_is_refused() {
    const YUAN: (&str, &str) = ("price", r#"{ "amount": "1", "currency": "CNY" }"#);
    const MONTH: (&str, &str) = ("every", r#""month""#);
    const EACH: (&str, &str) = ("grants", r#"[{ "credits_each_period": "500" }]"#);
    const REPORT: (&str, &str) = ("grants", r#"[{ "report": "full" }]"#);
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("name", "-")], ": has no name"),
        (&[("price", "-")], ": has no price"),
        (&[("providers", "-")], ": has no providers"),
        (&[("grants", "-")], ": has no grants"),
        (&[("prise", "1")], ".prise: is not known here"),
        (&[("name", r#""A thing""#)], ".name: must be an object"),
        (&[("name", r#"{ "zh": "点数" }"#)], ".name: has no en"),
        (&[("name", r#"{ "en": " " }"#)], ".name.en: must not be blank"),
        (&[("name", r#"{ "en": 1 }"#)], ".name.en: must be a text"),
        (&[("name", r#"{ "en": "a", "en": "b" }"#)], ".name.en: stands there twice"),
        (&[("price", r#""9.99""#)], ".price: must be an object"),
        (&[("price", r#"{ "amount": "9.99" }"#)], ".price: has no currency"),
        (&[("price", r#"{ "currency": "USD" }"#)], ".price: has no amount"),
        (&[("price", r#"{ "amount": 9.99, "currency": "USD" }"#)], ".price.amount: must be a text"),
        (&[("price", r#"{ "amount": "$9", "currency": "USD" }"#)], ".price.amount: must be a plain decimal number"),
        (&[("price", r#"{ "amount": "9.999", "currency": "USD" }"#)], ".price.amount: must have at most 2 decimals"),
        (&[("price", r#"{ "amount": "0", "currency": "USD" }"#)], ".price.amount: must not be 0"),
        (&[("price", r#"{ "amount": "-1", "currency": "USD" }"#)], ".price.amount: must not be negative"),
        (&[("price", r#"{ "amount": "1000000000000", "currency": "USD" }"#)], ".price.amount: is too large"),
        (&[("price", r#"{ "amount": "1", "currency": "usd" }"#)], ".price.currency: must be in capitals: USD"),
        (&[("price", r#"{ "amount": "1", "currency": "$" }"#)], ".price.currency: must be a currency of three letters"),
        (&[("price", r#"{ "amount": "1", "currency": "USD", "tax": "0" }"#)], ".price.tax: is not known here"),
        (&[("charged_in", r#""USD""#)], ".charged_in: is the currency of the price: leave it out"),
        (&[("charged_in", r#""CNY""#)], ".charged_in: needs a rate from USD to CNY"),
        (
            &[("price", r#"{ "amount": "1", "currency": "MNT" }"#), ("charged_in", r#""cny""#)],
            ".charged_in: must be in capitals: CNY",
        ),
        (&[("providers", "[]")], ".providers: must not be empty"),
        (&[("providers", r#""stripe""#)], ".providers: must be a list"),
        (&[("providers", r#"["Stripe"]"#)], ".providers[0]: is no provider"),
        (&[YUAN, ("providers", r#"["wechat", "stripe", "wechat"]"#)], ".providers[2]: stands there twice"),
        (&[("providers", r#"["stripe", "wechat"]"#)], ".providers[1]: takes CNY and not USD"),
        (&[("providers", r#"["epay"]"#)], ".providers[0]: takes CNY and not USD"),
        (&[YUAN, MONTH, EACH, ("providers", r#"["wechat"]"#)], ".providers[0]: has no subscriptions"),
        (&[("stripe_price", r#""price_1AbC""#)], ".stripe_price: must be the name of a setting"),
        (&[("stripe_price", r#""""#)], ".stripe_price: must be the name of a setting"),
        (
            &[YUAN, ("providers", r#"["epay"]"#), ("stripe_price", r#""STRIPE_ID""#)],
            ".stripe_price: is of no use where stripe is not offered",
        ),
        (&[("every", r#""week""#)], ".every: must be month or year"),
        (&[("every", "1")], ".every: must be a text"),
        (&[MONTH], ".grants[0].credits: is not granted by a subscription"),
        (&[EACH], ".grants[0].credits_each_period: is granted by a subscription only"),
        (&[("aliases", r#""5000""#)], ".aliases: must be a list"),
        (&[("aliases", "[]")], ".aliases: must not be empty"),
        (&[("aliases", "[5000]")], ".aliases[0]: must be a text"),
        (&[("aliases", r#"["a b"]"#)], ".aliases[0]: a name here is 1 to 64 letters, digits or - _"),
        (&[("aliases", r#"["a", "b", "a"]"#)], ".aliases: a is a name of thing already"),
        (&[("aliases", r#"["thing"]"#)], ".aliases: thing is a name of thing already"),
        (&[("commissions", "1000")], ".commissions: must be a list"),
        (&[("commissions", "[0]")], ".commissions[0]: must be 1 to 10000 basis points"),
        (&[("commissions", "[10001]")], ".commissions[0]: must be 1 to 10000 basis points"),
        (&[("commissions", "[10.5]")], ".commissions[0]: must be a whole number"),
        (&[("commissions", "[9000, 1001]")], ".commissions: is more than what is paid"),
        (&[("commissions", "[1, 1, 1]")], ".commissions: has more levels than 2: see commission_levels_max"),
        (&[("quantity_max", "0")], ".quantity_max: must not be 0"),
        (&[("quantity_max", "-1")], ".quantity_max: must be a whole number"),
        (&[("quantity_max", "1.0")], ".quantity_max: must be a whole number"),
        (&[("quantity_max", r#""5""#)], ".quantity_max: must be a whole number"),
        (&[REPORT, ("quantity_max", "2")], ".quantity_max: must be 1 where a report or a top-up is granted"),
    ];
    assert!(Catalog::parse(&with(&[])).is_ok(), "it is the change that is refused");
    for (changes, expected) in rows {
        assert_eq!(error(&with(changes)), format!("products.thing{expected}"), "{changes:?}");
    }
}

#[test]
fn what_cannot_be_granted_is_refused() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("grants", "[]")], ".grants: must not be empty"),
        (&[("grants", "{}")], ".grants: must be a list"),
        (&[("grants", "[{}]")], ".grants[0]: must be one thing that is granted"),
        (&[("grants", r#"[{ "credits": "1", "report": "full" }]"#)], ".grants[0]: must be one thing that is granted"),
        (&[("grants", r#"["credits"]"#)], ".grants[0]: must be an object"),
        (&[("grants", r#"[{ "points": "1" }]"#)], ".grants[0].points: is not known here"),
        (&[("grants", r#"[{ "credits": "0" }]"#)], ".grants[0].credits: must not be 0"),
        (&[("grants", r#"[{ "credits": "0.0000000001" }]"#)], ".grants[0].credits: must have at most 9 decimals"),
        (&[("grants", r#"[{ "credits": "1" }, { "credits": "2" }]"#)], ".grants[1].credits: is granted twice"),
        (&[("grants", r#"[{ "report": "a/b" }]"#)], ".grants[0].report: must be 1 to 32 letters, digits or - _"),
        (&[("grants", r#"[{ "token": { "code": "POSX" } }]"#)], ".grants[0].token: has no amount"),
        (
            &[("grants", r#"[{ "token": { "code": "NONE", "amount": "1" } }]"#)],
            ".grants[0].token.code: is none of the tokens",
        ),
        (
            &[("grants", r#"[{ "token": { "code": "POSX", "amount": "0.0000000000000000001" } }]"#)],
            ".grants[0].token.amount: must have at most 18 decimals",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "VOICE" } }]"#)],
            ".grants[0].top_up: has no code",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "VOICE", "code": "1", "phone": "1" } }]"#)],
            ".grants[0].top_up.phone: is not known here",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "NOBODY", "kind": "VOICE", "code": "1" } }]"#)],
            ".grants[0].top_up.operator: is no operator that is known here",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "SMS", "code": "1" } }]"#)],
            ".grants[0].top_up.kind: must be VOICE, DATA or POSTPAID",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "VOICE", "code": "1" } }]"#)],
            ".grants[0].top_up: is paid for in MNT: so must be the product",
        ),
    ];
    for (changes, expected) in rows {
        assert_eq!(error(&with(changes)), format!("products.thing{expected}"), "{changes:?}");
    }
}

#[test]
fn more_levels_earn_where_the_catalog_says_so() {
    let levels = |max: &str| with(&[("commissions", "[1, 1, 1]")]).replacen('{', &format!("{{{max}"), 1);
    assert!(Catalog::parse(&levels(r#""commission_levels_max": 3,"#)).is_ok());
    assert!(Catalog::parse(&levels(r#""commission_levels_max": 2,"#)).is_err());
}

#[test]
fn a_top_up_is_sold_by_one_product() {
    let product = |id: &str, code: &str| {
        format!(
            r#""{id}": {{ "name": {{ "en": "A" }}, "price": {{ "amount": "1", "currency": "MNT" }}, "providers": ["stripe"],
                "grants": [{{ "top_up": {{ "operator": "UNITEL", "kind": "VOICE", "code": "{code}" }} }}] }}"#
        )
    };
    let catalog = |products: &[String]| format!(r#"{{ "products": {{ {} }} }}"#, products.join(", "));
    let (a, b) = (product("a", "SD5000"), product("b", "sd5000"));
    assert!(Catalog::parse(&catalog(&[a.clone(), b])).is_ok(), "case counts");
    assert_eq!(error(&catalog(&[a.clone(), product("b", "SD5000")])), "products.b: is the same top-up as a");
    assert_eq!(error(&catalog(&[a.clone(), a])), "products.a: stands there twice");
}

#[test]
fn an_alias_is_the_name_of_one_product() {
    let product = |id: &str, code: &str, aliases: &str| {
        format!(
            r#""{id}": {{ "name": {{ "en": "A" }}, "price": {{ "amount": "1", "currency": "MNT" }}, "providers": ["stripe"],{aliases}
                "grants": [{{ "top_up": {{ "operator": "UNITEL", "kind": "VOICE", "code": "{code}" }} }}] }}"#
        )
    };
    let named = |one: &str, other: &str| {
        let products = [product("a", "SD1000", one), product("b", "SD5000", other)];
        format!(r#"{{ "products": {{ {} }} }}"#, products.join(", "))
    };
    let refused = [
        (r#""aliases": ["b"],"#, "", "products.a.aliases: b is a name of b already"),
        ("", r#""aliases": ["a"],"#, "products.b.aliases: a is a name of a already"),
        (r#""aliases": ["x"],"#, r#""aliases": ["y", "x"],"#, "products.a.aliases: x is a name of b already"),
        (r#""aliases": ["SD5000"],"#, "", "products.a.aliases: SD5000 is a name of b already"),
    ];
    for (one, other, expected) in refused {
        assert_eq!(error(&named(one, other)), expected);
    }
    let own_codes = named(r#""aliases": ["SD1000", "1000"],"#, r#""aliases": ["SD5000", "x"],"#);
    assert!(Catalog::parse(&own_codes).is_ok(), "its own code may stand for it");
}

proptest! {
    #[test]
    fn no_text_makes_a_catalog_panic(text in "\\PC{0,80}", from in 0_usize..2_000, to in 0_usize..2_000) {
        let _ = Catalog::parse(&text);
        let cut: String = SHIPPED.chars().take(from).chain(SHIPPED.chars().skip(to)).collect();
        let _ = Catalog::parse(&cut);
    }
}
