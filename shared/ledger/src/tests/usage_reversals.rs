//! Reversals of usage: what can be reversed, and by how much.

use super::*;

fn charge(units: i128) -> JournalLine {
    JournalLine {
        key: "usage#e1".to_owned(),
        account: "alice/credits".to_owned(),
        change: Balance::from_units(units),
        house: None,
        order: None,
        reverses: None,
        reversed_by: None,
        at: None,
        is_failed: false,
    }
}

#[test]
fn charge_is_reversed_whole_or_in_part() {
    for (amount, units) in [(None, 3), (Some(1), 1), (Some(3), 3)] {
        let line = charge(-3);
        let reversal = UsageReversal::of(&line, amount.map(Amount::from_units)).expect("reversed");
        let [Effect::Move(movement), Effect::Repair(Repair::Reversed { line: marked, by })] = &*reversal.effects()
        else {
            panic!("a credit, and a mark on the charge")
        };
        assert_eq!((marked, by.as_str(), &movement.key), (&line, "reversed#usage#e1", by));
        assert_eq!(movement.reverses.as_ref().map(MoneyKey::as_str), Some("usage#e1"));
        assert_eq!(
            (movement.posting.debit().as_str(), movement.posting.credit().as_str()),
            ("house/usage", "alice/credits")
        );
        assert_eq!((movement.posting.change().units(), movement.guard), (units, Guard::Always));
    }
}

#[test]
fn what_was_not_charged_is_not_reversed() {
    use UsageReversalError::{Free, NotUsage, Nothing, Reversed, TooMuch};
    let changed = |change: fn(&mut JournalLine)| {
        let mut line = charge(-3);
        change(&mut line);
        line
    };
    let rows = [
        (charge(0), None, Free),
        (charge(3), None, Free),
        (charge(-3), Some(0), Nothing),
        (charge(-3), Some(4), TooMuch { charged: Amount::from_units(3) }),
        (changed(|line| line.is_failed = true), None, NotUsage),
        (changed(|line| line.key = "payment#stripe#pi_1".to_owned()), None, NotUsage),
        (changed(|line| line.key = "usage#e1#conflict#1.ab".to_owned()), None, NotUsage),
        (changed(|line| line.key = "reversed#usage#e1".to_owned()), None, NotUsage),
        (changed(|line| line.account = "alice/POSX".to_owned()), None, NotUsage),
        (changed(|line| line.account = "alice".to_owned()), None, NotUsage),
        (changed(|line| line.reversed_by = Some("manual#fix".to_owned())), None, Reversed),
    ];
    for (line, amount, error) in rows {
        assert_eq!(UsageReversal::of(&line, amount.map(Amount::from_units)), Err(error), "{line:?}");
    }
}
