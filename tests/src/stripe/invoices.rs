//! Refunds and disputes of subscription payments: they name only the payment, and claw back the credits of its invoice.

use super::subscriptions::permutations;
use super::*;
use crate::log_capture::{captured_lines, start_capture};

const INVOICE: &str = "in_1Sample0000000000000001";
const PAYMENT: &str = "pi_9Sample0000000000000001";
const REFUND: &str = "refund_updated_subscription";
const DISPUTE: &str = "charge_dispute_created_subscription";

/// The subscription's order, with a commission of a tenth for bob.
fn order() -> Order {
    let mut order = subscription_order(SUBSCRIPTION_ORDER);
    let bob = Owner::new("bob").expect("an owner");
    order.terms.commissions = vec![ledger::Commission { to: bob, basis_points: 1_000 }];
    order
}

async fn shop() -> World {
    let world = World::new();
    made(&world, order()).await;
    world
}

pub(super) fn session() -> String {
    with(
        "checkout_session_completed",
        &[
            ("/data/object/mode", json!("subscription")),
            ("/data/object/amount_total", json!(999)),
            ("/data/object/payment_intent", Value::Null),
            ("/data/object/subscription", json!("sub_1Sample0000000000000001")),
            ("/data/object/metadata/hookledger_order", json!(SUBSCRIPTION_ORDER)),
        ],
    )
}

/// A refund or dispute sample with this status, time and amount in cents.
fn claim(name: &str, status: &str, second: i64, cents: u64) -> String {
    let id = format!("evt_{name}_{second}");
    let amount = ("/data/object/amount", json!(cents));
    with(name, &[("/id", json!(id)), ("/data/object/status", json!(status)), at(second), amount])
}

/// Runs fulfilment of the subscription's order once.
async fn fulfilled(world: &World) {
    let ledger = world.ledger(0);
    let number = OrderNumber::new(SUBSCRIPTION_ORDER).expect("a number");
    let fulfil = Fulfil { ledger, operator: None, custodian: None };
    fulfil.fulfil(&number, &run_at(500, 600)).await.expect("fulfilled");
}

/// The share of these cents in the first period's price.
fn share(whole: Amount, cents: u64) -> i128 {
    let share = whole.share(Amount::from_units(cents), Amount::from_units(999)).expect("a price");
    i128::try_from(share.units()).expect("few")
}

/// A name, the claims, and the result: the order's payment, whether it is disputed, and the uncontested cents.
type Row = (&'static str, Vec<String>, (&'static str, bool, u64));

#[tokio::test(start_paused = true)]
async fn claim_on_a_period_takes_back_its_share_in_any_order() {
    let rows: Vec<Row> = vec![
        ("a refund", vec![claim(REFUND, "succeeded", 1, 500)], ("partly_refunded", false, 499)),
        ("all of it", vec![claim(REFUND, "succeeded", 1, 999)], ("refunded", false, 0)),
        (
            "a refund that failed",
            vec![claim(REFUND, "succeeded", 1, 500), claim(REFUND, "failed", 2, 500)],
            ("paid", false, 999),
        ),
        ("a dispute", vec![claim(DISPUTE, "needs_response", 1, 300)], ("paid", true, 699)),
        (
            "a dispute that is lost",
            vec![claim(DISPUTE, "needs_response", 1, 300), claim(DISPUTE, "lost", 2, 300)],
            ("disputed_lost", false, 699),
        ),
        (
            "a dispute that is won",
            vec![claim(DISPUTE, "needs_response", 1, 300), claim(DISPUTE, "won", 2, 300)],
            ("paid", false, 999),
        ),
    ];
    for (name, claims, (payment, disputed, kept)) in rows {
        let reports = [session(), with("invoice_paid", &[]), with("invoice_payment_paid", &[])];
        let bodies: Vec<String> = reports.into_iter().chain(claims).collect();
        for order in permutations(bodies.len()) {
            let world = shop().await;
            let bodies: Vec<String> = order.iter().map(|n| bodies[*n].clone()).collect();
            accepted(&world, &bodies).await;
            fulfilled(&world).await;
            // A claim waits for its payment's pointer, and the pointer for its invoice.
            reconciled(&world).await;
            accepted(&world, &bodies).await;
            fulfilled(&world).await;
            let books = world.books();
            books.check();
            let row = books.order(SUBSCRIPTION_ORDER);
            assert_eq!((row.payment.as_str(), row.disputed), (payment, disputed), "{name}: {order:?}");
            let credits = share(crate::sandbox::amount("500"), kept);
            assert_eq!(books.balance("alice/credits"), credits, "{name}: {order:?}");
            assert_eq!(books.balance("bob/commission-usd"), share(Amount::from_units(99), kept), "{name}: {order:?}");
            assert_eq!(books.pointers[&format!("stripe#{PAYMENT}")], SUBSCRIPTION_ORDER);
            let waits: Vec<_> = books.journal.iter().filter(|(_, row)| row.needs_attention).collect();
            assert!(waits.is_empty(), "{name}: {order:?}: {waits:?}");
        }
    }
}

