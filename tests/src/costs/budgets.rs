//! The cost of a budget: a row in the transaction of each use.

use ledger::{HoldClosing, Holds as _, Ledger as _};

use super::meter::Meter;
use super::{Path, path};
use crate::budgets::{hold, used, world};
use crate::holds::settle;
use crate::lots::later;

pub(super) async fn of_budgets() -> Vec<Path> {
    let (ledger, meter) = Meter::new(&world().await);
    let mut paths = Vec::new();
    let uses = |attempt: u64, seconds, name, decision| {
        let (ledger, meter) = (&ledger, &meter);
        async move {
            let (committed, cost) = meter.count(Box::pin(ledger.commit(&decision, &later(attempt, seconds)))).await;
            committed.expect(name);
            path(name, cost)
        }
    };
    paths.push(uses(1, 0, "budget: the first use of a key", used("e1", "1", 0)).await);
    paths.push(uses(2, 0, "budget: a use", used("e2", "1", 0)).await);
    let (settled, released) = (hold("h1", "1"), hold("h2", "1"));
    let (opened, cost) = meter.count(ledger.open_hold(&settled, &later(3, 0))).await;
    opened.expect("a hold");
    paths.push(path("budget: a hold", cost));
    ledger.open_hold(&released, &later(4, 0)).await.expect("a hold");
    for (attempt, (name, hold, closing)) in (5..).zip([
        ("budget: a settlement of less", &settled, settle("0.5")),
        ("budget: a release", &released, HoldClosing::Release),
    ]) {
        let (closed, cost) = meter.count(ledger.close_hold(hold, &closing, &later(attempt, 1))).await;
        closed.expect(name);
        paths.push(path(name, cost));
    }
    paths.push(uses(7, 3_600, "budget: the first use of a day", used("e3", "1", 3_600)).await);
    paths.push(uses(8, 3_600, "budget: a use of the day before", used("e4", "1", 0)).await);
    paths.push(uses(9, 3_600, "budget: a use above a limit", used("e5", "5", 3_600)).await);
    paths
}
