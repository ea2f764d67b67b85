//! Records every DynamoDB call of each function: its start, the events that it accepts and refuses, and its reads.

mod credits_api;
mod of_chat;
mod of_console;

use std::fs;

use api::{Places, RandomBits, Serve};
use catalog::{Catalog, SHIPPED};
use checkout::Checkout;
use credits::Credits;
use edge::{Keyring, Service as _, Settings, Vault, Worker as _};
use epay::Epay;
use fakes::new_api::{Dialect, Logged};
use idempotency::DynamoLedger;
use ledger::{
    Amount, Asset, Budget, BudgetChange, CallerKey, Effect, Grant, Guard, Hold, HoldClosing, Holds as _, House,
    Ledger as _, Limits, LotKind, LotShare, LotTerms, MoneyKey, Movement, OrderNumber, Owner, Posting, Provider,
    Reference, Refund, RefundState, Sweep, Writer, Zone,
};
use litellm::Litellm;
use openrouter::Openrouter;
use orders::Orders;
use providers::{Http, StripeConfig};
use reconcile::Reconcile;
use stripe::Stripe;
use testkit::{
    Call, Fault, Faults, FireblocksNet, NetFault, Sent, Shape, StripeNet, UnitelNet, World, api_key, context,
    fireblocks_signature, logged, now, service_key, usage,
};
use usage::Usage;
use wechat::Wechat;

use crate::account_api::rates::limit;
use crate::holds::{hold_of, settle};
use crate::house::root;
use crate::sandbox::{Sender, amount, by_hand, invocation, moment_at, open_account};
use crate::stripe::{orders_of_samples, run_at};
use crate::{fulfil, stripe as of_stripe};

const MINUTE: i64 = 60;

/// All calls of the function with this name.
pub(super) async fn of(name: &str) -> Vec<Call> {
    match name {
        "usage" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            lots_past_their_date(&world).await;
            let [paid, unpaid] = [("e1", "3"), ("e2", "100")].map(|(id, cost)| usage(id, "k1", cost).to_string());
            let batch =
                serde_json::json!([usage("e3", "k1", "1"), usage("e4", "k1", "90"), usage("e5", "k9", "1"), {}]);
            let batches = [batch.to_string(), batch.to_string().replace("\"90\"", "\"91\"")];
            let alone = [paid, unpaid, "no JSON".to_owned()];
            source::<Usage>(&world, &[&alone[..], &batches[..]].concat()).await
        }
        "litellm" => {
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            lots_past_their_date(&world).await;
            let [paid, unpaid] =
                [("e1", 3), ("e2", 100)].map(|(id, cost)| crate::litellm::event(id, "k1", cost).to_string());
            let batch = format!("[{paid},{unpaid},{{}},{}]", crate::litellm::event("e3", "k9", 1));
            let batches = [batch.clone(), batch.replace("e2", "e4")];
            source::<Litellm>(&world, &[&[paid, unpaid, "no JSON".to_owned()][..], &batches[..]].concat()).await
        }
        "openrouter" => {
            use crate::openrouter::{body, span};
            let world = World::new();
            open_account(&world, "alice", "k1", "10").await;
            lots_past_their_date(&world).await;
            let [paid, unpaid] = [("gen-1", 3), ("gen-2", 100)].map(|(id, cost)| span(id, "k1", cost));
            let alone = [body(std::slice::from_ref(&paid)), body(std::slice::from_ref(&unpaid)), "no JSON".to_owned()];
            let batch = body(&[paid, unpaid, serde_json::json!({}), span("gen-3", "k9", 1)]);
            let batches = [batch.clone(), batch.replace("gen-2", "gen-4")];
            source::<Openrouter>(&world, &[&alone[..], &batches[..]].concat()).await
        }
        "stripe" => {
            let world = of_stripe::shop().await;
            lots_past_their_date(&world).await;
            source::<Stripe>(&world, &with_unreadable("stripe", "\"type\": \"", "\"type\": 7, \"t\": \"")).await
        }
        "wechat" => {
            let bodies = with_unreadable("wechat", "\"total_fee\": \"1999\"", "\"total_fee\": \"19.99\"");
            let world = crate::wechat::shop().await;
            lots_past_their_date(&world).await;
            source::<Wechat>(&world, &bodies).await
        }
        "epay" => of_epay().await,
        "fireblocks" => of_fireblocks().await,
        "orders" => of_orders().await,
        "checkout" => of_checkout().await,
        "credits" => credits_api::of_credits().await,
        "chat" => of_chat::calls().await,
        "console" => of_console::calls(),
        "fulfil" => of_fulfil().await,
        "reconcile" => of_reconcile().await,
        unknown => panic!("{unknown} has no recorded run"),
    }
}

