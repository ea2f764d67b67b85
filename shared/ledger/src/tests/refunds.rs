//! Refunds: the refunded total, and the clawback of credits.

use super::*;
use RefundState::{Failed, Pending, Succeeded};
use Report::{Paid, Refund as Of, Sum};

#[test]
fn refund_reports_give_the_refunded_total() {
    let rows: &[(&str, &[Report], u64)] = &[
        ("nothing", &[], 0),
        ("pending does not count", &[Of("re_1", Pending, 300)], 0),
        ("created, then succeeded", &[Of("re_1", Pending, 300), Of("re_1", Succeeded, 300)], 300),
        (
            "succeeded, and the pending report arrives last",
            &[Of("re_1", Succeeded, 300), Of("re_1", Pending, 300)],
            300,
        ),
        ("repeated", &[Of("re_1", Succeeded, 300), Of("re_1", Succeeded, 300)], 300),
        ("failed at once", &[Of("re_1", Failed, 300)], 0),
        ("failed after it succeeded", &[Of("re_1", Succeeded, 300), Of("re_1", Failed, 300)], 0),
        ("failed, and its success arrives last", &[Of("re_1", Failed, 300), Of("re_1", Succeeded, 300)], 0),
        ("two", &[Of("re_1", Succeeded, 300), Of("re_2", Succeeded, 200)], 500),
        ("two, of which one failed", &[Of("re_1", Succeeded, 300), Of("re_2", Failed, 200)], 300),
        ("two, of which one is pending", &[Of("re_1", Succeeded, 300), Of("re_2", Pending, 200)], 300),
        ("the larger of two reports", &[Of("re_1", Succeeded, 300), Of("re_1", Succeeded, 299)], 300),
        ("the sum alone", &[Sum(300, 5)], 300),
        ("the sum, again", &[Sum(300, 5), Sum(300, 5)], 300),
        ("the later sum, though smaller", &[Sum(300, 5), Sum(100, 6)], 100),
        ("the later sum, though it arrives first", &[Sum(100, 6), Sum(300, 5)], 100),
        ("the larger sum of the same second", &[Sum(300, 5), Sum(100, 5)], 300),
        ("both agree", &[Of("re_1", Succeeded, 300), Sum(300, 5)], 300),
        ("the sum is larger", &[Of("re_1", Succeeded, 300), Sum(500, 5)], 500),
        ("the sum is smaller", &[Of("re_1", Succeeded, 300), Of("re_2", Succeeded, 200), Sum(300, 5)], 500),
        ("the sum counts one that is pending", &[Of("re_1", Pending, 300), Sum(300, 5)], 300),
        (
            "the sum still counts one that failed",
            &[Of("re_1", Succeeded, 300), Sum(300, 5), Of("re_1", Failed, 300)],
            0,
        ),
        ("the sum no longer counts it", &[Sum(300, 5), Of("re_1", Failed, 300), Sum(0, 6)], 0),
        (
            "the sum still counts the one of two that failed",
            &[Of("re_1", Failed, 300), Of("re_2", Succeeded, 200), Sum(500, 5)],
            200,
        ),
        (
            "the sum counts only the one of two that succeeded",
            &[Of("re_1", Failed, 300), Of("re_2", Succeeded, 200), Sum(200, 5)],
            200,
        ),
        (
            "the sum counts one that is pending, and no longer a larger one that failed",
            &[Of("re_1", Failed, 600), Of("re_2", Pending, 300), Sum(300, 5)],
            300,
        ),
        (
            "the sum counts one that is pending, and no longer a smaller one that failed",
            &[Of("re_1", Failed, 200), Of("re_2", Pending, 300), Sum(300, 5)],
            300,
        ),
        (
            "the sum counts one that is pending, and still the larger one that failed",
            &[Of("re_1", Failed, 600), Of("re_2", Pending, 300), Sum(900, 5)],
            300,
        ),
        (
            "the sum has room for a part of what is pending",
            &[Of("re_1", Failed, 600), Of("re_2", Pending, 300), Sum(200, 5)],
            200,
        ),
        (
            "one of each, and the failed one dropped",
            &[Of("re_1", Failed, 600), Of("re_2", Succeeded, 100), Of("re_3", Pending, 300), Sum(400, 5)],
            400,
        ),
    ];
    for (name, reports, expected) in rows {
        let (order, _) = applied_all(&hundred(), reports);
        let claims = order.claims.get("pi_1").cloned().unwrap_or_default();
        assert_eq!(claims.refunds.total(), cents(*expected), "{name}");
        assert_eq!(order.payment, PaymentState::Unpaid, "{name}: a refund pays nothing");
    }
}

