//! Redeem codes: their alphabet, when they are accepted, and the entry of a redemption.

use super::*;

fn code_of_spring() -> Code {
    Code {
        hash: CodeHash::new("0123456789abcdef0123456789abcdef").expect("a hash"),
        campaign: word("spring"),
        credits: credits("5"),
        terms: None,
        uses: 3,
        uses_left: 3,
        once_per: OncePer::Code,
        until: None,
        made_by: EventKey::of_row("manual#m1"),
        revoked_at: None,
    }
}

#[test]
fn typed_code_is_read_in_one_spelling() {
    let text = CodeText::from_random(0x0123_4567_89ab_cdef_1042);
    assert_eq!(text.printed(), "04HM-ASW9-NF6Y-Y422");
    let printed = text.printed();
    let rows = [
        (printed.clone(), true),
        (printed.to_lowercase(), true),
        (printed.replace('-', ""), true),
        (printed.replace('-', " "), true),
        (printed.replace('0', "o"), true),
        (format!("{printed}0"), false),
        (printed.replacen('0', "", 1), false),
        (printed.replacen('0', "U", 1), false),
        (printed.replacen('0', "!", 1), false),
        (printed.replacen('0', "é", 1), false),
        (String::new(), false),
    ];
    for (typed, is_read) in rows {
        assert_eq!(CodeText::parse(&typed).as_ref(), is_read.then_some(&text), "{typed}");
    }
    assert_eq!(CodeText::parse("il10-0000-0000-0000"), CodeText::parse("1110-0000-0000-0000"));
    assert_eq!(format!("{text:?}"), "CodeText(redacted)");
}

proptest! {
    #[test]
    fn eighty_bits_have_a_text_of_their_own(one: u128, other: u128) {
        let bits = |bits: u128| bits & ((1 << 80) - 1);
        let [text, other_text] = [one, other].map(CodeText::from_random);
        prop_assert_eq!(text == other_text, bits(one) == bits(other));
        prop_assert_eq!(CodeText::parse(&text.printed()), Some(text));
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,40}") {
        let _ = CodeText::parse(&text);
        let _ = CodeHash::new(&text);
    }
}

#[test]
fn code_is_redeemable_until_it_is_used_up_revoked_or_over() {
    type Change = fn(&mut Code);
    let rows: [(Change, bool); 5] = [
        (|_| {}, true),
        (|code| code.uses_left = 0, false),
        (|code| code.revoked_at = Some(at(1)), false),
        (|code| code.until = Some(at(9)), true),
        (|code| code.until = Some(at(8)), false),
    ];
    for (change, expected) in rows {
        let mut code = code_of_spring();
        change(&mut code);
        assert_eq!(code.is_redeemable(at(8)), expected, "{code:?}");
    }
}

#[test]
fn redemption_credits_its_owner_under_its_receipt() {
    let mut code = code_of_spring();
    let rows = [
        (OncePer::Code, "redeem#0123456789abcdef0123456789abcdef#alice"),
        (OncePer::Campaign, "redeem#campaign.spring#alice"),
    ];
    for (once_per, receipt) in rows {
        code.once_per = once_per;
        let Decision::Record(entry) = code.redemption(&alice(), at(1)) else { panic!("an entry") };
        let [Effect::Move(movement), Effect::Code(CodeChange::Redeem(hash))] = &*entry.effects else {
            panic!("a credit, and a use less")
        };
        assert_eq!((entry.header.receipt.as_str(), movement.key.as_str(), hash), (receipt, receipt, &code.hash));
        let sides = (movement.posting.debit(), movement.posting.credit());
        assert_eq!(sides, ("house/promotions".to_owned(), "alice/credits".to_owned()));
        assert_eq!((movement.posting.amount(), &*movement.lots), (code.credits, &[][..]));
        assert_eq!(OncePer::named(once_per.as_str()), Some(once_per));
    }
}

/// What is redeemed at one time lasts to the end of the last day, and the same decision on another day is the same event.
#[test]
fn redeemed_credits_expire_from_their_redemption_on() {
    let terms = GrantTerms::new(90, 3, LotKind::Free).expect("valid");
    let code = Code { terms: Some(terms), ..code_of_spring() };
    let of = |at: Timestamp| {
        let Decision::Record(Entry { header, effects, .. }) = code.redemption(&alice(), at) else { panic!("an entry") };
        let Some(Effect::Move(movement)) = effects.into_iter().next() else { panic!("a credit") };
        (header, movement.lots)
    };
    let day = 86_400;
    for (second, expires_day) in [(0, 90), (1, 91), (day, 91), (day + 1, 92)] {
        let lot = LotTerms { priority: 3, kind: LotKind::Free, expires_at: Some(at(expires_day * day)) };
        let (header, lots) = of(at(second));
        assert_eq!(lots, [LotShare { terms: lot, units: 5_000_000_000 }], "at {second}");
        assert_eq!(header, of(at(0)).0, "at {second}");
    }
}

