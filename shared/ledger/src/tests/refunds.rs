//! How much the buyer has back, and how many credits that leaves.

use super::*;
use RefundState::{Failed, Pending, Succeeded};
use Report::{Paid, Refund as Of, Sum};

#[test]
fn what_is_refunded_is_what_is_known_to_be() {
    let rows: &[(&str, &[Report], u64)] = &[
        ("nothing", &[], 0),
        ("pending counts nothing", &[Of("re_1", Pending, 300)], 0),
        ("created, then succeeded", &[Of("re_1", Pending, 300), Of("re_1", Succeeded, 300)], 300),
        ("succeeded, and the first report last", &[Of("re_1", Succeeded, 300), Of("re_1", Pending, 300)], 300),
        ("the same again", &[Of("re_1", Succeeded, 300), Of("re_1", Succeeded, 300)], 300),
        ("failed at once", &[Of("re_1", Failed, 300)], 0),
        ("failed after it succeeded", &[Of("re_1", Succeeded, 300), Of("re_1", Failed, 300)], 0),
        ("failed, and its success last", &[Of("re_1", Failed, 300), Of("re_1", Succeeded, 300)], 0),
        ("two", &[Of("re_1", Succeeded, 300), Of("re_2", Succeeded, 200)], 500),
        ("two, of which one failed", &[Of("re_1", Succeeded, 300), Of("re_2", Failed, 200)], 300),
        ("two, of which one is pending", &[Of("re_1", Succeeded, 300), Of("re_2", Pending, 200)], 300),
        ("the larger of two reports", &[Of("re_1", Succeeded, 300), Of("re_1", Succeeded, 299)], 300),
        ("the sum alone", &[Sum(300, 5)], 300),
        ("the sum, again", &[Sum(300, 5), Sum(300, 5)], 300),
        ("the later sum, though smaller", &[Sum(300, 5), Sum(100, 6)], 100),
        ("the later sum, though first", &[Sum(100, 6), Sum(300, 5)], 100),
        ("the larger sum of one second", &[Sum(300, 5), Sum(100, 5)], 300),
        ("both say the same", &[Of("re_1", Succeeded, 300), Sum(300, 5)], 300),
        ("the sum knows of more", &[Of("re_1", Succeeded, 300), Sum(500, 5)], 500),
        ("the sum knows of less", &[Of("re_1", Succeeded, 300), Of("re_2", Succeeded, 200), Sum(300, 5)], 500),
        ("the sum counts one that is pending", &[Of("re_1", Pending, 300), Sum(300, 5)], 300),
        (
            "the sum still counts one that failed",
            &[Of("re_1", Succeeded, 300), Sum(300, 5), Of("re_1", Failed, 300)],
            0,
        ),
        ("the sum counts it no longer", &[Sum(300, 5), Of("re_1", Failed, 300), Sum(0, 6)], 0),
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
    ];
    for (name, reports, expected) in rows {
        let (order, _) = applied_all(&hundred(), reports);
        let claims = order.claims.get("pi_1").cloned().unwrap_or_default();
        assert_eq!(claims.refunds.total(), cents(*expected), "{name}");
        assert_eq!(order.payment, PaymentState::Unpaid, "{name}: a refund pays nothing");
    }
}

#[test]
fn credits_follow_what_is_refunded() {
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
            "the rest",
            &[Paid, Of("re_1", Succeeded, 250), Of("re_2", Succeeded, 750)],
            &[
                "Amend: refunded, done, 0 posted in 3",
                "reversal#HL1#2: 75 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "a refund that failed after all",
            &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Failed, 250)],
            &[
                "Amend: paid, done, 100 posted in 3",
                "reversal#HL1#2: 25 from house/revenue to alice/credits, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "more than was paid",
            &[Paid, Sum(1_001, 5)],
            &[
                "Amend: refunded, done, 0 posted in 2",
                "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        ("one that is pending", &[Paid, Of("re_1", Pending, 250)], &["Amend: paid, done, 100 posted in 1"]),
        (
            "the refund behind the sum",
            &[Paid, Sum(250, 5), Of("re_1", Succeeded, 250)],
            &["Amend: partly_refunded, done, 75 posted in 2"],
        ),
        ("the same again", &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Succeeded, 250)], &[]),
        ("an older report", &[Paid, Of("re_1", Succeeded, 250), Of("re_1", Pending, 250)], &[]),
        ("before it is paid", &[Of("re_1", Succeeded, 250)], &["Amend: unpaid, none, 0 posted in 0"]),
    ];
    for (name, reports, expected) in rows {
        let (last, before) = reports.split_last().expect("a report");
        let (order, _) = applied_all(&hundred(), before);
        assert_eq!(told(&last.effects(&order)), *expected, "{name}");
    }
}

#[test]
fn what_may_be_kept_is_rounded_down() {
    // Units of credits, the price and the refund in cents, and the units that stand.
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