pub(crate) fn orders() -> Orders {
    Orders::new(Catalog::parse(SHIPPED).expect("valid"), RandomBits::new(testkit::seeded_bits(1)), places())
}

/// Checkout with Stripe as the only provider.
pub(crate) async fn checkout(net: &StripeNet) -> Checkout {
    let setting = (checkout::SETTING.to_owned(), "sk_test_0123456789abcdefghijklmnop".to_owned());
    let keys = Keyring::open(Vault::Here(Settings::new([setting])), checkout::keys(false), now()).await.expect("a key");
    let config = checkout::Config {
        stage: testkit::STAGE.to_owned(),
        stripe: StripeConfig {
            base: "https://stripe.invalid".to_owned(),
            livemode: false,
            account: None,
            is_mock: false,
        },
        success_url: "https://shop.invalid/done".to_owned(),
        cancel_url: "https://shop.invalid/".to_owned(),
        prices: [].into(),
    };
    let (catalog, http) =
        (Catalog::parse(SHIPPED).expect("valid"), Http::over(net.clone(), fastrand::Rng::with_seed(1)));
    let order_numbers = RandomBits::new(testkit::seeded_bits(1));
    Checkout { catalog, config, keys, epay: None, wechat: None, http, order_numbers, places: places() }
}

/// A credit to this account is a change of its lots, and a debit expires what is left of them first.
async fn lots_past_their_date(world: &World) {
    let account = Owner::new("alice").expect("valid").account(Asset::CREDITS);
    let amount = Amount::from_units(1);
    let terms = LotTerms { priority: 0, kind: LotKind::Free, expires_at: Some(now()) };
    let key = MoneyKey::new("manual", &["gift"]).expect("valid");
    let posting = Posting::to_customer(account, House::Manual, amount);
    let lots = vec![LotShare { terms, units: amount.units() }];
    let gift = Movement { key, posting, guard: Guard::Always, reverses: None, lots };
    by_hand(world, "gift-of-a-moment", vec![Effect::Move(gift)]).await;
}

/// One is closed by the sweep, and one while the sweep is about to close it.
async fn holds_past_their_time(world: &World, ledger: &DynamoLedger) {
    by_hand(world, "for-holds", vec![top_up("bob", "for-holds")]).await;
    for id in ["swept", "settled"] {
        let hold = hold_of("bob", id, "0.1", None, Some("0.1"));
        let hold = Hold { expires_at: now(), ..hold };
        world.ledger(3).open_hold(&hold, &context(3)).await.expect("a hold");
        if id == "settled" {
            world.ledger(3).close_hold(&hold, &settle("0.1"), &context(4)).await.expect("a settlement");
            ledger.close_hold(&hold, &HoldClosing::Expire, &context(5)).await.expect("a closed hold");
        }
    }
}

/// A credit by hand.
fn top_up(owner: &str, key: &str) -> Effect {
    let account = Owner::new(owner).expect("valid").account(Asset::CREDITS);
    let posting = Posting::to_customer(account, House::Manual, Asset::CREDITS.parse("1").expect("an amount"));
    let key = MoneyKey::new("manual", &[key]).expect("valid");
    Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() })
}

fn places() -> Places {
    Places::read(|_| None).expect("the default")
}

fn recorder(world: &World) -> (DynamoLedger, Faults) {
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    (ledger.minding_pauses(), faults)
}

fn samples(source: &str) -> Vec<String> {
    let files = fs::read_dir(root().join("events").join(source)).expect("samples");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("a sample")).collect()
}

/// All samples, and one that cannot be parsed once this text is replaced.
fn with_unreadable(source: &str, from: &str, to: &str) -> Vec<String> {
    let mut samples = samples(source);
    let unreadable = samples.iter().find(|sample| sample.contains(from)).expect("a sample").replace(from, to);
    samples.push(unreadable);
    samples
}

/// The calls of a source's start, and of each of these deliveries.
async fn source<W: Sender>(world: &World, bodies: &[String]) -> Vec<Call> {
    let (ledger, faults) = recorder(world);
    ledger.warm().await;
    let function = W::function(ledger).await;
    for (attempt, body) in (1..).zip(bodies) {
        function.answer(&W::signed(body, now()), &invocation(attempt)).await;
    }
    faults.calls()
}

