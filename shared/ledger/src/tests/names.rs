//! Names of owners and keys.

use super::*;

#[test]
fn names_with_separators_are_refused() {
    let long = "x".repeat(129);
    for id in ["", "a#b", "a b", "a\n", "é", long.as_str()] {
        assert_eq!(EventKey::new("usage", id), Err(KeyError), "{id:?}");
        assert_eq!(MoneyKey::new("usage", &[id]), Err(KeyError), "{id:?}");
        assert_eq!(CallerKey::remote(id), Err(CallerKeyError), "{id:?}");
    }
    for name in ["", "a/b", "a#b", "house/x", "é", " ", long.as_str()] {
        assert_eq!(Owner::new(name), Err(AccountIdError), "{name:?}");
    }
    assert_eq!(EventKey::new("usage", "evt_1").expect("valid").as_str(), "usage#evt_1");
    assert_eq!(Owner::new("demo").expect("valid").account(Asset::CREDITS).to_string(), "demo/credits");
}

#[test]
fn api_key_is_stored_as_its_hash() {
    let row = CallerKey::api("hk_secret").to_string();
    assert!(row.starts_with("key#api#") && !row.contains("hk_secret"), "{row}");
}
