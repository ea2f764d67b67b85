//! Refused payments that a person accepts, and their refunds and disputes.

use super::*;
use RefundState::{Failed, Succeeded};

fn refused(order: &Order, id: &str, count: u64) -> Order {
    let payment = Payment { by: reference(Provider::Stripe, id), money: usd(count), at: at(1) };
    let anomaly = order.pay(&payment).expect_err("a mismatch");
    applied(order, order.flag(&anomaly)).0
}

fn paid() -> Order {
    applied_all(&hundred(), &[Report::Paid]).0
}

fn accepted(order: &Order, name: &str, credits: Option<&str>) -> Result<Vec<Effect>, AcceptError> {
    let credits = credits.map(|text| Asset::CREDITS.parse(text).expect("valid"));
    order.acceptable(name, false).and_then(|payment| order.accept(&payment, credits, at(9)))
}

/// The movements as lines of the journal.
fn lines_of(movements: &[Movement]) -> Vec<JournalLine> {
    let line = |movement: &Movement| JournalLine {
        key: movement.key.to_string(),
        account: movement.posting.account().to_string(),
        change: movement.posting.change(),
        house: None,
        order: Some(number()),
        reverses: movement.reverses.as_ref().map(ToString::to_string),
        reversed_by: None,
        at: None,
        is_failed: false,
    };
    movements.iter().map(line).collect()
}

/// An order and the movements that its changes have made.
struct History {
    order: Order,
    moved: Vec<Movement>,
}

impl History {
    fn of(order: Order, moved: Vec<Movement>) -> Self {
        Self { order, moved }
    }

    fn then(&mut self, effects: Vec<Effect>) -> Vec<String> {
        let lines = summaries(&effects);
        let (order, moved) = applied(&self.order, effects);
        self.order = order;
        self.moved.extend(moved);
        let kept = StoredOrder::Order(Box::new(self.order.clone()));
        assert_eq!(kept.differences(&number(), &lines_of(&self.moved)), Vec::new(), "{lines:?}");
        let keys: Vec<String> = self.order.money_keys().iter().map(ToString::to_string).collect();
        assert!(self.moved.iter().all(|moved| keys.contains(&moved.key.to_string())), "{keys:?}");
        lines
    }

    fn refund(&mut self, of: &str, id: &str, state: RefundState, count: u64) -> Vec<String> {
        let refund = Refund { state, amount: cents(count) };
        self.then(self.order.apply_refund(&reference(Provider::Stripe, of), id, refund))
    }
}

#[test]
fn accepted_payment_with_another_amount_pays_the_order() {
    // The credits that a person grants instead, the posted credits, and the rest after half of the refund and after all
    // of it.
    let rows = [
        (None, "100", "50", "0"),
        (Some("80"), "80", "40", "0"),
        (Some("0.5"), "0.5", "0.25", "0"),
        (Some("120"), "120", "60", "0"),
    ];
    for (instead, posted, half, none) in rows {
        let mut history = History::of(refused(&hundred(), "pi_1", 800), Vec::new());
        let lines = history.then(accepted(&history.order, "stripe#pi_1", instead).expect("acceptable"));
        assert_eq!(
            lines,
            [
                format!("Pay: paid, done, {posted} posted in 1"),
                format!("payment#stripe#pi_1: {posted} from house/revenue to alice/credits")
            ]
        );
        assert_eq!(history.order.flagged_for(), None, "it is resolved");
        let payment = Payment { by: reference(Provider::Stripe, "pi_1"), money: usd(800), at: at(1) };
        assert_eq!(history.order.pay(&payment), Ok(Vec::new()), "the webhook finds the payment booked");
        assert_eq!(accepted(&history.order, "pi_1", instead), Err(AcceptError::Booked));
        history.refund("pi_1", "re_1", Succeeded, 400);
        assert_eq!(Asset::CREDITS.format(history.order.posted), half);
        assert_eq!(history.order.payment, PaymentState::PartlyRefunded);
        history.refund("pi_1", "re_2", Succeeded, 400);
        assert_eq!(Asset::CREDITS.format(history.order.posted), none, "8 USD were paid, not the price");
        assert_eq!(history.order.payment, PaymentState::Refunded);
        history.refund("pi_1", "re_2", Failed, 400);
        assert_eq!(Asset::CREDITS.format(history.order.posted), half);
    }
}

