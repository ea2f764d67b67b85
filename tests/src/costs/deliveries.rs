//! The cost of each fulfilment: one run of the worker for one paid order.

use ledger::{Commission, Grant, Order, Owner, Payment, Provider, Reference};
use testkit::{FireblocksNet, UnitelNet, World, context, now};

use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::fulfil::{self, PHONE, airtime, number, order, run_at, tokens, word};

/// Books with this order, paid.
pub(super) async fn paid(order: Order) -> World {
    let world = World::new();
    pay(&world, order).await;
    world
}

pub(super) async fn pay(world: &World, order: Order) {
    let number = order.number.clone();
    crate::stripe::made(world, order).await;
    let ledger = world.ledger(0);
    let order = ledger::Ledger::order(&ledger, &number, &context(0)).await.expect("read").expect("an order");
    let by = Reference::new(Provider::Stripe, &format!("pi_{number}")).expect("an id");
    let effects = order.pay(&Payment { by, money: order.terms.price, at: now() }).expect("what it costs");
    let paid = order.step(ledger::Writer::Manual, "paid", Vec::new(), effects).expect("something to write");
    ledger::Ledger::commit(&ledger, &paid, &context(0)).await.expect("booked");
}

pub(super) fn without_commissions(grants: Vec<Grant>) -> Order {
    let mut order = order(grants);
    order.terms.commissions.clear();
    order
}

fn with_commissions(grants: Vec<Grant>) -> Order {
    let earns = |name: &str, basis_points| Commission { to: Owner::new(name).expect("an owner"), basis_points };
    let mut order = order(grants);
    order.terms.commissions = vec![earns("bob", 1_000), earns("carol", 200)];
    order
}

fn with_referral(grants: Vec<Grant>) -> Order {
    let mut order = without_commissions(grants);
    order.terms.referral = Some(fulfil::referral());
    order
}

/// One run of a new sandbox over these books.
async fn run(world: &World) -> Cost {
    let (ledger, meter) = Meter::new(world);
    let ledger = ledger.minding_pauses();
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    unitel.fail(meter.of_provider("Unitel"));
    fireblocks.fail(meter.of_provider("Fireblocks"));
    let worker = fulfil::worker(ledger, Some((&unitel, &[])), Some(&fireblocks)).await;
    let (is_done, cost) = meter.count(fulfil::work(&worker, &run_at(1, 1))).await;
    assert!(is_done);
    cost
}

pub(super) async fn of_fulfil() -> Vec<Path> {
    let report = || Grant::Report(word("full"));
    let rows = [
        ("fulfil: tokens", without_commissions(vec![tokens(false)])),
        ("fulfil: tokens that are sent on chain", without_commissions(vec![tokens(true)])),
        ("fulfil: a report", without_commissions(vec![report()])),
        ("fulfil: a report and two commissions", with_commissions(vec![report()])),
        ("fulfil: a report and referral credits", with_referral(vec![report()])),
        ("fulfil: a top-up", without_commissions(vec![airtime(PHONE)])),
    ];
    let mut paths = Vec::new();
    for (name, order) in rows {
        let world = paid(order).await;
        paths.push(path(name, run(&world).await));
        if name == "fulfil: tokens" {
            paths.push(path("fulfil: an order with nothing to deliver", run(&world).await));
            let order = world.ledger(0);
            let order = ledger::Ledger::order(&order, &number(), &context(0)).await.expect("read").expect("an order");
            assert_eq!(order.fulfilment, ledger::Fulfilment::Done);
        }
    }
    paths
}