/// Uses that were taken from the codes before and after the journal was read, and the redemptions in it; where they
/// differ, the place, its recorded uses and the repair.
type Case<'c> = (OncePer, &'c [u32], &'c [u32], u32, Option<(&'c str, i128, &'c str)>);

#[test]
fn uses_that_are_not_redemptions_are_found() {
    let (code, campaign) = (OncePer::Code, OncePer::Campaign);
    let (one, both) = ("spring/0123456789ab", "spring");
    let rows: [Case<'_>; 12] = [
        (code, &[0], &[0], 0, None),
        (code, &[2], &[2], 2, None),
        (code, &[2], &[2], 3, Some((one, 2, "code repair spring 0123456789ab --used 3"))),
        (
            code,
            &[2],
            &[2],
            1,
            Some((
                one,
                2,
                "account repair OWNER/credits --add-line KEY, or if no line was lost: code repair spring 0123456789ab --used 1",
            )),
        ),
        // Redeemed while the journal was read.
        (code, &[1], &[3], 2, None),
        (code, &[1], &[3], 4, Some((one, 3, "code repair spring 0123456789ab --used 4"))),
        (code, &[], &[1], 1, None),
        // No row.
        (code, &[], &[], 0, None),
        (code, &[], &[], 2, Some(("0123456789ab", 0, "put the code's row back from a backup of the accounts"))),
        (campaign, &[2, 1], &[2, 1], 3, None),
        (campaign, &[2, 1], &[2, 1], 4, Some((both, 3, "code repair spring NAME --used N"))),
        (campaign, &[2, 1], &[2, 3], 4, None),
    ];
    for (once_per, before, after, redeemed, expected) in rows {
        let of = |(number, taken): (usize, &u32)| {
            let hash = CodeHash::new(&format!("{number}123456789abcdef0123456789abcdef")).expect("a hash");
            Code { hash, once_per, uses: 9, uses_left: 9 - taken, ..code_of_spring() }
        };
        let mut whole = WholeAudit::default();
        before.iter().enumerate().map(of).for_each(|code| whole.add(Row::Code(Box::new(code))));
        for number in 0..redeemed {
            let owner = Owner::new(&format!("owner-{number}")).expect("an owner");
            let key = of((0, &0)).receipt(&owner).to_string();
            whole.add(Row::Line(redemption(&key, &owner)));
        }
        after.iter().enumerate().map(of).for_each(|code| whole.add_code_again(&code));
        let found = whole.differences(at(0)).into_iter().filter(|found| found.difference_kind == DifferenceKind::Uses);
        let found: Vec<_> = found
            .map(|found| (found.account.clone(), found.recorded.units(), found.found.units(), found.remedy()))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(place, recorded, remedy)| (place.to_owned(), recorded, i128::from(redeemed), remedy.to_owned()))
            .collect();
        assert_eq!(found, expected, "{once_per:?} {before:?} {after:?} {redeemed}");
    }
}

fn redemption(key: &str, owner: &Owner) -> JournalLine {
    JournalLine {
        key: key.to_owned(),
        account: owner.account(Asset::CREDITS).to_string(),
        change: Balance::from_units(5),
        house: Some(House::Promotions),
        order: None,
        reverses: None,
        reversed_by: None,
        at: Some(at(1)),
        is_failed: false,
    }
}

#[test]
fn repaired_code_has_the_uses_that_were_counted() {
    // Uses, left, redemptions; and uses and left after it.
    let rows =
        [(3, 3, 1, Some((3, 2))), (3, 0, 1, Some((3, 2))), (3, 3, 4, Some((4, 0))), (3, 1, 2, None), (3, 3, 0, None)];
    for (uses, uses_left, times, expected) in rows {
        let code = Code { uses, uses_left, ..code_of_spring() };
        let from = CodeUses { uses, left: uses_left };
        let change = |(uses, left)| CodeChange::Repair { hash: code.hash.clone(), from, to: CodeUses { uses, left } };
        assert_eq!(code.redeemed_times(times), expected.map(change).ok_or(RepairError::Agrees), "{uses} {uses_left}");
    }
}

#[test]
fn owner_waits_after_ten_wrong_codes_of_an_hour() {
    let hour = WrongCodes::hour_of(at(3_599));
    let rows = [(hour, 9, 3_599, false), (hour, 10, 3_599, true), (hour, 11, 0, true), (hour, 10, 3_600, false)];
    for (hour, count, second, expected) in rows {
        assert_eq!(WrongCodes { hour, count }.are_too_many(at(second)), expected, "{count} at {second}");
    }
    assert!(!WrongCodes::default().are_too_many(at(1)));
}
