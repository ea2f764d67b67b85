//! Orders: which of their movements make which lots.

use super::super::*;

const DAY_S: i64 = 86_400;

fn expiring(text: &str, days: u16, each_period: bool) -> Grant {
    let terms = GrantTerms::new(days, 1, LotKind::Free).expect("valid");
    Grant::Expiring { amount: credits(text), terms, each_period }
}

fn free_until(day: i64) -> LotTerms {
    LotTerms { priority: 1, kind: LotKind::Free, expires_at: Some(at(day.saturating_mul(DAY_S))) }
}

fn share(terms: LotTerms, text: &str) -> LotShare {
    LotShare { terms, units: credits(text).units() }
}

fn payment(id: &str, second: i64) -> Payment {
    Payment { by: reference(Provider::Stripe, id), money: usd(1_000), at: at(second) }
}

fn lots_of(effects: &[Effect]) -> Vec<(&str, &[LotShare])> {
    let lots = effects.iter().filter_map(|effect| {
        let Effect::Move(movement) = effect else { return None };
        Some((movement.key.as_str(), movement.lots.as_slice()))
    });
    lots.collect()
}

#[test]
fn payment_dates_what_the_product_dates() {
    let undated = LotTerms::undated(LotKind::Paid);
    let rows: [(&str, Vec<Grant>, Vec<LotShare>); 3] = [
        ("undated", vec![Grant::Credits(credits("100"))], vec![]),
        ("dated", vec![expiring("10", 90, false)], vec![share(free_until(91), "10")]),
        (
            "both",
            vec![Grant::Credits(credits("100")), expiring("10", 90, false)],
            vec![share(undated, "100"), share(free_until(91), "10")],
        ),
    ];
    for (name, grants, lots) in rows {
        let order = order(usd(1_000), grants);
        let effects = order.pay(&payment("pi_1", 7)).expect("the price");
        assert_eq!(lots_of(&effects), [("payment#stripe#pi_1", lots.as_slice())], "{name}");
        let granted = lots.iter().map(|share| share.units).sum::<u128>();
        assert!(lots.is_empty() || granted == order.credits().units(), "{name}: the lots add up to the posting");
    }
}

#[test]
fn each_period_is_dated_from_its_own_payment() {
    let order = order(usd(1_000), vec![expiring("10", 30, true)]);
    for (invoice, day) in [("in_1", 0), ("in_2", 30)] {
        let effects = order.pay_period(&payment(invoice, day * DAY_S + 1), false).expect("the price");
        let lots = [share(free_until(day.saturating_add(31)), "10")];
        assert_eq!(lots_of(&effects), [(format!("invoice#{invoice}").as_str(), lots.as_slice())]);
    }
}

#[test]
fn clawback_of_dated_credits_does_not_take_undated_ones_first() {
    for (grants, is_dated) in [(vec![expiring("10", 90, false)], true), (vec![Grant::Credits(credits("10"))], false)] {
        let (paid, _) = applied(&order(usd(1_000), grants.clone()), Report::Paid.effects(&order(usd(1_000), grants)));
        let refunded = Report::Refund("re_1", RefundState::Succeeded, 500).effects(&paid);
        let [(key, lots)] = lots_of(&refunded)[..] else { panic!("one clawback") };
        assert_eq!((key, lots.is_empty()), ("reversal#HL1#1", !is_dated));
    }
}

#[test]
fn payment_that_a_person_accepts_is_dated_from_then_unless_they_name_other_credits() {
    let order = order(usd(1_000), vec![expiring("10", 90, false)]);
    let (paid, _) = applied(&order, order.pay(&payment("pi_1", 7)).expect("the price"));
    let refused = RefusedPayment {
        by: reference(Provider::Stripe, "pi_2"),
        money: usd(1_000),
        pays_for: PaysFor::Order,
        is_confirmed: true,
    };
    let now = at(5 * DAY_S + 1);
    let again = paid.accept(&refused, None, now).expect("acceptable");
    let lots = [share(free_until(96), "10")];
    assert_eq!(lots_of(&again), [("payment#stripe#pi_2", lots.as_slice())]);
    // A refund takes the same credits as the product's, so that they are dated too.
    let same = paid.accept(&refused, Some(credits("10")), now).expect("acceptable");
    assert_eq!(lots_of(&same), [("payment#stripe#pi_2", lots.as_slice())]);
    let other = paid.accept(&refused, Some(credits("3")), now).expect("acceptable");
    assert_eq!(lots_of(&other), [("payment#stripe#pi_2", [].as_slice())]);
}
