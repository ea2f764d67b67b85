//! The cost of members: none for a use, and the rows of both owners for a change.

use ledger::Ledger as _;

use super::meter::Meter;
use super::{Path, path};
use crate::lots::later;
use crate::members::{changes, hold, used, world};

pub(super) async fn of_members() -> Vec<Path> {
    use ledger::Holds as _;
    let (ledger, meter) = Meter::new(&world().await);
    let [joined, left, again, revoked] = changes();
    let mut paths = Vec::new();
    let (done, cost) = meter.count(Box::pin(ledger.commit(&joined, &later(1, 0)))).await;
    done.expect("a member");
    paths.push(path("member: a key joins a team", cost));
    for (attempt, (name, id)) in (2..).zip([("member: a use of a key not in memory", "e1"), ("member: a use", "e2")]) {
        let (done, cost) = meter.count(Box::pin(used(&ledger, id, attempt))).await;
        done.expect(name);
        paths.push(path(name, cost));
    }
    let (done, cost) = meter.count(ledger.open_hold(&hold("h1", "1"), &later(4, 60))).await;
    done.expect("a hold");
    paths.push(path("member: a hold", cost));
    let steps = [("member: a key leaves its team", left), ("", again), ("member: a member's key is revoked", revoked)];
    for (attempt, (name, decision)) in (5..).zip(steps) {
        let (done, cost) = meter.count(Box::pin(ledger.commit(&decision, &later(attempt, 120)))).await;
        done.expect(name);
        paths.extend((!name.is_empty()).then(|| path(name, cost)));
    }
    paths
}