/// The payment of an invoice leads to the order as well, and the invoice reports its money: the intent pays no second time.
#[tokio::test(start_paused = true)]
async fn intent_of_an_invoice_pays_no_order() {
    let intent = |name: &str| with(name, &[("/data/object/id", json!(PAYMENT)), ("/data/object/metadata", json!({}))]);
    let charge = |name: &str| {
        with(name, &[("/data/object/payment_intent", json!(PAYMENT)), ("/data/object/metadata", json!({}))])
    };
    let of_payment = [
        intent("payment_intent_succeeded"),
        charge("charge_succeeded"),
        intent("payment_intent_payment_failed"),
        charge("charge_failed"),
    ];
    for late in of_payment {
        let bodies = [session(), with("invoice_paid", &[]), with("invoice_payment_paid", &[]), late];
        for order in permutations(bodies.len()) {
            let world = shop().await;
            let bodies: Vec<String> = order.iter().map(|n| bodies[*n].clone()).collect();
            accepted(&world, &bodies).await;
            reconciled(&world).await;
            accepted(&world, &bodies).await;
            let books = world.books();
            books.check();
            let row = books.order(SUBSCRIPTION_ORDER);
            let paid_by = row.paid_by.as_deref();
            assert_eq!((paid_by, &row.anomaly), (Some("stripe#sub_1Sample0000000000000001"), &None), "{bodies:?}");
            assert_eq!(books.balance("alice/credits"), share(crate::sandbox::amount("500"), 999), "{bodies:?}");
        }
    }
}

/// A refund of a renewal must not claw back the first period or the order's own grant.
#[tokio::test(start_paused = true)]
async fn claim_on_a_renewal_leaves_the_first_period_alone() {
    let second = |body: String| body.replace("Sample0000000000000001", "Sample0000000000000002");
    let renewed = [
        with(
            "invoice_paid",
            &[("/id", json!("evt_renewed")), ("/data/object/id", json!("in_1Sample0000000000000002"))],
        )
        .replace("subscription_create", "subscription_cycle"),
        second(with("invoice_payment_paid", &[("/id", json!("evt_renewal"))])),
        second(claim(REFUND, "succeeded", 1, 999)),
    ];
    let world = shop().await;
    let first = [session(), with("invoice_paid", &[]), with("invoice_payment_paid", &[])];
    accepted(&world, &first.into_iter().chain(renewed).collect::<Vec<_>>()).await;
    fulfilled(&world).await;
    let books = world.books();
    books.check();
    let order = books.order(SUBSCRIPTION_ORDER);
    assert_eq!(order.payment, "paid");
    assert_eq!(order.periods.iter().collect::<Vec<_>>(), [(&"in_1Sample0000000000000002".to_owned(), &0)]);
    assert_eq!(books.balance("alice/credits"), share(crate::sandbox::amount("500"), 999));
    assert_eq!(books.balance("bob/commission-usd"), 99);
    let reversal = &books.journal["reversal#invoice#in_1Sample0000000000000002#0"];
    assert_eq!(reversal.reverses.as_deref(), Some("invoice#in_1Sample0000000000000002"));
}