/// A source's calls, those of a health check, and those of the buyer's return.
async fn of_epay() -> Vec<Call> {
    let world = crate::epay::shop().await;
    lots_past_their_date(&world).await;
    let mut calls = source::<Epay>(&world, &with_unreadable("epay", "\"648\"", "\"x\"")).await;
    let (ledger, faults) = recorder(&world);
    let status_check = Sent::get("/payment/status", "").event(Shape::HttpApi);
    assert_eq!(Epay::function(ledger).await.answer(&status_check, &invocation(0)).await.status, 200);
    calls.extend(faults.calls());
    // The page that the buyer returns to shows the order.
    let (ledger, faults) = recorder(&world);
    let returned = Sent::get("/payment/return", &crate::epay::notification()).event(Shape::HttpApi);
    assert_eq!(crate::epay::function(ledger, &[]).await.answer(&returned, &invocation(0)).await.status, 200);
    calls.extend(faults.calls());
    calls
}

/// A source's calls, starting with and without the JWKS cache.
async fn of_fireblocks() -> Vec<Call> {
    let (world, net) = (crate::fireblocks::shop().await, FireblocksNet::default());
    let (ledger, faults) = recorder(&world);
    let function = crate::fireblocks::keys::deployed(ledger, &net, &invocation(0)).await;
    for (attempt, body) in (1..).zip(samples("fireblocks").into_iter().chain(["no JSON".to_owned()])) {
        let sent = Sent::post("/api/v1/webhooks/fireblocks/", body.as_bytes());
        let sent = sent.with("fireblocks-webhook-signature", fireblocks_signature(body.as_bytes()));
        function.answer(&sent.event(Shape::HttpApi), &invocation(attempt)).await;
    }
    // What is paused is read beside the first event.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    faults.calls()
}

/// An order is created, created again and read.
async fn of_orders() -> Vec<Call> {
    let world = World::new();
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    limit(&world, "alice", 100).await;
    let (ledger, faults) = recorder(&world);
    ledger.warm().await;
    let function = api::Function { api: orders(), ledger };
    let body = r#"{"product":"credits-100"}"#;
    for attempt in 1..3 {
        let sent = Sent::post("/orders", body.as_bytes()).with("idempotency-key", "once");
        call(&function, attempt, sent).await;
    }
    faults.calls()
}

pub(crate) fn credits() -> Credits {
    Credits::new(Catalog::parse(SHIPPED).expect("valid"), RandomBits::of_system(), testkit::code_pepper())
}

