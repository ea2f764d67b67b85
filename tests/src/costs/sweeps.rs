//! The cost of each sweep: of a run that finds nothing, and of a run with one row that is due.

use edge::Worker as _;
use ledger::{Grant, OrderNumber, Owner, Sweep};
use reconcile::Reconcile;
use serde_json::json;
use testkit::{FireblocksNet, StripeNet, UnitelNet, World, logged, now, usage};

use super::deliveries::{paid, pay, without_commissions};
use super::meter::{Cost, Meter};
use super::{Path, clicks, events, path};
use crate::fulfil::{tokens, word};
use crate::reconcile::gateway_log::Gateway;
use crate::sandbox::{open_account, top_up};
use crate::stripe as of_stripe;

const HOUR: i64 = 60 * 60;

/// The books of a sweep, and the fakes that it queries.
struct Swept {
    world: World,
    stripe: StripeNet,
    fireblocks: FireblocksNet,
}

impl Swept {
    fn new(world: World) -> Self {
        let stripe = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        Self { world, stripe, fireblocks: FireblocksNet::default() }
    }

    async fn run(&self, sweep: Sweep) -> Cost {
        self.called(&sweep.input()).await
    }

    /// One run of a new sandbox, an hour after everything else.
    async fn called(&self, event: &str) -> Cost {
        let (ledger, meter) = Meter::new(&self.world);
        let ledger = ledger.minding_pauses();
        self.stripe.set_now(testkit::now().plus_seconds(HOUR));
        self.fireblocks.set_now(testkit::now().plus_seconds(HOUR));
        self.stripe.fail(meter.of_provider("Stripe"));
        self.fireblocks.fail(meter.of_provider("Fireblocks"));
        let stripe_api = Some(crate::reconcile::unpaid::api(&self.stripe).await);
        let unitel = UnitelNet::default();
        let fulfil = crate::fulfil::worker(ledger.clone(), Some((&unitel, &[])), Some(&self.fireblocks)).await;
        let reconcile = Reconcile { ledger, fulfil, stripe_api, ..of_stripe::reconcile(self.world.ledger(0), &[]) };
        let run = of_stripe::run_at(900, HOUR);
        let (report, cost) = meter.count(reconcile.work(event, &run)).await;
        report.expect("a run");
        cost
    }
}

/// A run of the pull for three rows, and the next one, which reads them again.
async fn of_gateway_log() -> Vec<Path> {
    let gateway = Gateway::new(fakes::new_api::Dialect::NewApi).await;
    (0..3).for_each(|number| gateway.log(logged(&format!("r{number}"), now().plus_seconds(number))));
    gateway.run_over(gateway.world.ledger(0), 0).await.expect("the first run");
    let mut paths = Vec::new();
    for (name, after_s) in
        [("reconcile: gateway_log, three rows that are booked", 300), ("reconcile: gateway_log, three known rows", 600)]
    {
        let (ledger, meter) = Meter::new(&gateway.world);
        gateway.net.fail(meter.of_provider("new-api"));
        let (report, cost) = meter.count(gateway.run_over(ledger, after_s)).await;
        report.expect("a run");
        paths.push(path(name, cost));
    }
    paths
}

