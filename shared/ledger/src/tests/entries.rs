//! Entries: their net effect on an account, and fingerprints.

use super::*;

#[test]
fn effects_on_one_account_are_merged() {
    let account = |name: &str| Owner::new(name).expect("valid").account(Asset::CREDITS);
    let spend = |name: &str, units: u64, guard: Guard| {
        Effect::Move(Movement {
            key: MoneyKey::new("usage", &[&format!("{name}-{units}")]).expect("valid"),
            posting: Posting::from_customer(account(name), House::Usage, Amount::from_units(units)),
            guard,
            reverses: None,
            lots: Vec::new(),
        })
    };
    let effects = [
        spend("a", 3, Guard::SufficientFunds),
        spend("a", 4, Guard::Always),
        spend("b", 0, Guard::SufficientFunds),
        spend("c", 9, Guard::Always),
    ];
    let nets: Vec<_> = merged(effects.iter().filter_map(Effect::movement), &effects)
        .expect("small")
        .into_iter()
        .map(|(id, net)| (id.to_string(), net.change.units(), net.movements, net.required.map(Amount::units)))
        .collect();
    assert_eq!(
        nets,
        [
            ("a/credits".to_owned(), -7, 2, Some(7)),
            ("b/credits".to_owned(), 0, 1, None),
            ("c/credits".to_owned(), -9, 1, None)
        ]
    );
}

#[test]
fn older_fingerprint_still_matches() {
    let (old, new) = (Fingerprint::of(1, &[("a", "1")]), Fingerprint::of(2, &[("a", "1"), ("b", "2")]));
    let both = Fingerprints::new(new.clone(), vec![old.clone()]);
    assert!(both.contain(old.as_str()) && both.contain(new.as_str()));
    assert!(!both.contain(Fingerprint::of(1, &[("a", "2")]).as_str()));
}

proptest! {
    #[test]
    fn adjacent_fields_do_not_collide(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
        let joined = format!("{a}{b}");
        prop_assert_ne!(Fingerprint::of(1, &[("f", &a), ("g", &b)]), Fingerprint::of(1, &[("f", &joined), ("g", "")]));
    }
}
