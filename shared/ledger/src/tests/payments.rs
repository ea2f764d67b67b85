//! Price validation: which payment pays which order, and how the others are flagged.

use super::*;

const PAID: [&str; 2] =
    ["Pay: paid, done, 100 posted in 1", "payment#stripe#pi_1: 100 from house/revenue to alice/credits"];

fn payment(provider: Provider, id: &str, money: Money) -> Payment {
    Payment { by: reference(provider, id), money, at: at(7) }
}

#[test]
fn matching_payment_pays_the_order() {
    use DisputeStage::{Inquiry, Open, Won};
    use PaymentState::{Canceled, Expired, Failed};
    use RefundState::Succeeded;
    let delivered_later = order(usd(1_000), vec![Grant::Report(word("full"))]);
    let both = order(usd(1_000), vec![Grant::Credits(credits("1")), Grant::Report(word("full"))]);
    let two = order(usd(1_000), vec![Grant::Credits(credits("1")), Grant::Credits(credits("0.5"))]);
    let subscribed = order(usd(1_000), vec![Grant::CreditsEachPeriod(credits("500"))]);
    let rows: &[(&str, Order, &[Report], &[&str])] = &[
        ("unpaid", hundred(), &[], &PAID),
        ("failed", hundred(), &[Report::Unpaid(Failed)], &PAID),
        ("canceled", hundred(), &[Report::Unpaid(Canceled)], &PAID),
        ("expired", hundred(), &[Report::Unpaid(Expired)], &PAID),
        ("paid", hundred(), &[Report::Paid], &[]),
        ("paid, then refunded", hundred(), &[Report::Paid, Report::Refund("re_1", Succeeded, 1_000)], &[]),
        (
            "a refund arrives first",
            hundred(),
            &[Report::Refund("re_1", Succeeded, 250)],
            &[
                "Pay: partly_refunded, done, 75 posted in 2",
                PAID[1],
                "reversal#HL1#1: 25 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "the full refund arrives first",
            hundred(),
            &[Report::Sum(1_000, 1)],
            &[
                "Pay: refunded, done, 0 posted in 2",
                PAID[1],
                "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (
            "a dispute arrives first",
            hundred(),
            &[Report::Dispute("dp_1", Open, 1)],
            &[
                "Pay: paid, done, 0 posted in 2",
                PAID[1],
                "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        ("an inquiry arrives first", hundred(), &[Report::Dispute("dp_1", Inquiry, 1)], &PAID),
        ("a won dispute arrives first", hundred(), &[Report::Dispute("dp_1", Won, 1)], &PAID),
        ("a report is delivered by fulfilment", delivered_later, &[], &["Pay: paid, pending, 0 posted in 0"]),
        (
            "credits with the payment, a report by fulfilment",
            both,
            &[],
            &["Pay: paid, pending, 1 posted in 1", "payment#stripe#pi_1: 1 from house/revenue to alice/credits"],
        ),
        (
            "two grants of credits are one posting",
            two,
            &[],
            &["Pay: paid, done, 1.5 posted in 1", "payment#stripe#pi_1: 1.5 from house/revenue to alice/credits"],
        ),
        ("a subscription's credits are posted by its invoices", subscribed, &[], &["Pay: paid, done, 0 posted in 0"]),
        ("no grants", order(usd(1_000), Vec::new()), &[], &["Pay: paid, done, 0 posted in 0"]),
        (
            "a free order",
            order(usd(0), vec![Grant::Credits(credits("1"))]),
            &[],
            &["Pay: paid, done, 1 posted in 1", "payment#stripe#pi_1: 1 from house/revenue to alice/credits"],
        ),
    ];
    for (name, order, before, expected) in rows {
        let (order, _) = applied_all(order, before);
        let payment = payment(Provider::Stripe, "pi_1", order.terms.price);
        let effects = order.pay(&payment).expect(name);
        assert_eq!(summaries(&effects), *expected, "{name}");
        let (after, _) = applied(&order, effects);
        assert_eq!(after.pay(&payment), Ok(Vec::new()), "{name}, repeated");
        let paid = after.paid.expect(name);
        let first = if order.paid.is_some() { at(1) } else { at(7) };
        assert_eq!((paid.by, paid.at), (payment.by, first), "{name}");
    }
}

#[test]
fn mismatching_payment_is_an_anomaly() {
    use Provider::{Epay, Stripe, Wechat};
    use Reason::{AmountMismatch, CurrencyMismatch, DuplicatePayment, ProviderMismatch};
    let money = |text: &str, code: &str| Money::parse(text, Currency::parse(code).expect("valid")).expect("valid");
    let ten = usd(1_000);
    let (unpaid, paid) = (&[][..], &[Report::Paid][..]);
    let refunded = &[Report::Paid, Report::Sum(1_000, 1)][..];
    let failed = &[Report::Unpaid(PaymentState::Failed)][..];
    let rows = [
        (unpaid, Wechat, "420001", ten, ProviderMismatch, "wechat#420001 paid 10 USD; the price is 10 USD by stripe"),
        (paid, Epay, "pi_1", ten, ProviderMismatch, "epay#pi_1 paid 10 USD; the price is 10 USD by stripe"),
        (
            unpaid,
            Stripe,
            "pi_1",
            money("10", "EUR"),
            CurrencyMismatch,
            "stripe#pi_1 paid 10 EUR; the price is 10 USD by stripe",
        ),
        (
            unpaid,
            Stripe,
            "pi_1",
            money("1000", "JPY"),
            CurrencyMismatch,
            "stripe#pi_1 paid 1000 JPY; the price is 10 USD by stripe",
        ),
        (unpaid, Stripe, "pi_1", usd(999), AmountMismatch, "stripe#pi_1 paid 9.99 USD; the price is 10 USD by stripe"),
        (
            failed,
            Stripe,
            "pi_1",
            usd(1_001),
            AmountMismatch,
            "stripe#pi_1 paid 10.01 USD; the price is 10 USD by stripe",
        ),
        (unpaid, Stripe, "pi_1", usd(0), AmountMismatch, "stripe#pi_1 paid 0 USD; the price is 10 USD by stripe"),
        (paid, Stripe, "pi_2", ten, DuplicatePayment, "stripe#pi_2 paid 10 USD; it was paid by stripe#pi_1"),
        (paid, Stripe, "pi_2", usd(1), DuplicatePayment, "stripe#pi_2 paid 0.01 USD; it was paid by stripe#pi_1"),
        (refunded, Stripe, "pi_2", ten, DuplicatePayment, "stripe#pi_2 paid 10 USD; it was paid by stripe#pi_1"),
    ];
    for (before, provider, id, money, reason, details) in rows {
        let (order, _) = applied_all(&hundred(), before);
        let anomaly = order.pay(&payment(provider, id, money)).expect_err(details);
        let (by, pays_for) = (reference(provider, id), PaysFor::Order);
        let refused = RefusedPayment { by, money, pays_for, is_confirmed: true };
        assert_eq!(anomaly, Anomaly { reason, details: details.to_owned(), payment: Some(refused) });
        // It is flagged once, and the matching payment still pays.
        let flag = order.flag(&anomaly);
        assert_eq!(summaries(&flag).len(), 1, "{details}: a flag moves no money");
        let (flagged, _) = applied(&order, flag);
        let flags: Vec<&Anomaly> = flagged.anomalies.listed().map(|flag| &flag.anomaly).collect();
        assert_eq!(flags, [&anomaly]);
        assert_eq!(Order { version: order.version, anomalies: order.anomalies.clone(), ..flagged.clone() }, order);
        assert_eq!(flagged.flag(&anomaly), Vec::new(), "{details}: repeated");
        let (paid, _) = applied_all(&flagged, &[Report::Paid]);
        assert!(paid.paid.is_some(), "{details}");
    }
}

#[test]
fn late_failure_never_undoes_a_payment() {
    use PaymentState::{Canceled, DisputedLost, Expired, Failed, Paid, PartlyRefunded, Refunded, Unpaid};
    // One row per state before; the columns are the reported states, in the order of `PaymentState::ALL`.
    let rows = [
        (Unpaid, [Unpaid, Failed, Canceled, Expired, Unpaid, Unpaid, Unpaid, Unpaid]),
        (Failed, [Failed, Failed, Canceled, Expired, Failed, Failed, Failed, Failed]),
        (Canceled, [Canceled, Canceled, Canceled, Expired, Canceled, Canceled, Canceled, Canceled]),
        (Expired, [Expired; 8]),
        (Paid, [Paid; 8]),
        (PartlyRefunded, [PartlyRefunded; 8]),
        (Refunded, [Refunded; 8]),
        (DisputedLost, [DisputedLost; 8]),
    ];
    assert_eq!(rows.map(|(before, _)| before), PaymentState::ALL);
    for (before, expected) in rows {
        let order = order_in(before);
        for (reported, expected) in PaymentState::ALL.into_iter().zip(expected) {
            let effects = order.apply_unpaid(reported);
            assert_eq!(effects.is_empty(), expected == before, "{before:?} and {reported:?}");
            let (after, movements) = applied(&order, effects);
            assert_eq!((after.payment, movements), (expected, Vec::new()), "{before:?} and {reported:?}");
            assert_eq!((after.paid, after.posted), (order.paid.clone(), order.posted), "{before:?} and {reported:?}");
        }
    }
}

/// An order in this state, reached by reports.
pub(super) fn order_in(state: PaymentState) -> Order {
    let reports = match state {
        PaymentState::Unpaid => vec![],
        PaymentState::Failed | PaymentState::Canceled | PaymentState::Expired => vec![Report::Unpaid(state)],
        PaymentState::Paid => vec![Report::Paid],
        PaymentState::PartlyRefunded => vec![Report::Paid, Report::Sum(1, 1)],
        PaymentState::Refunded => vec![Report::Paid, Report::Sum(1_000, 1)],
        PaymentState::DisputedLost => vec![Report::Paid, Report::Dispute("dp_1", DisputeStage::Lost, 1)],
    };
    let (order, _) = applied_all(&hundred(), &reports);
    assert_eq!(order.payment, state);
    order
}
