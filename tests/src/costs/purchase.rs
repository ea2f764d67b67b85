//! The cost of a whole purchase, from the click to the delivery: with the default events of one payment, each function
//! in a sandbox of its own.

use stripe::Stripe;
use testkit::{FireblocksNet, UnitelNet, World};

use super::clicks::{Clicks, shop};
use super::events::Source;
use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::fulfil;

pub(super) async fn of_purchases() -> Vec<Path> {
    let rows = [
        ("a purchase of credits, from click to delivery", "credits-100"),
        ("a purchase of a report, from click to delivery", "full-report"),
    ];
    let mut paths = Vec::new();
    for (name, product) in rows {
        paths.push(path(name, purchase(product).await));
    }
    paths
}

async fn purchase(product: &str) -> Cost {
    let (world, net) = shop().await;
    let mut checkout = Clicks::at_stripe(&world, &net).await;
    let body = format!(r#"{{"product":"{product}"}}"#);
    let mut cost = checkout.click("/api/pay/checkout", &body, 201).await;
    let [session] = net.open().try_into().expect("one page");
    let mut source = Source::<Stripe>::cold(&world).await;
    for event in net.pay(&session).events {
        cost = cost.and(source.delivered(&event, 200).await);
    }
    let orders = world.books().orders;
    let (number, order) = orders.iter().next().expect("an order");
    assert_eq!((orders.len(), order.payment.as_str()), (1, "paid"));
    if order.fulfilment != "done" {
        cost = cost.and(delivered(&world, number).await);
    }
    assert_eq!(world.books().order(number).fulfilment, "done");
    world.books().check();
    cost
}

/// The run that the stream starts.
async fn delivered(world: &World, number: &str) -> Cost {
    let (ledger, meter) = Meter::new(world);
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    let worker = fulfil::worker(ledger, Some((&unitel, &[])), Some(&fireblocks)).await;
    let number = ledger::OrderNumber::new(number).expect("a number");
    let (fulfilled, cost) = meter.count(Box::pin(worker.fulfil(&number, &fulfil::run_at(1, 1)))).await;
    fulfilled.expect("delivered");
    cost
}
