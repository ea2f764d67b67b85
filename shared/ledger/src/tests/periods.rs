//! Refunds and disputes of subscription periods: each claws back its own period, and the first also what the order
//! bought.

use proptest::sample::{select, subsequence};

use super::*;

/// A refund or dispute of a period's payment, the first or the second.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Refund(usize, &'static str, RefundState, u64),
    Sum(usize, u64, i64),
    Dispute(usize, &'static str, DisputeStage, i64, u64),
}

const PAYMENTS: [&str; 2] = ["pi_1", "pi_2"];
const INVOICES: [&str; 2] = ["in_1", "in_2"];

impl Claim {
    fn effects(self, order: &Order) -> Vec<Effect> {
        let of = |n: usize| reference(Provider::Stripe, PAYMENTS[n]);
        let with_invoice = |n: usize| order.with_invoice(&of(n), &reference(Provider::Stripe, INVOICES[n]));
        match self {
            Self::Refund(n, id, state, count) => {
                with_invoice(n).apply_refund(&of(n), id, Refund { state, amount: cents(count) })
            }
            Self::Sum(n, count, second) => {
                with_invoice(n).apply_refunded_total(&of(n), Reported { as_of: at(second), amount: cents(count) })
            }
            Self::Dispute(n, id, stage, second, count) => {
                let report = DisputeReport { stage, as_of: at(second), money: usd(count) };
                with_invoice(n).apply_dispute(&of(n), id, report)
            }
        }
    }
}

fn claim(price: u64) -> impl Strategy<Value = Claim> {
    let amount = || prop_oneof![Just(price), 0..=price, 0..=price.saturating_mul(2)];
    prop_oneof![
        (0..2_usize, select(&["re_1", "re_2"][..]), select(&RefundState::ALL[..]), amount())
            .prop_map(|(n, id, state, count)| Claim::Refund(n, id, state, count)),
        (0..2_usize, amount(), 0_i64..4).prop_map(|(n, count, second)| Claim::Sum(n, count, second)),
        (0..2_usize, select(&["dp_1", "dp_2"][..]), select(&DisputeStage::ALL[..]), 0_i64..4, amount())
            .prop_map(|(n, id, stage, second, count)| Claim::Dispute(n, id, stage, second, count)),
    ]
}

/// A price, and the same claims in two orders of arrival.
fn two_arrivals() -> impl Strategy<Value = (u64, Vec<Claim>, Vec<Claim>)> {
    let price = prop_oneof![1_u64..=12, 1_u64..=100_000];
    let arrivals = |claims: Vec<Claim>| {
        let again = subsequence(claims.clone(), 0..=claims.len());
        again.prop_flat_map(move |again| Just([claims.clone(), again].concat()).prop_shuffle())
    };
    let claims = price.prop_flat_map(|price| (Just(price), proptest::collection::vec(claim(price), 0..8)));
    claims.prop_flat_map(move |(price, claims)| (Just(price), arrivals(claims.clone()), arrivals(claims)))
}

/// A paid subscription with both periods booked.
fn subscribed(price: u64, units: u64) -> Order {
    let mut order = order(usd(price), vec![Grant::CreditsEachPeriod(Amount::from_units(units))]);
    let bob = Owner::new("bob").expect("valid");
    order.terms.commissions = vec![Commission { to: bob, basis_points: 1_000 }];
    let paid = |id: &str| Payment { by: reference(Provider::Stripe, id), money: usd(price), at: at(1) };
    let (order, _) = applied(&order, order.pay(&paid("sub_1")).expect("the price"));
    let (order, _) = applied(&order, order.pay_period(&paid("in_1"), true).expect("the price"));
    applied(&order, order.pay_period(&paid("in_2"), false).expect("the price")).0
}

/// The version and the numbers of postings depend on the history; everything else must agree.
fn books(order: Order) -> Order {
    let period = |period: Period| Period { corrections: 0, ..period };
    // A period that got everything back equals one that nothing was ever taken from.
    let whole = order.credits_each_period();
    let periods = order.periods.iter().map(|(invoice, state)| (invoice.clone(), period(*state)));
    let periods = periods.filter(|(_, period)| period.posted != whole).collect();
    Order { version: 0, postings: 0, periods, ..order }
}

/// The rule of the design, implemented independently.
fn allowance(order: &Order, payment: &str, whole: u128) -> u128 {
    let claims = order.claims.get(payment).cloned().unwrap_or_default();
    let price = order.terms.price.amount.units();
    let contested: u128 = claims
        .disputes
        .0
        .values()
        .map(|dispute| match dispute.stage {
            DisputeStage::Inquiry | DisputeStage::Won => 0,
            DisputeStage::Open | DisputeStage::Appealed | DisputeStage::Lost => {
                dispute.amount.map_or(price, Amount::units)
            }
        })
        .sum();
    let still_paid = price.saturating_sub(claims.refunds.total().units()).saturating_sub(contested);
    whole.checked_mul(still_paid).expect("small").checked_div(price).expect("not free")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn claims_on_periods_converge_in_any_order(
        (price, one, other) in two_arrivals(), units in 1_u64..2_000_000_000,
    ) {
        let order = subscribed(price, units);
        let end = |claims: Vec<Claim>| claims.iter().fold(order.clone(), |order, claim| applied(&order, claim.effects(&order)).0);
        prop_assert_eq!(books(end(one)), books(end(other)));
    }

    #[test]
    fn period_keeps_the_uncontested_part_of_its_payment(
        (price, claims, _) in two_arrivals(), units in 1_u64..2_000_000_000,
    ) {
        let mut order = subscribed(price, units);
        let mut moved = BTreeMap::from(INVOICES.map(|invoice| (format!("invoice#{invoice}"), i128::from(units))));
        let mut keys = std::collections::BTreeSet::new();
        for claim in claims {
            let (after, movements) = applied(&order, claim.effects(&order));
            order = after;
            for Movement { key, posting, reverses, .. } in movements {
                prop_assert!(!posting.amount().is_zero(), "{} moves nothing", key);
                prop_assert!(keys.insert(key.clone()), "{} twice", key);
                let of = reverses.expect("a correction").to_string();
                let sum = moved.get_mut(&of).expect("a period");
                *sum = sum.checked_add(posting.change().units()).expect("small");
            }
            for (payment, invoice) in PAYMENTS.into_iter().zip(INVOICES) {
                let kept = allowance(&order, payment, u128::from(units));
                let posted = order.periods.get(invoice).map_or(Amount::from_units(units), |period| period.posted);
                prop_assert_eq!(posted.units(), kept);
                prop_assert_eq!(moved[&format!("invoice#{invoice}")], i128::try_from(kept).expect("small"));
            }
            // The commission and the state of the order follow the first period alone.
            let share = order.shares().into_iter().next().expect("bob's");
            let whole = order.terms.price.amount.share(cents(1_000), cents(10_000)).expect("a tenth").units();
            prop_assert_eq!(order.due(&share).units(), allowance(&order, "pi_1", whole));
        }
    }
}