#[test]
fn accepted_duplicate_grants_again_and_has_its_own_refunds() {
    let (paid, moved) = applied_all(&hundred(), &[Report::Paid]);
    let mut history = History::of(refused(&paid, "pi_2", 1_000), moved);
    let lines = history.then(accepted(&history.order, "pi_2", None).expect("acceptable"));
    assert_eq!(
        lines,
        [
            "Amend: paid, done, 100 posted in 1",
            "payment#stripe#pi_2: 100 from house/revenue to alice/credits",
            "received 10 USD"
        ]
    );
    assert_eq!(
        history.refund("pi_2", "re_1", Succeeded, 250),
        [
            "Amend: paid, done, 100 posted in 1",
            "reversal#HL1#pi_2#1: 25 from alice/credits to house/revenue, reverses payment#stripe#pi_2"
        ]
    );
    assert_eq!(
        history.refund("pi_1", "re_9", Succeeded, 1_000),
        [
            "Amend: refunded, done, 0 posted in 2",
            "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1"
        ],
        "the refund of the other payment does not change it"
    );
    assert_eq!(
        history.refund("pi_2", "re_1", Failed, 250),
        [
            "Amend: refunded, done, 0 posted in 2",
            "reversal#HL1#pi_2#2: 25 from house/revenue to alice/credits, reverses payment#stripe#pi_2"
        ]
    );
    let second = Payment { by: reference(Provider::Stripe, "pi_2"), money: usd(1_000), at: at(1) };
    assert_eq!(history.order.pay(&second), Ok(Vec::new()), "the webhook finds the payment booked");
    let third = Payment { by: reference(Provider::Stripe, "pi_3"), money: usd(1_000), at: at(1) };
    let anomaly = history.order.pay(&third).expect_err("another duplicate");
    assert_eq!(anomaly.reason, Reason::DuplicatePayment);
}

#[test]
fn dispute_of_accepted_duplicate_claws_back_its_part() {
    use DisputeStage::{Lost, Open, Won};
    let (paid, moved) = applied_all(&hundred(), &[Report::Paid]);
    let mut history = History::of(refused(&paid, "pi_2", 500), moved);
    history.then(accepted(&history.order, "pi_2", Some("40")).expect("acceptable"));
    // The disputed part of the 5 USD in cents, the stage, and the remaining credits of the 40.
    let stages = [(125, Open, "30"), (125, Won, "40"), (250, Lost, "20"), (600, Lost, "0")];
    for (second, (count, stage, remaining)) in (1..).zip(stages) {
        let report = DisputeReport { stage, as_of: at(second), money: usd(count) };
        let effects = history.order.apply_dispute(&reference(Provider::Stripe, "pi_2"), "dp_1", report);
        history.then(effects);
        let posted = history.order.accepted["pi_2"].posted;
        assert_eq!(Asset::CREDITS.format(posted), remaining, "{count} {stage:?}");
        assert_eq!((history.order.payment, history.order.posted), (PaymentState::Paid, credits("100")), "{stage:?}");
    }
}

#[test]
fn accepted_invoice_grants_its_period() {
    let subscribed = order(usd(1_000), vec![Grant::CreditsEachPeriod(credits("500"))]);
    let invoice = Payment { by: reference(Provider::Stripe, "in_2"), money: usd(900), at: at(1) };
    for (instead, posted) in [(None, "500"), (Some("450"), "450")] {
        let (paid, _) = applied_all(&subscribed, &[Report::Paid]);
        let anomaly = paid.pay_period(&invoice, false).expect_err("another amount");
        let mut history = History::of(applied(&paid, paid.flag(&anomaly)).0, Vec::new());
        let lines = history.then(accepted(&history.order, "in_2", instead).expect("acceptable"));
        let posted_line = format!("invoice#in_2: {posted} from house/revenue to alice/credits");
        assert_eq!(lines[1..], [posted_line, "received 9 USD".to_owned()]);
        assert_eq!(history.order.pay_period(&invoice, false), Ok(Vec::new()), "the webhook finds the payment booked");
        // Half of the actual payment is refunded, on the payment that paid the invoice.
        let payment = reference(Provider::Stripe, "pi_2");
        let with_invoice = history.order.with_invoice(&payment, &invoice.by);
        let refund = Refund { state: RefundState::Succeeded, amount: cents(450) };
        history.then(with_invoice.apply_refund(&payment, "re_1", refund));
        let half = credits(posted).share(cents(1), cents(2)).expect("half");
        assert_eq!((history.order.accepted["in_2"].posted, history.order.periods.len()), (half, 0));
        let next = Payment { by: reference(Provider::Stripe, "in_3"), money: usd(1_000), at: at(2) };
        assert_eq!(
            summaries(&history.order.pay_period(&next, false).expect("the price")),
            ["invoice#in_3: 500 from house/revenue to alice/credits", "received 10 USD"],
            "the next invoice books its period"
        );
    }
}

