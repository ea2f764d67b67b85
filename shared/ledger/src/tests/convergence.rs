//! Properties: the same reports in any order and repetition converge to the same order.

use std::collections::BTreeSet;

use proptest::sample::{select, subsequence};

use super::*;

/// Reports on an order with this price. Few different seconds, so that many reports share one.
pub(super) fn report(price: u64) -> impl Strategy<Value = Report> {
    let amount = || prop_oneof![Just(price), 0..=price, 0..=price.saturating_mul(2)];
    let payable: Vec<_> = PaymentState::ALL.into_iter().filter(|state| state.is_payable()).collect();
    prop_oneof![
        1 => Just(Report::Paid),
        1 => Just(Report::StrayRefund),
        1 => Just(Report::StrayDispute),
        2 => select(payable).prop_map(Report::Unpaid),
        4 => (select(&["re_1", "re_2", "re_3"][..]), select(&RefundState::ALL[..]), amount())
            .prop_map(|(id, state, amount)| Report::Refund(id, state, amount)),
        3 => (amount(), 0_i64..4).prop_map(|(amount, second)| Report::Sum(amount, second)),
        3 => (select(&["dp_1", "dp_2", "dp_3"][..]), select(&DisputeStage::ALL[..]), 0_i64..4)
            .prop_map(|(id, stage, second)| Report::Dispute(id, stage, second)),
        3 => (select(&["dp_1", "dp_2", "dp_3"][..]), select(&DisputeStage::ALL[..]), 0_i64..4, amount())
            .prop_map(|(id, stage, second, amount)| Report::Part(id, stage, second, amount)),
        1 => (select(&["dp_1", "dp_2"][..]), select(&DisputeStage::ALL[..]), 0_i64..4)
            .prop_map(|(id, stage, second)| Report::Foreign(id, stage, second)),
    ]
}

/// In cents. Small prices divide badly.
pub(super) fn price() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..=12, 1_u64..=100_000]
}

/// All reports, some of them repeated, in any order.
fn arrivals(reports: Vec<Report>) -> impl Strategy<Value = Vec<Report>> {
    let again = subsequence(reports.clone(), 0..=reports.len());
    again.prop_flat_map(move |again| Just([reports.clone(), again].concat()).prop_shuffle())
}

/// A price, and the same reports in two orders of arrival.
fn two_arrivals() -> impl Strategy<Value = (u64, Vec<Report>, Vec<Report>)> {
    let reports = price().prop_flat_map(|price| (Just(price), proptest::collection::vec(report(price), 0..10)));
    reports.prop_flat_map(|(price, reports)| (Just(price), arrivals(reports.clone()), arrivals(reports)))
}

/// Credits that expire, or not: with what remains of a payment both are granted and taken alike.
fn with_grant(price: u64, units: u64, expires: bool) -> Order {
    let amount = Amount::from_units(units);
    let terms = GrantTerms::new(90, 1, LotKind::Free).expect("valid");
    let dated = Grant::Expiring { amount, terms, each_period: false };
    order(usd(price), vec![if expires { dated } else { Grant::Credits(amount) }])
}

/// The version and the number of postings depend on the history; everything else must agree.
fn books(order: Order) -> Order {
    Order { version: 0, postings: 0, ..order }
}

/// The rule of the design, implemented independently.
fn allowance(order: &Order) -> u128 {
    if order.paid.is_none() {
        return 0;
    }
    let claims = order.claims.get("pi_1").cloned().unwrap_or_default();
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
    order.credits().units().checked_mul(still_paid).expect("small").checked_div(price).expect("not free")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reports_converge_in_any_order_and_repetition(
        (price, one, other) in two_arrivals(), units in 0_u64..2_000_000_000, expires: bool,
    ) {
        let order = with_grant(price, units, expires);
        let (one, _) = applied_all(&order, &one);
        let (other, _) = applied_all(&order, &other);
        prop_assert_eq!(books(one), books(other));
    }

    #[test]
    fn posted_credits_equal_movements_and_allowance(
        (price, reports, _) in two_arrivals(), units in 0_u64..2_000_000_000, expires: bool,
    ) {
        let mut order = with_grant(price, units, expires);
        let mut moved = Balance::ZERO;
        let mut keys = BTreeSet::new();
        for report in reports {
            let (after, movements) = applied(&order, report.effects(&order));
            for movement in movements {
                moved = moved.checked_add(movement.posting.change()).expect("small");
                prop_assert!(!movement.posting.amount().is_zero(), "{} moves nothing", movement.key);
                prop_assert_eq!(!movement.lots.is_empty(), expires, "{} names the lots of its grant", movement.key);
                prop_assert!(keys.insert(movement.key.clone()), "{} twice", movement.key);
            }
            order = after;
            // After each report, not only after the last.
            prop_assert_eq!(order.posted.units(), allowance(&order));
            prop_assert_eq!(Balance::from(order.posted), moved);
            prop_assert_eq!(u64::try_from(keys.len()), Ok(order.postings));
        }
    }

    #[test]
    fn repeated_report_has_no_effect((price, reports, again) in two_arrivals(), expires: bool) {
        let (order, _) = applied_all(&with_grant(price, 100, expires), &reports);
        for report in again {
            prop_assert_eq!(report.effects(&order), Vec::new(), "{:?}", report);
        }
    }
}