#[test]
fn refund_claws_back_credits_in_proportion() {
    let rows: &[(&str, &[Report], &[&str])] = &[
        (
            "a quarter",
            &[Paid, Of("re_1", Succeeded, 250)],
            &[
                "Amend: partly_refunded, done, 75 posted in 2",
                "reversal#HL1#1: 25 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "the remaining part",
            &[Paid, Of("re_1", Succeeded, 250), Of("re_2", Succeeded, 750)],
            &[
                "Amend: refunded, done, 0 posted in 3",
                "reversal#HL1#2: 75 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "a refund that failed after its success",
            &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Failed, 250)],
            &[
                "Amend: paid, done, 100 posted in 3",
                "reversal#HL1#2: 25 from house/revenue to alice/credits, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "more than the payment",
            &[Paid, Sum(1_001, 5)],
            &[
                "Amend: refunded, done, 0 posted in 2",
                "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        ("one that is pending", &[Paid, Of("re_1", Pending, 250)], &["Amend: paid, done, 100 posted in 1"]),
        (
            "the refund that the sum contains",
            &[Paid, Sum(250, 5), Of("re_1", Succeeded, 250)],
            &["Amend: partly_refunded, done, 75 posted in 2"],
        ),
        ("repeated", &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Succeeded, 250)], &[]),
        ("an older report", &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Pending, 250)], &[]),
        ("before it is paid", &[Of("re_1", Succeeded, 250)], &["Amend: unpaid, none, 0 posted in 0"]),
    ];
    for (name, reports, expected) in rows {
        let (last, before) = reports.split_last().expect("a report");
        let (order, _) = applied_all(&hundred(), before);
        assert_eq!(summaries(&last.effects(&order)), *expected, "{name}");
    }
}

#[test]
fn kept_credits_are_rounded_down() {
    // Units of credits, the price and the refund in cents, and the remaining units.
    let rows = [
        (100_000_000, 3, 0, 100_000_000),
        (100_000_000, 3, 1, 66_666_666),
        (100_000_000, 3, 2, 33_333_333),
        (100_000_000, 3, 3, 0),
        (1, 2, 1, 0),
        (1, 1_000, 1, 0),
        (2, 3, 1, 1),
        (999, 1_000, 1, 998),
        (u64::MAX, u64::MAX, 1, u64::MAX - 1),
        (u64::MAX, u64::MAX - 1, 1, u64::MAX - 2),
    ];
    for (granted, price, refunded, expected) in rows {
        let order = order(usd(price), vec![Grant::Credits(Amount::from_units(granted))]);
        let (order, _) = applied_all(&order, &[Paid, Sum(refunded, 1)]);
        assert_eq!(order.posted.units(), u128::from(expected), "{granted} for {price}, {refunded} refunded");
    }
}