#[test]
fn credits_granted_instead_replace_the_order() {
    let grants = vec![
        Grant::Credits(credits("100")),
        Grant::Token { code: word("POSX"), scale: 0, amount: cents(10), on_chain: None },
        Grant::Report(word("full")),
    ];
    // The credits that a person grants instead, and the number of lines that fulfilment then posts.
    for (instead, lines) in [(None, 2), (Some("7"), 0)] {
        let order = refused(&order(usd(1_000), grants.clone()), "pi_1", 100);
        let (order, _) = applied(&order, accepted(&order, "pi_1", instead).expect("acceptable"));
        let (order, moved) = applied(&order, order.fulfil(false, at(10)));
        assert_eq!((order.shares().len(), moved.len()), (lines, lines), "{instead:?}");
        assert_eq!(Asset::CREDITS.format(order.posted), instead.unwrap_or("100"));
        assert_eq!((order.fulfilment, order.is_to_be_fulfilled()), (Fulfilment::Done, false), "{instead:?}");
    }
}

#[test]
fn partial_payment_has_its_part_of_the_credits() {
    let part = |order: &Order, name: &str| {
        let payment = order.acceptable(name, true).expect("acceptable");
        order.proportional_credits(&payment).map(|part| Asset::CREDITS.format(part))
    };
    // Of 10 USD for 100 credits: the paid cents, and the credits that they buy.
    let rows = [(1, Some("0.1")), (333, Some("33.3")), (999, Some("99.9")), (1_001, None), (5_000, None)];
    for (paid, credits) in rows {
        assert_eq!(part(&refused(&hundred(), "pi_1", paid), "pi_1").as_deref(), credits, "{paid} cents");
    }
    let third = order(usd(300), vec![Grant::Credits(credits("100"))]);
    let offered = part(&refused(&third, "pi_1", 100), "pi_1").expect("a part");
    assert_eq!(offered, "33.333333333", "rounded down");
    // The same part is left when the rest of a whole payment is refunded.
    let whole = applied_all(&third, &[Report::Paid]).0;
    let refund = Refund { state: Succeeded, amount: cents(200) };
    let left = applied(&whole, whole.apply_refund(&reference(Provider::Stripe, "pi_1"), "re_1", refund)).0;
    assert_eq!(Asset::CREDITS.format(left.posted), offered, "as a clawback rounds");
    let with_report = order(usd(1_000), vec![Grant::Credits(credits("100")), Grant::Report(word("full"))]);
    assert_eq!(part(&refused(&with_report, "pi_1", 500), "pi_1"), None, "credits would replace the report");
}

#[test]
fn unacceptable_payment_is_refused_with_its_cause() {
    let ordered = |grants| applied_all(&order(usd(1_000), grants), &[Report::Paid]).0;
    let unconfirmed = {
        let payment = Payment { by: reference(Provider::Stripe, "pi_2"), money: usd(1), at: at(1) };
        let anomaly = hundred().pay(&payment).expect_err("a mismatch");
        let payment = anomaly.payment.clone().map(|payment| RefusedPayment { is_confirmed: false, ..payment });
        applied(&hundred(), hundred().flag(&Anomaly { payment, ..anomaly })).0
    };
    let refunded = {
        let order = refused(&paid(), "pi_2", 1_000);
        let refund = Refund { state: Succeeded, amount: cents(1_000) };
        applied(&order, order.apply_refund(&reference(Provider::Stripe, "pi_2"), "re_1", refund)).0
    };
    let rows = [
        ("unknown payment", paid(), "pi_2", None, AcceptError::NotRefused),
        ("the payment that pays the order", paid(), "pi_1", None, AcceptError::NotRefused),
        ("two amounts", refused(&refused(&paid(), "pi_2", 1), "pi_2", 2), "pi_2", None, AcceptError::DifferentAmounts),
        ("unconfirmed", unconfirmed.clone(), "pi_2", None, AcceptError::Unconfirmed),
        ("refunded in full", refunded, "pi_2", None, AcceptError::RefundedInFull),
        (
            "a report cannot be bought twice",
            refused(&ordered(vec![Grant::Report(word("full"))]), "pi_2", 1_000),
            "pi_2",
            None,
            AcceptError::NotOnlyCredits,
        ),
        ("zero credits", refused(&paid(), "pi_2", 1_000), "pi_2", Some("0"), AcceptError::Nothing),
    ];
    for (name, order, payment, credits, expected) in rows {
        assert_eq!(accepted(&order, payment, credits), Err(expected), "{name}");
    }
    let payment = unconfirmed.acceptable("pi_2", true).expect("looked up by a person");
    assert!(unconfirmed.accept(&payment, None, at(1)).is_ok());
}