/// Older API versions name the payment on the invoice.
#[tokio::test(start_paused = true)]
async fn invoice_of_an_older_version_names_its_payment() {
    let body = with("invoice_paid_2024", &[]);
    let invoice: Value = serde_json::from_str(&body).expect("JSON");
    let charge = invoice["data"]["object"]["charge"].as_str().expect("a charge").to_owned();
    let world = shop().await;
    accepted(&world, &[body]).await;
    assert_eq!(world.books().pointers[&format!("stripe#{charge}")], SUBSCRIPTION_ORDER);
    let of_charge = claim(REFUND, "succeeded", 1, 999).replace("ch_9Sample0000000000000001", &charge);
    let mut refund: Value = serde_json::from_str(&of_charge).expect("JSON");
    refund["data"]["object"]["payment_intent"] = Value::Null;
    accepted(&world, &[refund.to_string()]).await;
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 0);
}

/// A refused invoice granted nothing, so a refund of it takes nothing and waits.
#[tokio::test(start_paused = true)]
async fn claim_on_an_invoice_that_was_refused_takes_nothing_back() {
    let world = shop().await;
    let other_price = with("invoice_paid", &[("/data/object/amount_paid", json!(998))]);
    accepted(&world, &[other_price, with("invoice_payment_paid", &[]), claim(REFUND, "succeeded", 1, 500)]).await;
    let books = world.books();
    books.check();
    assert!(books.accounts.is_empty());
    assert_eq!(books.pointers.get(&format!("stripe#{INVOICE}")), None);
    let refund = &books.journal["stripe#evt_refund_updated_subscription_1"];
    assert_eq!((refund.reason.as_deref(), refund.needs_attention), (Some("payment_unknown"), true));
}

/// The alarm words in the log.
fn alarms() -> Vec<String> {
    captured_lines().iter().filter_map(|line| Some(line["alarm"].as_str()?.to_owned())).collect()
}

/// The settings, the dispute's status, the alarms, and the reason in the journal.
type Unknown<'r> = (&'r [(&'r str, &'r str)], &'r str, &'r [&'r str], &'r str);

/// An open dispute has a reply deadline, also when its payment is unknown. On a shared account most payments are another
/// system's, so it raises no alarm there.
#[tokio::test(start_paused = true)]
async fn open_dispute_of_an_unknown_payment_raises_an_alarm_unless_the_account_is_shared() {
    let shared = [("STRIPE_ACCOUNT_SHARED", "true")];
    let rows: [Unknown; 4] = [
        (&[], "needs_response", &["dispute_opened"], "dispute_unknown"),
        (&[], "warning_needs_response", &[], "payment_unknown"),
        (&[], "lost", &[], "payment_unknown"),
        (&shared, "needs_response", &[], "payment_unknown"),
    ];
    for (settings, status, alarmed, reason) in rows {
        let world = shop().await;
        let function = function(world.ledger(1), settings).await;
        let body = claim(DISPUTE, status, 1, 999);
        start_capture();
        let reply = edge::Service::answer(&function, &Stripe::signed(&body, now()), &invocation(1)).await;
        assert_eq!(
            (reply.status, alarms().as_slice()),
            (200, alarmed.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().as_slice()),
            "{status}"
        );
        let row = &world.books().journal["stripe#evt_charge_dispute_created_subscription_1"];
        assert_eq!((row.reason.as_deref(), row.needs_attention), (Some(reason), true), "{status}");
        // One alarm, and none for each retry.
        start_capture();
        reconcile(world.ledger(2), settings).work(REFUSED, &run_at(900, 60)).await.expect("a run");
        assert_eq!(alarms(), Vec::<String>::new(), "{status}");
        // Once no backfill can bring its payment the event is closed, and the log has a line for it.
        start_capture();
        reconcile(world.ledger(3), settings).work(REFUSED, &run_at(901, 32 * 24 * 60 * 60)).await.expect("a run");
        let closed = captured_lines().into_iter().find(|line| line["outcome"] == "given_up").expect("a line");
        assert_eq!(
            (&closed["reason"], world.books().journal.values().any(|row| row.needs_attention)),
            (&json!(reason), false)
        );
    }
}
