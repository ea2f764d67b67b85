//! The cost of credits that expire: of a grant, a spend, an expiry and a clawback.

use ledger::Ledger as _;

use super::meter::Meter;
use super::{Path, path};
use crate::lots::{DAY, correction, credit, later, spend, until, world};

/// Each after those before it, on an account that has undated credits and some that last a day.
pub(super) async fn of_lots() -> Vec<Path> {
    let (ledger, meter) = Meter::new(&world().await);
    let steps = [
        ("lots: a debit by hand", spend("alice", "e2", "1"), 0),
        ("lots: a grant to an account with lots", credit("alice", "g2", "5", Some(until(2 * DAY))), 0),
        ("lots: a credit without a date", credit("alice", "more", "1", None), 0),
        ("lots: a clawback", correction("alice", "c1", "3", "g1", true), 0),
        ("lots: the first spend after a date", spend("alice", "e3", "1"), DAY),
    ];
    let mut paths = Vec::new();
    for (attempt, (name, decision, seconds)) in (1..).zip(steps) {
        let (committed, cost) = meter.count(Box::pin(ledger.commit(&decision, &later(attempt, seconds)))).await;
        committed.expect(name);
        paths.push(path(name, cost));
    }
    paths
}
