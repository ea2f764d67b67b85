//! Anomalies: which ones an order lists, and which need attention.

use super::*;
use RefundState::{Failed, Pending, Succeeded};

/// The reported refunds of a duplicate, the refunded total, and whether it still needs attention.
type RefundRow = (&'static [(&'static str, RefundState, u64)], u64, bool);

const REASONS: [Reason; 3] = [Reason::AmountMismatch, Reason::DuplicatePayment, Reason::AttachMismatch];

fn refused(reason: Reason, id: &str, count: u64) -> Anomaly {
    let payment = Payment { by: reference(Provider::Stripe, id), money: usd(count), at: at(1) };
    payment.refused(reason, PaysFor::Order, "but")
}

fn without_payment(reason: Reason, details: &str) -> Anomaly {
    Anomaly { reason, details: details.to_owned(), payment: None }
}

fn flagged(order: &Order, anomalies: &[Anomaly]) -> Order {
    anomalies.iter().fold(order.clone(), |order, anomaly| applied(&order, order.flag(anomaly)).0)
}

fn listed(order: &Order) -> Vec<String> {
    let line = |flag: &Flag| {
        let by = flag.anomaly.payment.as_ref().map_or("-", |payment| payment.by.id());
        format!("{} {by}", flag.anomaly.reason.as_str())
    };
    order.anomalies.listed().map(line).collect()
}

#[test]
fn each_refused_payment_is_listed_once() {
    let three = ["pi_2", "pi_3", "pi_4"].map(|id| refused(Reason::DuplicatePayment, id, 1_000));
    let rows: [(&str, Vec<Anomaly>, &[&str]); 5] = [
        (
            "three duplicates",
            three.to_vec(),
            &["duplicate_payment pi_2", "duplicate_payment pi_3", "duplicate_payment pi_4"],
        ),
        ("one of them three times", vec![three[0].clone(); 3], &["duplicate_payment pi_2"]),
        (
            "one payment with two amounts",
            vec![three[0].clone(), refused(Reason::DuplicatePayment, "pi_2", 999)],
            &["duplicate_payment pi_2"; 2],
        ),
        (
            "one payment for two reasons",
            vec![three[0].clone(), refused(Reason::AmountMismatch, "pi_2", 1_000)],
            &["amount_mismatch pi_2", "duplicate_payment pi_2"],
        ),
        (
            "two events without a payment",
            vec![
                without_payment(Reason::AttachMismatch, "one"),
                without_payment(Reason::AttachMismatch, "other"),
                without_payment(Reason::AttachMismatch, "one"),
            ],
            &["attach_mismatch -"; 2],
        ),
    ];
    for (name, anomalies, expected) in rows {
        let order = flagged(&hundred(), &anomalies);
        assert_eq!(listed(&order), expected, "{name}");
        let again = flagged(&order, &anomalies);
        assert_eq!(again, order, "{name}, again");
    }
}

#[test]
fn fully_refunded_refused_payment_needs_no_attention() {
    let duplicate = refused(Reason::DuplicatePayment, "pi_2", 1_000);
    let rows: [RefundRow; 5] = [
        (&[], 0, true),
        (&[("re_1", Succeeded, 999)], 999, true),
        (&[("re_1", Pending, 1_000)], 0, true),
        (&[("re_1", Succeeded, 1_000)], 1_000, false),
        (&[("re_1", Succeeded, 1_000), ("re_1", Failed, 1_000)], 0, true),
    ];
    for (reports, refunded, is_open) in rows {
        let (paid, _) = applied_all(&hundred(), &[Report::Paid]);
        let order = flagged(&paid, std::slice::from_ref(&duplicate));
        let order = reports.iter().fold(order, |order, (id, state, count)| {
            let (of, refund) = (reference(Provider::Stripe, "pi_2"), Refund { state: *state, amount: cents(*count) });
            applied(&order, order.apply_refund(&of, id, refund)).0
        });
        let payment = duplicate.payment.clone().expect("a payment");
        assert_eq!(order.refunded_part_of(&payment), cents(refunded), "{reports:?}");
        assert_eq!(order.is_flagged_for(Reason::DuplicatePayment), is_open, "{reports:?}");
        assert_eq!(order.flagged_for(), is_open.then_some(Reason::DuplicatePayment), "{reports:?}");
        assert_eq!(order.posted, credits("100"), "{reports:?}: the paying payment keeps its credits");
    }
}

#[test]
fn later_confirmation_confirms_the_payment() {
    let reported = |is_confirmed| {
        let anomaly = refused(Reason::AmountMismatch, "pi_2", 1);
        let payment = anomaly.payment.map(|payment| RefusedPayment { is_confirmed, ..payment });
        Anomaly { payment, ..anomaly }
    };
    for reports in [[true, false], [false, true]] {
        let order = flagged(&hundred(), &reports.map(reported));
        let confirmed: Vec<bool> =
            order.anomalies.listed().filter_map(|flag| Some(flag.anomaly.payment.as_ref()?.is_confirmed)).collect();
        assert_eq!(confirmed, [true], "{reports:?}");
    }
}

#[test]
fn anomalies_beyond_the_list_are_counted() {
    let ids: Vec<String> = (0..LISTED_MAX + 5).map(|n| format!("pi_{n:04}")).collect();
    let anomalies: Vec<Anomaly> = ids.iter().map(|id| refused(Reason::DuplicatePayment, id, 1_000)).collect();
    let order = flagged(&hundred(), &anomalies);
    assert_eq!((order.anomalies.listed().count(), order.anomalies.unlisted().len()), (LISTED_MAX, 5));
    let backwards: Vec<Anomaly> = anomalies.iter().rev().cloned().collect();
    assert_eq!(flagged(&hundred(), &backwards).anomalies, order.anomalies, "in any order");
    assert_eq!(flagged(&order, &anomalies).version, order.version, "with any repetition");

    let long = "x".repeat(100_000);
    let order = flagged(&hundred(), &[without_payment(Reason::MerchantMismatch, &long)]);
    let kept: Vec<usize> = order.anomalies.listed().map(|flag| flag.anomaly.details.len()).collect();
    assert_eq!(kept, [256]);
    let many: Vec<Anomaly> =
        (0..LISTED_MAX + UNLISTED_MAX + 10).map(|n| refused(Reason::DuplicatePayment, &format!("pi_{n}"), 1)).collect();
    assert_eq!(flagged(&hundred(), &many).anomalies.unlisted().len(), UNLISTED_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn same_anomalies_leave_the_same_list(
        (one, other) in proptest::collection::vec((0..REASONS.len(), 0_u32..40, 1_u64..3), 0..60).prop_flat_map(|found| {
            let again = [found.clone(), found.clone()].concat();
            (Just(found).prop_shuffle(), Just(again).prop_shuffle())
        }),
    ) {
        let of = |found: &[(usize, u32, u64)]| -> Vec<Anomaly> {
            found.iter().map(|(reason, id, count)| refused(REASONS[*reason], &format!("pi_{id}"), *count)).collect()
        };
        let (one, other) = (flagged(&hundred(), &of(&one)), flagged(&hundred(), &of(&other)));
        prop_assert_eq!(one.anomalies, other.anomalies);
    }
}
