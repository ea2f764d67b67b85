//! The cost of what a person moves: a transfer between accounts, and the reversal of a charge.

use ledger::Ledger as _;

use super::meter::Meter;
use super::{Path, path};
use crate::account_transfers::transfer;
use crate::credits::{ONE, charged, reversal};
use crate::lots::{credit, later, world};

/// Alice has credits that last a day, and carol has none that do.
pub(super) async fn of_transfers() -> Vec<Path> {
    let (ledger, meter) = Meter::new(&world().await);
    ledger.commit(&credit("carol", "c1", "4", None), &later(1, 0)).await.expect("a credit");
    let steps = [
        ("transfer: between accounts without lots", transfer("carol", "bob", "t1", "1")),
        ("transfer: of credits with a date", transfer("alice", "bob", "t2", "5")),
    ];
    let mut paths = Vec::new();
    for (attempt, (name, decision)) in (2..).zip(steps) {
        let (committed, cost) = meter.count(Box::pin(ledger.commit(&decision, &later(attempt, 0)))).await;
        committed.expect(name);
        paths.push(path(name, cost));
    }
    let (world, line) = charged().await;
    let (ledger, meter) = Meter::new(&world);
    let decision = reversal(&line, 2 * ONE, "r1");
    let (committed, cost) = meter.count(Box::pin(ledger.commit(&decision, &later(2, 0)))).await;
    committed.expect("a reversal");
    paths.push(path("reverse: the charge of a usage event", cost));
    paths
}
