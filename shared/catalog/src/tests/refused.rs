//! Invalid catalogs: the path and the text of each error.

use super::*;

fn error(json: &str) -> String {
    Catalog::parse(json).expect_err(json).to_string()
}

#[test]
fn malformed_document_is_refused() {
    let rows = [
        ("", "the catalog: is not JSON: EOF while parsing a value at line 1 column 0"),
        ("{", "the catalog: is not JSON: EOF while parsing an object at line 1 column 1"),
        (r#"{"products": {}} x"#, "the catalog: is not JSON: trailing characters at line 1 column 18"),
        ("[]", "the catalog: must be an object"),
        ("{}", "the catalog: has no products"),
        (r#"{"products": []}"#, "products: must be an object"),
        (r#"{"products": {}, "prices": {}}"#, "prices: is unknown"),
        (r#"{"products": {}, "products": {}}"#, "products: appears twice"),
        (r#"{"products": {"a": 1}}"#, "products.a: must be an object"),
        (r#"{"products": {"a b": {}}}"#, "products.a b: a name must be 1 to 64 letters, digits or - _"),
        (r#"{"products": {"": {}}}"#, "products.: a name must be 1 to 64 letters, digits or - _"),
        (r#"{"products": {"a": {}}}"#, "products.a: has no name"),
        (
            r#"{"products": {}, "rates": {"MNT": {"CNY": "0.00204"}}}"#,
            "rates: is unknown: `hookledger rate set` sets exchange rates",
        ),
        (r#"{"products": {}, "tokens": {"POSX": {}}}"#, "tokens.POSX: has no scale"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 19}}}"#, "tokens.POSX.scale: must be 0 to 18"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 256}}}"#, "tokens.POSX.scale: must be 0 to 18"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": "18"}}}"#, "tokens.POSX.scale: must be a whole number"),
        (r#"{"products": {}, "tokens": {"POSX": {"scale": 18, "on": 1}}}"#, "tokens.POSX.on: is unknown"),
        (
            r#"{"products": {}, "tokens": {"PO#X": {"scale": 1}}}"#,
            "tokens.PO#X: must be 1 to 32 letters, digits or - _",
        ),
        (r#"{"products": {}, "tokens": {"credits": {"scale": 6}}}"#, "tokens.credits: is the code of another asset"),
        (
            r#"{"products": {}, "tokens": {"commission-usd": {"scale": 2}}}"#,
            "tokens.commission-usd: is the code of another asset",
        ),
        (
            r#"{"products": {}, "tokens": {"POSX": {"scale": 18, "fireblocks": "PO X"}}}"#,
            "tokens.POSX.fireblocks: a name must be 1 to 64 letters, digits or - _",
        ),
        (r#"{"products": {}, "commission_levels_max": "3"}"#, "commission_levels_max: must be a whole number"),
    ];
    for (json, expected) in rows {
        assert_eq!(error(json), expected, "{json}");
    }
}

/// The fields of a valid product.
const FIELDS: [(&str, &str); 4] = [
    ("name", r#"{ "en": "A thing" }"#),
    ("price", r#"{ "amount": "9.99", "currency": "USD" }"#),
    ("providers", r#"["stripe"]"#),
    ("grants", r#"[{ "credits": "100" }]"#),
];

/// A catalog with this product after the changes: each replaces or adds a field; `-` removes it.
fn with(changes: &[(&str, &str)]) -> String {
    let unchanged = FIELDS.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let fields = unchanged.chain(changes).filter(|(_, json)| *json != "-");
    let fields: Vec<String> = fields.map(|(name, json)| format!(r#""{name}": {json}"#)).collect();
    format!(
        r#"{{ "tokens": {{ "POSX": {{ "scale": 18 }} }},
            "products": {{ "thing": {{ {} }} }} }}"#,
        fields.join(", ")
    )
}

#[test]
fn invalid_product_is_refused() {
    const YUAN: (&str, &str) = ("price", r#"{ "amount": "1", "currency": "CNY" }"#);
    const MONTH: (&str, &str) = ("every", r#""month""#);
    const EACH: (&str, &str) = ("grants", r#"[{ "credits_each_period": "500" }]"#);
    const REPORT: (&str, &str) = ("grants", r#"[{ "report": "full" }]"#);
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("name", "-")], ": has no name"),
        (&[("price", "-")], ": has no price"),
        (&[("providers", "-")], ": has no providers"),
        (&[("grants", "-")], ": has no grants"),
        (&[("prise", "1")], ".prise: is unknown"),
        (&[("name", r#""A thing""#)], ".name: must be an object"),
        (&[("name", r#"{ "zh": "点数" }"#)], ".name: has no en"),
        (&[("name", r#"{ "en": " " }"#)], ".name.en: must not be blank"),
        (&[("name", r#"{ "en": 1 }"#)], ".name.en: must be a text"),
        (&[("name", r#"{ "en": "a", "en": "b" }"#)], ".name.en: appears twice"),
        (&[("price", r#""9.99""#)], ".price: must be an object"),
        (&[("price", r#"{ "amount": "9.99" }"#)], ".price: has no currency"),
        (&[("price", r#"{ "currency": "USD" }"#)], ".price: has no amount"),
        (&[("price", r#"{ "amount": 9.99, "currency": "USD" }"#)], ".price.amount: must be a text"),
        (&[("price", r#"{ "amount": "$9", "currency": "USD" }"#)], ".price.amount: must be a plain decimal number"),
        (&[("price", r#"{ "amount": "9.999", "currency": "USD" }"#)], ".price.amount: must have at most 2 decimals"),
        (&[("price", r#"{ "amount": "0", "currency": "USD" }"#)], ".price.amount: must not be 0"),
        (&[("price", r#"{ "amount": "-1", "currency": "USD" }"#)], ".price.amount: must not be negative"),
        (&[("price", r#"{ "amount": "1000000000000", "currency": "USD" }"#)], ".price.amount: is too large"),
        (&[("price", r#"{ "amount": "1", "currency": "usd" }"#)], ".price.currency: must be upper case: USD"),
        (&[("price", r#"{ "amount": "1", "currency": "$" }"#)], ".price.currency: must be a currency of three letters"),
        (&[("price", r#"{ "amount": "1", "currency": "USD", "tax": "0" }"#)], ".price.tax: is unknown"),
        (&[("charged_in", r#""USD""#)], ".charged_in: is the currency of the price: remove it"),
        (&[("charged_in", r#""CNYX""#)], ".charged_in: must be a currency of three letters"),
        (
            &[("price", r#"{ "amount": "1", "currency": "MNT" }"#), ("charged_in", r#""cny""#)],
            ".charged_in: must be upper case: CNY",
        ),
        (&[("providers", "[]")], ".providers: must not be empty"),
        (&[("providers", r#""stripe""#)], ".providers: must be a list"),
        (&[("providers", r#"["Stripe"]"#)], ".providers[0]: is not a provider"),
        (&[YUAN, ("providers", r#"["wechat", "stripe", "wechat"]"#)], ".providers[2]: appears twice"),
        (&[("providers", r#"["stripe", "wechat"]"#)], ".providers[1]: takes CNY, not USD"),
        (&[("providers", r#"["epay"]"#)], ".providers[0]: takes CNY, not USD"),
        (&[YUAN, MONTH, EACH, ("providers", r#"["wechat"]"#)], ".providers[0]: has no subscriptions"),
        (
            &[("stripe_price", r#""price_1AbC""#)],
            ".stripe_price: must be the name of a setting: capitals, digits and _",
        ),
        (&[("stripe_price", r#""""#)], ".stripe_price: must be the name of a setting: capitals, digits and _"),
        (
            &[YUAN, ("providers", r#"["epay"]"#), ("stripe_price", r#""STRIPE_ID""#)],
            ".stripe_price: needs stripe among the providers",
        ),
        (&[("every", r#""week""#)], ".every: must be month or year"),
        (&[("every", "1")], ".every: must be a text"),
        (&[MONTH], ".grants[0].credits: cannot be granted by a subscription"),
        (&[EACH], ".grants[0].credits_each_period: can only be granted by a subscription"),
        (&[("aliases", r#""5000""#)], ".aliases: must be a list"),
        (&[("aliases", "[]")], ".aliases: must not be empty"),
        (&[("aliases", "[5000]")], ".aliases[0]: must be a text"),
        (&[("aliases", r#"["a b"]"#)], ".aliases[0]: a name must be 1 to 64 letters, digits or - _"),
        (&[("aliases", r#"["a", "b", "a"]"#)], ".aliases: a is already a name of thing"),
        (&[("aliases", r#"["thing"]"#)], ".aliases: thing is already a name of thing"),
        (&[("referral", "5")], ".referral: must be an object"),
        (&[("referral", "{}")], ".referral: gives nothing"),
        (&[("referral", r#"{"buyer": "0"}"#)], ".referral.buyer: must not be 0"),
        (&[("referral", r#"{"seller": "5"}"#)], ".referral.seller: is unknown"),
        (&[("commissions", "1000")], ".commissions: must be a list"),
        (&[("commissions", "[0]")], ".commissions[0]: must be 1 to 10000 basis points"),
        (&[("commissions", "[10001]")], ".commissions[0]: must be 1 to 10000 basis points"),
        (&[("commissions", "[10.5]")], ".commissions[0]: must be a whole number"),
        (&[("commissions", "[9000, 1001]")], ".commissions: adds up to more than the payment"),
        (&[("commissions", "[1, 1, 1]")], ".commissions: has more levels than commission_levels_max (2)"),
        (&[("quantity_max", "0")], ".quantity_max: must not be 0"),
        (&[("quantity_max", "-1")], ".quantity_max: must be a whole number"),
        (&[("quantity_max", "1.0")], ".quantity_max: must be a whole number"),
        (&[("quantity_max", r#""5""#)], ".quantity_max: must be a whole number"),
        (&[REPORT, ("quantity_max", "2")], ".quantity_max: must be 1 for a report or a top-up"),
    ];
    assert!(Catalog::parse(&with(&[])).is_ok(), "only the change is refused");
    for (changes, expected) in rows {
        assert_eq!(error(&with(changes)), format!("products.thing{expected}"), "{changes:?}");
    }
}

#[test]
fn invalid_grant_is_refused() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("grants", "[]")], ".grants: must not be empty"),
        (&[("grants", "{}")], ".grants: must be a list"),
        (&[("grants", "[{}]")], ".grants[0]: must contain exactly one grant"),
        (&[("grants", r#"[{ "credits": "1", "report": "full" }]"#)], ".grants[0]: must contain exactly one grant"),
        (&[("grants", r#"["credits"]"#)], ".grants[0]: must be an object"),
        (&[("grants", r#"[{ "points": "1" }]"#)], ".grants[0].points: is unknown"),
        (&[("grants", r#"[{ "credits": "0" }]"#)], ".grants[0].credits: must not be 0"),
        (&[("grants", r#"[{ "credits": "0.0000000001" }]"#)], ".grants[0].credits: must have at most 9 decimals"),
        (&[("grants", r#"[{ "credits": "1" }, { "credits": "2" }]"#)], ".grants[1].credits: is granted twice"),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "9d" }, { "credits": "2", "expires": "9d" }]"#)],
            ".grants[1].credits: is granted twice",
        ),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "0d" }]"#)],
            ".grants[0].expires: must be a number of days from 1d to 3653d, as 90d",
        ),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "3654d" }]"#)],
            ".grants[0].expires: must be a number of days from 1d to 3653d, as 90d",
        ),
        (&[("grants", r#"[{ "credits": "1", "expires": 90 }]"#)], ".grants[0].expires: must be a text"),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "9d", "priority": 10 }]"#)],
            ".grants[0].priority: must be a priority from 0 to 9",
        ),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "9d", "priority": -1 }]"#)],
            ".grants[0].priority: must be a whole number",
        ),
        (
            &[("grants", r#"[{ "credits": "1", "expires": "9d", "kind": "gift" }]"#)],
            ".grants[0].kind: must be free or paid",
        ),
        (&[("grants", r#"[{ "credits": "1", "priority": 1 }]"#)], ".grants[0].priority: needs expires beside it"),
        (&[("grants", r#"[{ "credits": "1", "kind": "free" }]"#)], ".grants[0].kind: needs expires beside it"),
        (&[("grants", r#"[{ "report": "full", "expires": "9d" }]"#)], ".grants[0]: only credits expire"),
        (&[("grants", r#"[{ "report": "a/b" }]"#)], ".grants[0].report: must be 1 to 32 letters, digits or - _"),
        (&[("grants", r#"[{ "token": { "code": "POSX" } }]"#)], ".grants[0].token: has no amount"),
        (
            &[("grants", r#"[{ "token": { "code": "NONE", "amount": "1" } }]"#)],
            ".grants[0].token.code: is not a token of this catalog",
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
            ".grants[0].top_up.phone: is unknown",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "OTHER", "kind": "VOICE", "code": "1" } }]"#)],
            ".grants[0].top_up.operator: is not a known operator",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "SMS", "code": "1" } }]"#)],
            ".grants[0].top_up.kind: must be VOICE, DATA or POSTPAID",
        ),
        (
            &[("grants", r#"[{ "top_up": { "operator": "UNITEL", "kind": "VOICE", "code": "1" } }]"#)],
            ".grants[0].top_up: is sold in MNT: the product must have a price in MNT",
        ),
    ];
    for (changes, expected) in rows {
        assert_eq!(error(&with(changes)), format!("products.thing{expected}"), "{changes:?}");
    }
}

#[test]
fn catalog_may_allow_more_commission_levels() {
    let levels = |max: &str| with(&[("commissions", "[1, 1, 1]")]).replacen('{', &format!("{{{max}"), 1);
    assert!(Catalog::parse(&levels(r#""commission_levels_max": 3,"#)).is_ok());
    assert!(Catalog::parse(&levels(r#""commission_levels_max": 2,"#)).is_err());
}

#[test]
fn two_products_with_one_top_up_are_refused() {
    let product = |id: &str, code: &str| {
        format!(
            r#""{id}": {{ "name": {{ "en": "A" }}, "price": {{ "amount": "1", "currency": "MNT" }}, "providers": ["stripe"],
                "grants": [{{ "top_up": {{ "operator": "UNITEL", "kind": "VOICE", "code": "{code}" }} }}] }}"#
        )
    };
    let catalog = |products: &[String]| format!(r#"{{ "products": {{ {} }} }}"#, products.join(", "));
    let (a, b) = (product("a", "SD5000"), product("b", "sd5000"));
    assert!(Catalog::parse(&catalog(&[a.clone(), b])).is_ok(), "case matters");
    assert_eq!(error(&catalog(&[a.clone(), product("b", "SD5000")])), "products.b: orders the same top-up as a");
    assert_eq!(error(&catalog(&[a.clone(), a])), "products.a: appears twice");
}

#[test]
fn shared_alias_is_refused() {
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
        (r#""aliases": ["b"],"#, "", "products.a.aliases: b is already a name of b"),
        ("", r#""aliases": ["a"],"#, "products.b.aliases: a is already a name of a"),
        (r#""aliases": ["x"],"#, r#""aliases": ["y", "x"],"#, "products.a.aliases: x is already a name of b"),
        (r#""aliases": ["SD5000"],"#, "", "products.a.aliases: SD5000 is already a name of b"),
    ];
    for (one, other, expected) in refused {
        assert_eq!(error(&named(one, other)), expected);
    }
    let own_codes = named(r#""aliases": ["SD1000", "1000"],"#, r#""aliases": ["SD5000", "x"],"#);
    assert!(Catalog::parse(&own_codes).is_ok(), "its own code may be an alias");
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,80}", from in 0_usize..2_000, to in 0_usize..2_000) {
        let _ = Catalog::parse(&text);
        let cut: String = SHIPPED.chars().take(from).chain(SHIPPED.chars().skip(to)).collect();
        let _ = Catalog::parse(&cut);
    }
}
