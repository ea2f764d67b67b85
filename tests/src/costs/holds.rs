//! The cost of a hold: its opening, and what closes it.

use ledger::{Hold, HoldClosing, HoldError, Holds as _};

use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::holds::{hold_of, settle};
use crate::lots::{later, world};

/// Alice has credits that last a day, which no hold reads.
pub(super) async fn of_holds() -> Vec<Path> {
    let (ledger, meter) = Meter::new(&world().await);
    let [settled, released, expired, charged] = [("h1", None), ("h2", None), ("h3", None), ("h4", Some("1"))]
        .map(|(id, charge)| hold_of("alice", id, "2", None, charge));
    let mut paths = Vec::new();
    let mut add = |name, (closed, cost): (Result<Hold, HoldError>, Cost)| {
        closed.expect(name);
        paths.push(path(name, cost));
    };
    add("hold: opened", meter.count(ledger.open_hold(&settled, &later(1, 0))).await);
    add("hold: opened again", meter.count(ledger.open_hold(&settled, &later(2, 0))).await);
    for (attempt, hold) in (3..).zip([&released, &expired, &charged]) {
        ledger.open_hold(hold, &later(attempt, 0)).await.expect("a hold");
    }
    add("hold: settled", meter.count(ledger.close_hold(&settled, &settle("1"), &later(6, 1))).await);
    add("hold: settled again", meter.count(ledger.close_hold(&settled, &settle("1"), &later(7, 2))).await);
    add("hold: released", meter.count(ledger.close_hold(&released, &HoldClosing::Release, &later(8, 1))).await);
    add("hold: expired", meter.count(ledger.close_hold(&expired, &HoldClosing::Expire, &later(9, 700))).await);
    add(
        "hold: expired, with a charge",
        meter.count(ledger.close_hold(&charged, &HoldClosing::Expire, &later(10, 700))).await,
    );
    add("hold: settled late", meter.count(ledger.close_hold(&expired, &settle("1"), &later(11, 701))).await);
    paths
}
