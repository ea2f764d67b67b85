//! Names of owners and keys.

use super::*;

#[test]
fn names_with_separators_are_refused() {
    let long = "x".repeat(129);
    for id in ["", "a#b", "a b", "a\n", "é", long.as_str()] {
        assert_eq!(EventKey::new(Source::Usage, id), Err(KeyError), "{id:?}");
        assert_eq!(MoneyKey::new("usage", &[id]), Err(KeyError), "{id:?}");
        assert_eq!(CallerKey::remote(id), Err(CallerKeyError), "{id:?}");
    }
    for name in ["", "a/b", "a#b", "house/x", "é", " ", long.as_str()] {
        assert_eq!(Owner::new(name), Err(AccountIdError), "{name:?}");
    }
    assert_eq!(EventKey::new(Source::Usage, "evt_1").expect("valid").as_str(), "usage#evt_1");
    assert_eq!(Owner::new("demo").expect("valid").account(Asset::CREDITS).to_string(), "demo/credits");
}

#[test]
fn api_key_is_stored_as_its_hash() {
    let row = CallerKey::api("hk_secret").to_string();
    assert!(row.starts_with("key#api#") && !row.contains("hk_secret"), "{row}");
}

#[test]
fn money_key_names_the_order_that_it_contains() {
    let rows = [
        ("grant#HL1#1", Some("HL1")),
        ("commission#HL1#2", Some("HL1")),
        ("sent#HL1#0", Some("HL1")),
        ("reversal#HL1#3", Some("HL1")),
        ("reversal#HL1#pi_1#3", Some("HL1")),
        ("reversal#invoice#in_1#0", None),
        ("invoice#in_1", None),
        ("payment#stripe#pi_1", None),
        ("usage#e1", None),
        ("grant", None),
    ];
    for (key, order) in rows {
        let named = MoneyKey::of_row(key).order();
        assert_eq!(named.as_ref().map(OrderNumber::as_str), order, "{key}");
    }
}