pub(super) async fn of_reconcile() -> Vec<Path> {
    let mut paths = Vec::new();
    for (name, sweep) in [
        ("reconcile: refused, nothing due", Sweep::Refused),
        ("reconcile: stripe_backfill, nothing listed", Sweep::StripeBackfill),
        ("reconcile: gateway_log, no gateway", Sweep::GatewayLog),
        ("reconcile: unpaid, nothing due", Sweep::Unpaid),
        ("reconcile: unfulfilled, nothing due", Sweep::Unfulfilled),
        ("reconcile: pending_external, nothing due", Sweep::PendingExternal),
        ("reconcile: expiring, nothing due", Sweep::Expiring),
        ("reconcile: holds, nothing due", Sweep::Holds),
    ] {
        paths.push(path(name, Swept::new(World::new()).run(sweep).await));
    }
    paths.push(path(
        "reconcile: refused, one payment that is booked",
        refused_payment().await.run(Sweep::Refused).await,
    ));
    paths.push(path("reconcile: refused, one usage event that is booked", refused_usage("10").await));
    paths.push(path("reconcile: refused, one owner who still cannot pay", refused_usage("1").await));
    for (name, is_paid) in
        [("reconcile: unpaid, one order that stays unpaid", false), ("reconcile: unpaid, one order that is paid", true)]
    {
        paths.push(path(name, clicked(is_paid).await.run(Sweep::Unpaid).await));
    }
    let listed = clicked(true).await;
    for name in
        ["reconcile: stripe_backfill, three events that are booked", "reconcile: stripe_backfill, three known events"]
    {
        paths.push(path(name, listed.run(Sweep::StripeBackfill).await));
    }
    paths.extend(of_gateway_log().await);
    let missed = Swept::new(paid(without_commissions(vec![Grant::Report(word("full"))])).await);
    paths.push(path("reconcile: unfulfilled, one order", missed.run(Sweep::Unfulfilled).await));
    paths.push(path("reconcile: pending_external, one transfer", sent().await.run(Sweep::PendingExternal).await));
    for (name, accounts) in [
        ("reconcile: audit of one account with one entry and its order", 1),
        ("reconcile: audit of two such accounts", 2),
    ] {
        paths.push(path(name, owners(accounts).await.run(Sweep::Audit).await));
    }
    let team = crate::members::world().await;
    crate::members::join(&team, "j1", "k1", "team", 0).await;
    paths.push(path("reconcile: audit of a team with one member", Swept::new(team).run(Sweep::Audit).await));
    let records = json!([{ "dynamodb": { "Keys": { "id": { "S": "HL0" } } } }]);
    let batch = json!({ "Records": records }).to_string();
    paths.push(path("reconcile: audit of one paid order that was written", owners(1).await.called(&batch).await));
    // The row of a payment that posts nothing.
    let image = json!({ "order": { "S": "HL0" }, "status": { "S": "processed" } });
    let record = json!({ "dynamodb": { "Keys": { "id": { "S": "payment#stripe#pi_0" } }, "OldImage": image } });
    let batch = json!({ "Records": [record] }).to_string();
    paths.push(path("reconcile: audit of one payment row that was removed", owners(1).await.called(&batch).await));
    paths
}

/// A payment that arrived before its order.
async fn refused_payment() -> Swept {
    let world = World::new();
    let payment = of_stripe::with("payment_intent_succeeded", &[]);
    events::Source::<stripe::Stripe>::cold(&world).await.delivered(&payment, 200).await;
    of_stripe::orders_of_samples(&world).await;
    Swept::new(world)
}

/// The retry of usage that cost 5, once its owner has this much.
async fn refused_usage(credits: &str) -> Cost {
    let world = World::new();
    open_account(&world, "alice", "k1", "0.5").await;
    let event = usage("e1", "k1", "5").to_string();
    events::Source::<::usage::Usage>::cold(&world).await.delivered(&event, 402).await;
    top_up(&world, "more", "alice", credits).await;
    Swept::new(world).run(Sweep::Refused).await
}

/// A click on credits, whose buyer has paid or not.
async fn clicked(is_paid: bool) -> Swept {
    let (world, stripe) = clicks::shop().await;
    let mut checkout = clicks::Clicks::at_stripe(&world, &stripe).await;
    checkout.click("/api/pay/checkout", r#"{"product":"credits-100"}"#, 201).await;
    if is_paid {
        stripe.open().iter().for_each(|session| drop(stripe.pay(session)));
    }
    Swept { world, stripe, fireblocks: FireblocksNet::default() }
}

/// Tokens whose transfer is under way.
async fn sent() -> Swept {
    let swept = Swept::new(paid(without_commissions(vec![tokens(true)])).await);
    let worker = crate::fulfil::worker(swept.world.ledger(1), None, Some(&swept.fireblocks)).await;
    assert!(crate::fulfil::work(&worker, &crate::fulfil::run_at(1, 1)).await);
    swept
}

/// Owners who have bought credits once.
async fn owners(count: u8) -> Swept {
    let world = World::new();
    for n in 0..count {
        let mut order = of_stripe::order(&format!("HL{n}"));
        order.owner = Owner::new(&format!("owner{n}")).expect("an owner");
        order.number = OrderNumber::new(&format!("HL{n}")).expect("a number");
        pay(&world, order).await;
    }
    Swept::new(world)
}
