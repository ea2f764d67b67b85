//! Transfers between accounts: which are refused, and the terms that they carry.

use super::lots::{after, dated};
use super::*;

fn of(owner: &str, asset: Asset) -> AccountId {
    Owner::new(owner).expect("valid").account(asset)
}

#[test]
fn transfer_that_moves_nothing_from_one_account_to_another_is_refused() {
    let (credits_of, usd) = (|owner| of(owner, Asset::CREDITS), Asset::named("commission-usd").expect("an asset"));
    let rows = [
        (credits_of("alice"), credits_of("alice"), 1, Err(AccountTransferError::Oneself)),
        (credits_of("alice"), of("alice", usd), 1, Err(AccountTransferError::OtherAsset)),
        (credits_of("alice"), of("bob", usd), 1, Err(AccountTransferError::OtherAsset)),
        (credits_of("house"), credits_of("bob"), 1, Err(AccountTransferError::House)),
        (credits_of("alice"), credits_of("house"), 1, Err(AccountTransferError::House)),
        (credits_of("alice"), credits_of("bob"), 0, Err(AccountTransferError::Nothing)),
        (credits_of("alice"), credits_of("bob"), 1, Ok(())),
        (of("alice", usd), of("bob", usd), 1, Ok(())),
    ];
    for (from, to, units, expected) in rows {
        let name = format!("{from} to {to}");
        assert_eq!(AccountTransfer::new(from, to, Amount::from_units(units)).map(|_| ()), expected, "{name}");
    }
}

/// Two movements that add up to nothing, the first within what is available.
#[test]
fn transfer_is_two_movements_over_the_house() {
    let (alice, bob) = (of("alice", Asset::CREDITS), of("bob", Asset::CREDITS));
    let transfer = AccountTransfer::new(alice, bob, Amount::from_units(7)).expect("valid");
    let effects = transfer.effects(&EventKey::of_row("manual#t1"));
    let movements: Vec<_> = effects
        .iter()
        .map(|effect| {
            let Effect::Move(Movement { key, posting, guard, .. }) = effect else { panic!("a movement") };
            (key.as_str(), posting.debit(), posting.credit(), posting.change().units(), *guard)
        })
        .collect();
    let (alice, bob, house) = ("alice/credits", "bob/credits", "house/transfers");
    assert_eq!(
        movements,
        [
            ("manual#t1", alice.to_owned(), house.to_owned(), -7, Guard::SufficientFunds),
            ("received#manual#t1", house.to_owned(), bob.to_owned(), 7, Guard::Always),
        ]
    );
}

/// What a transfer carries.
type Carried<'c> = &'c [(LotTerms, u128)];

/// Of 3 credits until day 1, 4 until day 2 and 5 undated ones, of which so many are spent, held and transferred.
#[test]
fn transfer_takes_what_is_spent_first_and_leaves_what_is_held() {
    let (one, two) = (dated(1), dated(2));
    let undated = LotTerms::undated(LotKind::Paid);
    let lot = |terms: LotTerms, units| Lot { grants: Vec::new(), terms, units };
    let rows: [(u128, u128, u128, Carried<'_>); 7] = [
        (0, 0, 2, &[(one, 2)]),
        (0, 0, 9, &[(one, 3), (two, 4), (undated, 2)]),
        (2, 0, 2, &[(one, 1), (two, 1)]),
        (0, 3, 5, &[(two, 4), (undated, 1)]),
        (1, 4, 3, &[(two, 2), (undated, 1)]),
        (0, 12, 2, &[(undated, 2)]),
        (12, 0, 4, &[(undated, 4)]),
    ];
    for (spent, held, units, expected) in rows {
        let row = LotsRow { version: 2, lots: vec![lot(one, 3), lot(two, 4), lot(undated, 5)], ..LotsRow::default() };
        let mut read = after(row, 12, 12 - i128::try_from(spent).expect("small"));
        read.account.held = held;
        let carried: Vec<_> = read.carried_by(units).iter().map(|share| (share.terms, share.units)).collect();
        assert_eq!(carried, expected, "{units} after {spent} with {held} held");
        assert_eq!(carried.iter().map(|(_, units)| units).sum::<u128>(), units);
    }
}
