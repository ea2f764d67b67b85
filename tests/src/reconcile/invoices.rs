//! A refund of a subscription's payment whose invoice no event has named: the sweep queries Stripe and books the refund
//! in the same run.

use providers::{Item, NewSession, Price};
use reconcile::Reconcile;
use testkit::{NetFault, StripeNet};

use super::unpaid::api;
use super::*;

const NUMBER: &str = "HLorder";

/// A paid subscription without its `invoice_payment.paid` event, and the id of its payment.
async fn shop() -> (World, StripeNet, String) {
    let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
    let mut order = of_stripe::order(NUMBER);
    order.terms.grants = vec![ledger::Grant::CreditsEachPeriod(crate::sandbox::amount("500"))];
    let unit = order.terms.price;
    let item = Item { price: Price::Inline { name: "monthly".to_owned(), unit }, quantity: 1 };
    let url = || "https://shop.invalid/".to_owned();
    let number = order.number.clone();
    let new = NewSession {
        order: number,
        replaces: None,
        stage: testkit::STAGE.to_owned(),
        item,
        every: Some("month"),
        success_url: url(),
        cancel_url: url(),
    };
    let api = api(&net).await;
    let stripe = providers::Stripe::new(api.http, &api.config, api.keys.current());
    let deadline = testkit::deadline(std::time::Duration::from_secs(5));
    let session = stripe.create_session(&new, deadline).await.expect("a session");
    let world = World::new();
    of_stripe::made(&world, order).await;
    let mut payment = None;
    for (attempt, event) in (1..).zip(&net.pay(&session.id).events) {
        let read: serde_json::Value = serde_json::from_str(event).expect("JSON");
        if read["type"] == "invoice_payment.paid" {
            payment = read["data"]["object"]["payment"]["payment_intent"].as_str().map(str::to_owned);
            continue;
        }
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&world).await;
        assert_eq!(sandbox.deliver(event, &invocation(attempt)).await.expect("the sandbox survives").status, 200);
    }
    assert_eq!(world.books().balance("alice/credits"), 500_000_000_000);
    (world, net, payment.expect("an event names it"))
}

fn refund(payment: &str) -> String {
    let changes = [("/data/object/payment_intent", json!(payment)), ("/data/object/amount", json!(1_999))];
    of_stripe::with("refund_updated_subscription", &changes)
}

async fn run(world: &World, net: &StripeNet, after_s: i64) {
    net.set_now(testkit::now().plus_seconds(after_s));
    let attempt = 2_000 + u64::try_from(after_s).expect("later");
    let stripe_api = Some(api(net).await);
    let reconcile = Reconcile { stripe_api, ..of_stripe::reconcile(world.ledger(0), &[]) };
    reconcile.work(REFUSED, &run_at(attempt, after_s)).await.expect("a run");
}

#[tokio::test(start_paused = true)]
async fn refund_finds_its_invoice_at_stripe_and_is_booked() {
    let (world, net, payment) = shop().await;
    let sandbox = SandboxOf::<stripe::Stripe>::faultless(&world).await;
    assert_eq!(sandbox.deliver(&refund(&payment), &invocation(50)).await.expect("the sandbox survives").status, 200);
    assert_eq!(row(&world, "stripe#evt_refund_updated_subscription"), "payment_unknown!");
    net.recover();
    run(&world, &net, 60).await;
    let books = world.books();
    books.check();
    assert_eq!(row(&world, "stripe#evt_refund_updated_subscription"), "processed");
    assert_eq!(books.balance("alice/credits"), 0);
    assert_eq!(row(&world, &format!("query#stripe#{payment}")), "processed");
    let requests: Vec<String> = net.endpoints();
    let query = format!("payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D={payment}&status=paid&limit=10");
    assert_eq!(requests, [format!("GET /v1/invoice_payments?{query}")], "once, since the invoice is then known");
}

/// The pointer of a booked invoice is lost: Stripe names its subscription, or the order if that row is lost too.
#[tokio::test(start_paused = true)]
async fn refund_finds_a_booked_invoice_whose_pointer_is_lost() {
    for loses_subscription in [false, true] {
        let (world, net, payment) = shop().await;
        let of_invoice = |id: &&String| id.contains("in_");
        let books = world.books();
        let pointer = books.pointers.keys().find(of_invoice).expect("a pointer of the invoice").clone();
        remove(&world, "orders", &pointer);
        if loses_subscription {
            remove(&world, "subscriptions", books.subscriptions.keys().next().expect("a subscription"));
        }
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&world).await;
        sandbox.deliver(&refund(&payment), &invocation(50)).await.expect("the sandbox survives");
        net.recover();
        run(&world, &net, 60).await;
        assert_eq!(row(&world, "stripe#evt_refund_updated_subscription"), "processed", "{loses_subscription}");
        assert_eq!(world.books().balance("alice/credits"), 0, "{loses_subscription}");
        let requests: Vec<String> = net.endpoints();
        let of_invoice = requests.iter().filter(|request| request.starts_with("GET /v1/invoices/in_")).count();
        assert_eq!((requests.len(), of_invoice), (2, 1), "{loses_subscription}: {requests:?}");
        assert_eq!(
            world.books().pointers.get(&pointer).map(String::as_str),
            Some(NUMBER),
            "the pointer is written again"
        );
    }
}

fn remove(world: &World, table: &str, id: &str) {
    let row = json!({ "TableName": format!("hookledger-local-{table}"), "Key": { "id": { "S": id } } });
    world.engine.request("DeleteItem", &row).expect("an answer");
}

/// A missing or unrelated answer changes nothing: the refund keeps waiting and Stripe is queried again.
#[tokio::test(start_paused = true)]
async fn refund_waits_while_stripe_gives_no_answer() {
    let rows = [
        NetFault::Status(400),
        NetFault::Garbage,
        NetFault::Altered("\"object\":\"invoice_payment\"", "\"object\":\"charge\""),
        NetFault::Altered("\"status\":\"paid\"", "\"status\":\"open\""),
        NetFault::Altered("\"payment_intent\":\"pi_", "\"payment_intent\":\"pi_another"),
    ];
    for fault in rows {
        let (world, net, payment) = shop().await;
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&world).await;
        sandbox.deliver(&refund(&payment), &invocation(50)).await.expect("the sandbox survives");
        net.fail(move |_, _| fault);
        run(&world, &net, 60).await;
        assert_eq!(world.books().balance("alice/credits"), 500_000_000_000, "{fault:?}");
        assert_eq!(row(&world, "stripe#evt_refund_updated_subscription"), "payment_unknown!", "{fault:?}");
        net.recover();
        run(&world, &net, 120).await;
        world.books().check();
        assert_eq!(world.books().balance("alice/credits"), 0, "{fault:?}");
    }
}

/// A payment for something else that the account sells has no invoice of ours: nothing is written.
#[tokio::test(start_paused = true)]
async fn refund_of_a_payment_without_an_invoice_waits() {
    let (world, net, _) = shop().await;
    let sandbox = SandboxOf::<stripe::Stripe>::faultless(&world).await;
    sandbox.deliver(&refund("pi_ofanother"), &invocation(50)).await.expect("the sandbox survives");
    run(&world, &net, 60).await;
    assert_eq!(row(&world, "stripe#evt_refund_updated_subscription"), "payment_unknown!");
    assert!(!world.books().journal.keys().any(|id| id.starts_with("query#")));
}