/// A buyer opens checkout, pays, and returns before the webhook; Stripe fails to open a page; and a page expires.
async fn of_checkout() -> Vec<Call> {
    let world = World::new();
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    limit(&world, "alice", 100).await;
    lots_past_their_date(&world).await;
    let (ledger, faults) = recorder(&world);
    ledger.warm().await;
    let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
    let function = api::Function { api: checkout(&net).await, ledger };
    let click = || Sent::post("/api/pay/checkout", br#"{"product":"credits-100"}"#);
    call(&function, 1, click()).await;
    for session in net.open() {
        let paid = net.pay(&session).events.concat();
        let intent = paid.split('"').find(|text| text.starts_with("pi_")).expect("a payment");
        refund_a_cent(&world, intent).await;
    }
    call(&function, 2, click()).await;
    let report = || {
        let sent = Sent::post("/api/pay/checkout", br#"{"product":"full-report"}"#);
        sent.with("authorization", "Bearer key-of-alice").event(Shape::HttpApi)
    };
    net.fail(|_, _| NetFault::Status(500));
    assert_eq!(function.answer(&report(), &invocation(3)).await.status, 502);
    net.recover();
    assert_eq!(function.answer(&report(), &invocation(4)).await.status, 201);
    let later = now().plus_seconds(2 * 24 * 60 * MINUTE);
    net.set_now(later);
    assert_eq!(function.answer(&report(), &moment_at(5, later)).await.status, 201);
    faults.calls()
}

/// Refunds a cent of the order's only payment, before anything else of that payment is booked.
async fn refund_a_cent(world: &World, payment: &str) {
    let ledger = world.ledger(7);
    let number = world.books().orders.keys().next().cloned().expect("an order");
    let number = OrderNumber::new(&number).expect("a number");
    let order = ledger.order(&number, &context(7)).await.expect("read").expect("there");
    let by = Reference::new(Provider::Stripe, payment).expect("an id");
    let refund = Refund { state: RefundState::Succeeded, amount: Amount::from_units(1) };
    let decision =
        order.step(Writer::Manual, "refund", Vec::new(), order.apply_refund(&by, "re_1", refund)).expect("news");
    ledger.commit(&decision, &context(7)).await.expect("written");
}

async fn call<A: Serve<DynamoLedger>>(function: &api::Function<A, DynamoLedger>, attempt: u64, sent: Sent<'_>) {
    let event = sent.with("authorization", "Bearer key-of-alice").event(Shape::HttpApi);
    let reply = function.answer(&event, &invocation(attempt)).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.body);
}

/// Tokens are posted, sent and taken back, and a phone is topped up; tokens whose transfer exists already and is
/// complete; and an order marked as paid without a payment.
async fn of_fulfil() -> Vec<Call> {
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    let delivered = fulfil::paid(vec![fulfil::tokens(true), fulfil::airtime(fulfil::PHONE)]).await;
    let mut calls = fulfil_order(&delivered, &unitel, &fireblocks).await;
    refund_a_cent(&delivered, "pi_1").await;
    calls.extend(fulfil_order(&delivered, &unitel, &fireblocks).await);
    for _ in 0..5 {
        fireblocks.go_on();
    }
    let arrived = fulfil::paid(vec![fulfil::tokens(true)]).await;
    calls.extend(fulfil_order(&arrived, &unitel, &fireblocks).await);
    // A transfer with the same id and another amount.
    let mut twice = fulfil::tokens(true);
    if let Grant::Token { amount, .. } = &mut twice {
        *amount = amount.checked_add(*amount).expect("small");
    }
    let mismatched = fulfil::paid(vec![twice]).await;
    calls.extend(fulfil_order(&mismatched, &unitel, &fireblocks).await);
    // Referral credits to an account whose lots are past their date, and a clawback of them.
    let referred = fulfil::referred().await;
    lots_past_their_date(&referred).await;
    calls.extend(fulfil_order(&referred, &unitel, &fireblocks).await);
    refund_a_cent(&referred, "pi_1").await;
    calls.extend(fulfil_order(&referred, &unitel, &fireblocks).await);
    let planted = fulfil::planted::planted(vec![fulfil::tokens(true)]).await;
    calls.extend(fulfil_order(&planted, &unitel, &fireblocks).await);
    calls
}

async fn fulfil_order(world: &World, unitel: &UnitelNet, fireblocks: &FireblocksNet) -> Vec<Call> {
    let (ledger, faults) = recorder(world);
    ledger.warm().await;
    let worker = fulfil::worker(ledger, Some((unitel, &[])), Some(fireblocks)).await;
    assert!(fulfil::work(&worker, &fulfil::run_at(1, 1)).await, "fulfilled");
    faults.calls()
}

/// Events before their orders, unpaid and paid orders, and books to audit: every sweep runs until nothing is left to
/// do.
async fn of_reconcile() -> Vec<Call> {
    let world = of_stripe::shop().await;
    lots_past_their_date(&world).await;
    let early = World::new();
    source::<Stripe>(&early, &samples("stripe")).await;
    orders_of_samples(&early).await;
    let mut calls = Vec::new();
    for world in [world, early] {
        let (ledger, faults) = recorder(&world);
        ledger.warm().await;
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        let stripe_api = Some(crate::reconcile::unpaid::api(&net).await);
        let unitel = UnitelNet::default();
        let fulfil = fulfil::worker(ledger.clone(), Some((&unitel, &[])), None).await;
        let reconcile = Reconcile { ledger, fulfil, stripe_api, ..of_stripe::reconcile(world.ledger(0), &[]) };
        holds_past_their_time(&world, &reconcile.ledger).await;
        for minutes in [1, 2, 4, 8, 16] {
            for sweep in Sweep::ALL {
                let run = run_at(900 + u64::try_from(minutes).expect("small"), minutes * MINUTE);
                reconcile.work(&sweep.input(), &run).await.expect("a run");
            }
        }
        calls.extend(faults.calls());
    }
    calls.extend(of_gateway_log().await);
    calls
}

/// A use that is booked and one that its owner cannot pay, and both again.
async fn of_gateway_log() -> Vec<Call> {
    let gateway = crate::reconcile::gateway_log::Gateway::new(Dialect::NewApi).await;
    gateway.log(logged("paid", now()));
    gateway.log(Logged { quota: 10_000_000, ..logged("unpaid", now()) });
    let (ledger, faults) = recorder(&gateway.world);
    for after_s in [300, 600] {
        gateway.run_over(ledger.clone(), after_s).await.expect("a run");
    }
    faults.calls()
}