/// Stripe's reports of the refunds of one charge. Each refund is created as pending, with the sum of all that have not
/// failed by then; its result is reported by its id alone.
fn of_one_charge() -> impl Strategy<Value = (Vec<Report>, u64)> {
    const IDS: [&str; 4] = ["re_1", "re_2", "re_3", "re_4"];
    let ends = prop_oneof![Just(None), Just(Some(Succeeded)), Just(Some(Failed))];
    // The amount, the result, and how many others are created before the result.
    let refund = (1_u64..500, ends, 0_usize..4);
    proptest::collection::vec(refund, 0..=IDS.len()).prop_map(|refunds| {
        let mut reports = Vec::new();
        for (n, (amount, end, _)) in refunds.iter().enumerate() {
            let is_in_sum = |(m, (_, end, after)): &(usize, &(u64, Option<RefundState>, usize))| {
                let has_failed = *end == Some(Failed) && m.saturating_add(*after) < n;
                *m <= n && !has_failed
            };
            let sum = refunds.iter().enumerate().filter(is_in_sum).map(|(_, (amount, ..))| amount).sum();
            let second = i64::try_from(n).expect("few");
            reports.extend([Of(IDS[n], Pending, *amount), Sum(sum, second)]);
            reports.extend(end.map(|end| Of(IDS[n], end, *amount)));
        }
        let kept = refunds.iter().filter(|(_, end, _)| *end != Some(Failed)).map(|(amount, ..)| amount).sum();
        (reports, kept)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reports_of_a_charge_give_the_refunds_that_did_not_fail(
        (reports, expected) in of_one_charge().prop_flat_map(|(reports, expected)| {
            (Just(reports).prop_shuffle(), Just(expected))
        }),
    ) {
        let (order, _) = applied_all(&hundred(), &reports);
        let claims = order.claims.get("pi_1").cloned().unwrap_or_default();
        prop_assert_eq!(claims.refunds.total(), cents(expected), "{:?}", reports);
    }
}

#[test]
fn final_refund_state_depends_on_the_provider() {
    // Two reports in either order, and the state after both.
    let rows = [
        (Provider::Stripe, Succeeded, Failed, Failed),
        (Provider::Stripe, Pending, Succeeded, Succeeded),
        (Provider::Stripe, Pending, Failed, Failed),
        (Provider::Wechat, Succeeded, Failed, Succeeded),
        (Provider::Wechat, Pending, Succeeded, Succeeded),
        (Provider::Wechat, Pending, Failed, Failed),
    ];
    for (provider, one, other, expected) in rows {
        for states in [[one, other], [other, one], [expected, expected]] {
            let of = reference(provider, "pay_1");
            let order = states.iter().fold(hundred(), |order, state| {
                let refund = Refund { state: *state, amount: cents(300) };
                applied(&order, order.apply_refund(&of, "refund_1", refund)).0
            });
            let state = order.claims["pay_1"].refunds.by_id["refund_1"].state;
            assert_eq!(state, expected, "{provider:?} {states:?}");
        }
    }
}

#[test]
fn refund_above_the_payment_is_flagged_and_capped() {
    let rows: &[(&str, &[Report], Option<&str>)] = &[
        ("all of it", &[Paid, Sum(1_000, 1)], None),
        ("a cent more", &[Paid, Sum(1_001, 1)], Some("stripe#pi_1: refunded 10.01 USD of 10 USD")),
        ("before it is paid", &[Sum(1_500, 1), Paid], Some("stripe#pi_1: refunded 15 USD of 10 USD")),
        ("not paid", &[Sum(1_500, 1)], None),
        (
            "in two refunds",
            &[Paid, Of("re_1", Succeeded, 700), Of("re_2", Succeeded, 700)],
            Some("stripe#pi_1: refunded 14 USD of 10 USD"),
        ),
        (
            "one of them fails",
            &[Paid, Of("re_1", Succeeded, 700), Of("re_2", Succeeded, 700), Of("re_2", Failed, 700)],
            None,
        ),
        ("refunds of another payment", &[Paid, Report::StrayRefund, Report::StrayRefund], None),
    ];
    for (name, reports, expected) in rows {
        let (order, _) = applied_all(&hundred(), reports);
        let details: Vec<&str> = order.anomalies.listed().map(|flag| flag.anomaly.details.as_str()).collect();
        assert_eq!(details, expected.iter().copied().collect::<Vec<_>>(), "{name}");
        assert_eq!(order.is_flagged_for(Reason::RefundedTooMuch), expected.is_some(), "{name}");
        if expected.is_some() {
            assert_eq!((order.payment, order.posted), (PaymentState::Refunded, Amount::ZERO), "{name}");
        }
    }
}