#[test]
fn accepted_payment_of_another_provider_is_not_replaced() {
    let by = reference(Provider::Wechat, "420001");
    let payment = Payment { by: by.clone(), money: usd(1_000), at: at(1) };
    let anomaly = hundred().pay(&payment).expect_err("another provider");
    let (order, _) = applied(&hundred(), hundred().flag(&anomaly));
    let (order, _) = applied(&order, accepted(&order, "wechat#420001", None).expect("acceptable"));
    assert_eq!(order.paid.as_ref().map(|paid| &paid.by), Some(&by));
    let own = Payment { by: reference(Provider::Stripe, "pi_1"), money: usd(1_000), at: at(2) };
    assert_eq!(order.pay(&own).map_err(|anomaly| anomaly.reason), Err(Reason::DuplicatePayment));
}

#[test]
fn cleared_anomalies_stay_cleared() {
    let order = refused(&refused(&refused(&paid(), "pi_2", 1_000), "pi_3", 1_000), "pi_4", 1_000);
    let order = applied(
        &order,
        order.flag(&Anomaly { reason: Reason::AttachMismatch, details: "x".to_owned(), payment: None }),
    )
    .0;
    let rows: [(Clearing<'_>, usize, Option<Reason>); 5] = [
        (Clearing::default(), 4, None),
        (Clearing { reason: Some(Reason::DuplicatePayment), payment: None }, 3, Some(Reason::AttachMismatch)),
        (Clearing { reason: Some(Reason::AttachMismatch), payment: None }, 1, Some(Reason::DuplicatePayment)),
        (Clearing { reason: None, payment: Some("stripe#pi_3") }, 1, Some(Reason::AttachMismatch)),
        (Clearing { reason: Some(Reason::AmountMismatch), payment: None }, 0, Some(Reason::AttachMismatch)),
    ];
    for (clearing, count, remaining) in rows {
        let (cleared, moved) = applied(&order, order.clear(clearing));
        let closed = cleared.anomalies.listed().filter(|flag| flag.resolution == Resolution::Cleared).count();
        assert_eq!((closed, cleared.flagged_for(), moved.len()), (count, remaining, 0), "{clearing:?}");
        assert_eq!(cleared.clear(clearing), Vec::new(), "{clearing:?} again");
        let again = refused(&cleared, "pi_3", 1_000);
        assert_eq!(again, cleared, "{clearing:?}: a late event reopens nothing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// After any reports, the granted credits equal the movements, and the audit finds no difference.
    #[test]
    fn accepted_payments_agree_with_their_lines(
        before in proptest::collection::vec(convergence::report(1_000), 0..6),
        after in proptest::collection::vec(convergence::report(1_000), 0..6),
        refunds in proptest::collection::vec((0..2_usize, 0..3_usize, 0_u64..1_500), 0..6),
        sum in 1_u64..2_000,
        instead in proptest::option::of(1_u64..1_000_000),
    ) {
        let (order, moved) = applied_all(&hundred(), &before);
        let payment = Payment { by: reference(Provider::Stripe, "pi_2"), money: usd(sum), at: at(1) };
        let Err(anomaly) = order.pay(&payment) else { return Ok(()) };
        let mut history = History::of(order, moved);
        history.then(history.order.flag(&anomaly));
        let Ok(payment) = history.order.acceptable("pi_2", false) else { return Ok(()) };
        let effects = history.order.accept(&payment, instead.map(Amount::from_units), at(9)).expect("credits alone");
        history.then(effects);
        for report in after {
            if !(report == Report::Paid && history.order.paid.is_some()) {
                history.then(report.effects(&history.order));
            }
        }
        for (id, state, count) in refunds {
            history.refund("pi_2", ["re_1", "re_2"][id], RefundState::ALL[state], count);
        }
        let moved = history.moved.iter().try_fold(Balance::ZERO, |sum, moved| sum.checked_add(moved.posting.change()));
        let additional = history.order.accepted.values().map(|accepted| accepted.posted);
        let granted = additional.fold(history.order.posted, |sum, posted| sum.checked_add(posted).expect("small"));
        prop_assert_eq!(moved, Some(Balance::from(granted)));
        let refunded = history.order.claims.get("pi_2").map_or(Amount::ZERO, |claims| claims.refunds.total());
        if refunded.units() >= u128::from(sum) {
            let granted = match history.order.accepted(&reference(Provider::Stripe, "pi_2")) {
                Some(accepted) if history.order.paid.as_ref().is_some_and(|paid| paid.by == accepted.by) => history.order.posted,
                Some(accepted) => accepted.posted,
                None => Amount::ZERO,
            };
            prop_assert_eq!(granted, Amount::ZERO, "all of it is refunded");
        }
    }
}
