//! The parsed report of each kind of event, in the shapes of current and earlier API versions.

use ledger::{Currency, Provider, Source, SubscriptionStatus};

use super::samples::CREATED;
use super::*;

/// A type, its edits to the sample, the ids and the order that the event leads to, and the report.
type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], &'r str, Report);

fn check(rows: &[Row<'_>]) {
    for (kind, edits, leads, report) in rows {
        let event = parsed(&edited(event(kind), edits)).unwrap_or_else(|error| panic!("{kind} {edits:?}: {error:?}"));
        assert_eq!((summary(&event.leads).as_str(), &event.report), (*leads, report), "{kind} {edits:?}");
    }
}

fn summary(leads: &Leads) -> String {
    let references = leads.references.iter().map(Reference::id);
    references.chain(leads.order.iter().map(OrderNumber::as_str)).collect::<Vec<_>>().join(" ")
}

fn id(id: &str) -> Reference {
    Reference::new(Provider::Stripe, id).expect("an id")
}

fn money(text: &str) -> Money {
    let (amount, currency) = text.split_once(' ').expect("an amount of a currency");
    Money::parse(amount, Currency::parse(currency).expect("a currency")).expect("an amount")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::EPOCH.plus_seconds(seconds)
}

fn payment(by: &str, sum: &str) -> Report {
    Report::Payment { by: id(by), money: money(sum) }
}

fn refund(sum: &str, state: RefundState) -> Report {
    Report::Refund { id: "re_1".to_owned(), money: money(sum), state }
}

fn dispute(stage: DisputeStage, sum: &str) -> Report {
    Report::Dispute { id: "du_1".to_owned(), stage, money: money(sum) }
}

fn subscription(status: SubscriptionStatus, plan: Option<(i64, &str)>) -> Report {
    let as_of = at(CREATED);
    let plan = plan.map(|(end, name)| Plan { as_of, period_end: at(end), name: name.to_owned() });
    Report::Subscription { reference: id("sub_1"), standing: Standing { as_of, status }, plan }
}

fn invoice_paid(subscription: Option<&str>, sum: &str) -> Report {
    let (subscription, payments) = (subscription.map(id), Vec::new());
    Report::InvoicePaid { invoice: id("in_1"), subscription, money: money(sum), is_first: false, payments }
}

/// A month's invoice, which may be the first and may name its payments.
fn month_as(is_first: bool, payments: &[&str]) -> Report {
    let payments = payments.iter().map(|payment| id(payment)).collect();
    let (subscription, money) = (Some(id("sub_1")), money("19.99 USD"));
    Report::InvoicePaid { invoice: id("in_1"), subscription, money, is_first, payments }
}

fn invoice_payment(payments: &[&str]) -> Report {
    Report::InvoicePayment { invoice: id("in_1"), payments: payments.iter().map(|payment| id(payment)).collect() }
}

fn invoice_failed(subscription: Option<&str>, status: SubscriptionStatus) -> Report {
    let standing = Standing { as_of: at(CREATED), status };
    Report::InvoiceFailed { invoice: id("in_1"), subscription: subscription.map(id), standing }
}

#[test]
fn every_acting_kind_has_a_sample() {
    let acting = Kind::ALL.into_iter().filter(|kind| reader(*kind).is_some()).map(Kind::as_str);
    assert_eq!(acting.collect::<Vec<_>>(), SAMPLES.map(|(kind, _)| kind));
}

#[test]
fn envelope_is_read_for_every_kind() {
    for (kind, _) in SAMPLES {
        let expected = |event: &StripeEvent| StripeEvent {
            id: "evt_1".to_owned(),
            receipt: EventKey::new(Source::Stripe, "evt_1").expect("a key"),
            created: at(CREATED),
            livemode: true,
            account: Some("acct_1".to_owned()),
            kind: Kind::named(kind).expect("a kind"),
            object: super::event(kind)["data"]["object"]["id"].as_str().expect("an id").to_owned(),
            ..event.clone()
        };
        let body = edited(super::event(kind), &[("livemode", "true"), ("account", "\"acct_1\"")]);
        let event = parsed(&body).expect("parsed");
        assert_eq!(event, expected(&event));
        let body = edited(super::event(kind), &[("account", "null")]);
        assert_eq!(parsed(&body).map(|event| (event.livemode, event.account)), Ok((false, None)));
    }
}

#[test]
fn payment_events_give_payments() {
    use PaymentState::{Canceled, Failed};
    let intent = "data.object.payment_intent";
    check(&[
        ("payment_intent.succeeded", &[], "pi_1 HL1", payment("pi_1", "19.99 USD")),
        ("payment_intent.succeeded", &[("data.object.currency", "\"JPY\"")], "pi_1 HL1", payment("pi_1", "1999 JPY")),
        ("payment_intent.succeeded", &[("data.object.amount_received", "0")], "pi_1 HL1", payment("pi_1", "0 USD")),
        (
            "payment_intent.succeeded",
            &[("data.object.amount_received", "18446744073709551615"), ("data.object.currency", "\"Clp\"")],
            "pi_1 HL1",
            Report::Payment {
                by: id("pi_1"),
                money: Money {
                    amount: ledger::Amount::from_units(u64::MAX),
                    currency: Currency::parse("CLP").expect("CLP"),
                },
            },
        ),
        ("payment_intent.payment_failed", &[], "pi_1 HL1", Report::Unpaid(Failed)),
        ("payment_intent.payment_failed", &[("data.object.currency", "")], "pi_1 HL1", Report::Unpaid(Failed)),
        ("payment_intent.canceled", &[], "pi_1 HL1", Report::Unpaid(Canceled)),
        ("charge.succeeded", &[], "pi_1 ch_1 HL1", payment("pi_1", "19.99 USD")),
        ("charge.succeeded", &[(intent, r#"{"id": "pi_2"}"#)], "pi_2 ch_1 HL1", payment("pi_2", "19.99 USD")),
        ("charge.succeeded", &[(intent, "null")], "ch_1 HL1", payment("ch_1", "19.99 USD")),
        ("charge.succeeded", &[(intent, "")], "ch_1 HL1", payment("ch_1", "19.99 USD")),
        ("charge.succeeded", &[("data.object.captured", "false")], "pi_1 ch_1 HL1", Report::Awaiting),
        ("charge.succeeded", &[("data.object.paid", "false")], "pi_1 ch_1 HL1", Report::Awaiting),
        ("charge.failed", &[], "pi_1 ch_1 HL1", Report::Unpaid(Failed)),
        ("charge.refunded", &[], "pi_1 ch_1 HL1", Report::RefundSum(money("5 USD"))),
    ]);
}

#[test]
fn only_valid_order_number_leads_to_order() {
    let metadata = "data.object.metadata";
    let number = "data.object.metadata.hookledger_order";
    let paid = || payment("pi_1", "19.99 USD");
    check(&[
        ("payment_intent.succeeded", &[(metadata, "null")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(metadata, "")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(metadata, r#"{"hookledger": {"order": []}, "": 1}"#)], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "null")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "\"\"")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "\"HL 1\"")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "\"123456789012345678901234567890123\"")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "17")], "pi_1", paid()),
        ("payment_intent.succeeded", &[(number, "\"\\u0048L-2\"")], "pi_1 HL-2", paid()),
        ("refund.created", &[(number, "\"HL2\"")], "pi_1 ch_1 HL2", refund("5 USD", RefundState::Succeeded)),
    ]);
}

#[test]
fn refund_and_dispute_status_gives_state() {
    use DisputeStage::{Appealed, Inquiry, Lost, Open, Won};
    use RefundState::{Failed, Pending, Succeeded};
    let (status, intent, charge) = ("data.object.status", "data.object.payment_intent", "data.object.charge");
    let rows = [
        ("null", Pending),
        ("\"pending\"", Pending),
        ("\"requires_action\"", Pending),
        ("\"failed\"", Failed),
        ("\"canceled\"", Failed),
        ("\"succeeded\"", Succeeded),
        ("", Pending),
    ];
    for (word, state) in rows {
        check(&[
            ("refund.created", &[(status, word)], "pi_1 ch_1", refund("5 USD", state)),
            ("refund.updated", &[(status, word)], "pi_1 ch_1", refund("5 USD", state)),
            ("refund.failed", &[(status, word)], "pi_1 ch_1", refund("5 USD", state)),
        ]);
    }
    let rows = [
        ("\"warning_needs_response\"", Inquiry),
        ("\"warning_under_review\"", Inquiry),
        ("\"warning_closed\"", Inquiry),
        ("\"needs_response\"", Open),
        ("\"under_review\"", Open),
        ("\"appeal_needs_response\"", Appealed),
        ("\"appeal_under_review\"", Appealed),
        ("\"won\"", Won),
        ("\"lost\"", Lost),
    ];
    for (word, stage) in rows {
        for kind in ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"] {
            check(&[(&format!("charge.dispute.{kind}"), &[(status, word)], "pi_1 ch_1", dispute(stage, "19.99 USD"))]);
        }
    }
    // For a prevented dispute, the balance transactions show the money's state.
    let moved = "data.object.balance_transactions";
    let rows = [("null", Inquiry), ("[]", Inquiry), ("[{}]", Lost), ("[{}, {}]", Won)];
    for (transactions, stage) in rows {
        let edits = [(status, "\"prevented\""), (moved, transactions)];
        check(&[("charge.dispute.closed", &edits, "pi_1 ch_1", dispute(stage, "19.99 USD"))]);
    }
    check(&[
        ("refund.created", &[(intent, "null")], "ch_1", refund("5 USD", Succeeded)),
        ("refund.created", &[(intent, "null"), (charge, "null")], "", refund("5 USD", Succeeded)),
        (
            "refund.created",
            &[(intent, r#"{"id": "pi_2"}"#), (charge, r#"{"id": "ch_2"}"#)],
            "pi_2 ch_2",
            refund("5 USD", Succeeded),
        ),
        ("charge.dispute.created", &[(intent, "")], "ch_1", dispute(Open, "19.99 USD")),
        (
            "charge.dispute.created",
            &[(charge, r#"{"id": "ch_2", "paid": true}"#)],
            "pi_1 ch_2",
            dispute(Open, "19.99 USD"),
        ),
        ("charge.dispute.updated", &[("data.object.amount", "700")], "pi_1 ch_1", dispute(Open, "7 USD")),
        ("charge.dispute.updated", &[("data.object.currency", "\"jpy\"")], "pi_1 ch_1", dispute(Open, "1999 JPY")),
    ]);
}

#[test]
fn session_status_gives_payment() {
    use PaymentState::{Expired, Failed};
    let (completed, later) = ("checkout.session.completed", "checkout.session.async_payment_succeeded");
    let (failed, expired) = ("checkout.session.async_payment_failed", "checkout.session.expired");
    let (mode, status, intent) = ("data.object.mode", "data.object.payment_status", "data.object.payment_intent");
    let (total, sub) = ("data.object.amount_total", "data.object.subscription");
    let begun = [(mode, "\"subscription\""), (intent, "null"), (sub, "\"sub_1\"")];
    let setup = [(mode, "\"setup\""), (total, "null"), (status, "null"), ("data.object.currency", "null")];
    check(&[
        (completed, &[], "pi_1 cs_1 HL1", payment("pi_1", "19.99 USD")),
        (completed, &[(intent, r#"{"id": "pi_2"}"#)], "pi_2 cs_1 HL1", payment("pi_2", "19.99 USD")),
        (
            completed,
            &[(intent, "null"), (total, "0"), (status, "\"no_payment_required\"")],
            "cs_1 HL1",
            payment("cs_1", "0 USD"),
        ),
        (completed, &[(status, "\"unpaid\"")], "pi_1 cs_1 HL1", Report::Awaiting),
        (completed, &[(status, "\"unpaid\""), (total, "null")], "pi_1 cs_1 HL1", Report::Awaiting),
        (later, &[], "pi_1 cs_1 HL1", payment("pi_1", "19.99 USD")),
        (later, &[(status, "\"unpaid\"")], "pi_1 cs_1 HL1", Report::Awaiting),
        (failed, &[(status, "\"unpaid\"")], "pi_1 cs_1 HL1", Report::Unpaid(Failed)),
        (expired, &[(status, "\"unpaid\""), (intent, "null")], "cs_1 HL1", Report::Unpaid(Expired)),
        (completed, &begun, "sub_1 cs_1 HL1", payment("sub_1", "19.99 USD")),
        (later, &begun, "sub_1 cs_1 HL1", payment("sub_1", "19.99 USD")),
        (failed, &begun, "sub_1 cs_1 HL1", Report::Unpaid(Failed)),
        (expired, &[(mode, "\"subscription\""), (sub, "null")], "cs_1 HL1", Report::Unpaid(Expired)),
        (
            completed,
            &[(mode, "\"subscription\""), (sub, r#"{"id": "sub_2"}"#)],
            "sub_2 cs_1 HL1",
            payment("sub_2", "19.99 USD"),
        ),
        (completed, &setup, "", Report::Other),
        (expired, &setup, "", Report::Other),
    ]);
}

#[test]
fn subscription_status_gives_standing() {
    use SubscriptionStatus::{Active, Ended, Incomplete, PastDue, Paused, Trialing, Unpaid};
    let (created, updated, deleted) =
        ("customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted");
    let rows = [
        ("active", Active),
        ("trialing", Trialing),
        ("past_due", PastDue),
        ("unpaid", Unpaid),
        ("paused", Paused),
        ("incomplete", Incomplete),
        ("incomplete_expired", Ended),
        ("canceled", Ended),
    ];
    let month = Some((1_769_904_000, "price_1"));
    for (word, status) in rows {
        let edits = [("data.object.status", format!("\"{word}\""))];
        let edits = edits.each_ref().map(|(name, value)| (*name, value.as_str()));
        check(&[
            (created, &edits, "sub_1 HL1", subscription(status, month)),
            (updated, &edits, "sub_1 HL1", subscription(status, month)),
            (deleted, &edits, "sub_1 HL1", subscription(Ended, month)),
        ]);
    }
    let (items, end) = ("data.object.items.data", "data.object.current_period_end");
    let several = r#"[{"current_period_end": null, "price": {"id": "price_2"}}, {"current_period_end": 1800000001},
        {"current_period_end": 1800000000, "price": 1}]"#;
    let old = r#"[{"price": "price_3"}]"#;
    check(&[
        (created, &[("data.object.metadata", "{}")], "sub_1", subscription(Active, month)),
        (updated, &[(end, "1")], "sub_1 HL1", subscription(Active, month)),
        (updated, &[(items, several)], "sub_1 HL1", subscription(Active, Some((1_800_000_001, "price_2")))),
        (
            updated,
            &[(items, old), (end, "1800000002")],
            "sub_1 HL1",
            subscription(Active, Some((1_800_000_002, "price_3"))),
        ),
        (updated, &[(items, old)], "sub_1 HL1", subscription(Active, None)),
        (updated, &[(items, "[]"), (end, "null")], "sub_1 HL1", subscription(Active, None)),
        (updated, &[("data.object.items", "")], "sub_1 HL1", subscription(Active, None)),
        (deleted, &[("data.object.status", "\"a new word\"")], "sub_1 HL1", subscription(Ended, month)),
        (deleted, &[("data.object.status", "")], "sub_1 HL1", subscription(Ended, month)),
    ]);
}

#[test]
fn invoice_gives_subscription_and_payments() {
    use SubscriptionStatus::{Incomplete, PastDue};
    let (paid, failed) = ("invoice.paid", "invoice.payment_failed");
    let (parent, details) = ("data.object.parent", "data.object.parent.subscription_details");
    let (status, lines, reason) = ("data.object.status", "data.object.lines", "data.object.billing_reason");
    let month = || invoice_paid(Some("sub_1"), "19.99 USD");
    let old = [(parent, ""), ("data.object.subscription", "\"sub_1\"")];
    let older = [old[0], old[1], ("data.object.subscription_details", r#"{"metadata": {"hookledger_order": "HL2"}}"#)];
    check(&[
        (paid, &[], "sub_1 HL1", month()),
        ("invoice.payment_succeeded", &[], "sub_1 HL1", month()),
        (
            paid,
            &[("data.object.parent.subscription_details.subscription", r#"{"id": "sub_2"}"#)],
            "sub_2 HL1",
            invoice_paid(Some("sub_2"), "19.99 USD"),
        ),
        (
            paid,
            &[("data.object.parent.subscription_details.metadata", r#"{"hookledger_order": "HL3"}"#)],
            "sub_1 HL3",
            month(),
        ),
        (paid, &[("data.object.subscription", "\"sub_9\"")], "sub_1 HL1", month()),
        (paid, &older, "sub_1 HL2", month()),
        (paid, &[old[0], ("data.object.subscription", r#"{"id": "sub_1"}"#)], "sub_1 HL1", month()),
        (paid, &old, "sub_1 HL1", month()),
        (paid, &[old[0], old[1], (lines, r#"{"data": []}"#)], "sub_1", month()),
        (paid, &[old[0], old[1], (lines, "null")], "sub_1", month()),
        (paid, &[(parent, "null"), (lines, "")], "", invoice_paid(None, "19.99 USD")),
        (paid, &[(details, "null"), (lines, "")], "", invoice_paid(None, "19.99 USD")),
        (paid, &[(status, "\"open\"")], "sub_1 HL1", Report::Awaiting),
        (paid, &[(status, "\"open\""), ("data.object.paid", "true")], "sub_1 HL1", Report::Awaiting),
        (paid, &[(status, ""), ("data.object.paid", "true")], "sub_1 HL1", month()),
        (paid, &[(status, "null"), ("data.object.paid", "false")], "sub_1 HL1", Report::Awaiting),
        (paid, &[(reason, "\"subscription_create\"")], "sub_1 HL1", month_as(true, &[])),
        (
            paid,
            &[("data.object.payment_intent", "\"pi_1\""), ("data.object.charge", r#"{"id": "ch_1"}"#)],
            "sub_1 HL1",
            month_as(false, &["pi_1", "ch_1"]),
        ),
        ("invoice_payment.paid", &[], "pi_1", invoice_payment(&["pi_1"])),
        ("invoice_payment.paid", &[(status, "\"open\"")], "", Report::Awaiting),
        (
            "invoice_payment.paid",
            &[
                ("data.object.payment", r#"{"type": "charge", "charge": "ch_1"}"#),
                ("data.object.invoice", r#"{"id": "in_1"}"#),
            ],
            "ch_1",
            invoice_payment(&["ch_1"]),
        ),
        ("invoice_payment.paid", &[("data.object.payment", r#"{"type": "payment_record"}"#)], "", invoice_payment(&[])),
        (failed, &[], "sub_1 HL1", invoice_failed(Some("sub_1"), PastDue)),
        (failed, &[(reason, "null")], "sub_1 HL1", invoice_failed(Some("sub_1"), PastDue)),
        (failed, &[(reason, "\"subscription_create\"")], "sub_1 HL1", invoice_failed(Some("sub_1"), Incomplete)),
        (failed, &[(parent, "null"), (lines, ""), (reason, "\"manual\"")], "", invoice_failed(None, PastDue)),
    ]);
}

#[test]
fn event_that_does_not_act_may_have_any_shape() {
    for kind in ["charge.captured", "charge.refund.updated", "customer.created", "thin", "other", ""] {
        for data in ["{}", "null", "7", "[[]]", r#"{"object": {"id": 7}, "object": null}"#] {
            let event = parsed(&edited(event(kind), &[("data", data)])).expect("parsed");
            let expected = (Kind::Other, "", Leads::default(), Report::Other);
            assert_eq!((event.kind, event.object.as_str(), event.leads, event.report), expected, "{kind} {data}");
        }
    }
}

#[test]
fn thin_event_has_no_effect() {
    let expected = StripeEvent {
        id: "evt_test_1".to_owned(),
        receipt: EventKey::new(Source::Stripe, "evt_test_1").expect("a key"),
        created: at(CREATED),
        livemode: true,
        account: None,
        kind: Kind::Thin,
        object: String::new(),
        leads: Leads::default(),
        report: Report::Other,
    };
    assert_eq!(parsed(THIN), Ok(expected.clone()));
    let snapshot = THIN.replace("v1.billing.meter.error_report_triggered", "payment_intent.succeeded");
    assert_eq!(parsed(&snapshot), Ok(expected), "the type alone makes no payment");
}
