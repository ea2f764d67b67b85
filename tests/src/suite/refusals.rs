//! Refusals: the exact reply to each delivery, and the books after it.

use edge::Service as _;
use signing::Strength;

use super::{Suite, world_before};
use crate::sandbox::moment_within;

/// A delivery that is not verified, or not of the shape of a webhook, changes nothing.
pub(crate) async fn leave_no_trace<W: Suite>() {
    let world = world_before::<W>(W::STATE, &[]).await;
    let before = world.books();
    let function = W::function(world.ledger(1)).await;
    for row in W::unverified() {
        let reply = function.answer(&row.event, &moment_within::<W>(1)).await;
        assert_eq!((reply.status, reply.body), row.reply, "{}", row.name);
        assert_eq!(world.books(), before, "{}", row.name);
    }
}

/// A verified delivery that is refused moves nothing. One row and one body are kept of it, however often it comes, for
/// a release or an order that can book it.
pub(crate) async fn are_kept<W: Suite>() {
    for row in W::refusals() {
        let (world, name) = (world_before::<W>(row.state, &row.before).await, &row.name);
        let before = world.books();
        let function = W::function(world.ledger(1)).await;
        for times in 1..=2 {
            let reply = function.answer(&row.event, &moment_within::<W>(times)).await;
            assert_eq!((reply.status, reply.body), row.reply, "{name}");

            let mut after = world.books();
            after.check();
            let new: Vec<_> = after.journal.keys().filter(|id| !before.journal.contains_key(*id)).cloned().collect();
            let [id] = new.as_slice() else { panic!("{name}: kept {new:?}") };
            assert!(id.starts_with(&row.kept), "{name}: kept as {id}");
            let kept = after.journal.remove(id).expect("a row");
            let expected = ("failed", Some(row.reason), times);
            assert_eq!((kept.status.as_str(), kept.reason.as_deref(), kept.attempts), expected, "{name}");
            assert!(
                kept.needs_attention || row.reason != "unparsed",
                "{name}: it waits for a release that can parse it"
            );
            assert!(after.bodies.remove(id), "{name}: its body is kept too");
            if let Some(flag) = row.flag {
                let (number, order) =
                    after.orders.iter_mut().find(|(_, order)| order.anomaly.is_some()).expect("a flag");
                assert_eq!(order.anomaly.take().as_deref(), Some(flag), "{name}");
                order.version = before.orders[number].version;
                after.pointers.clone_from(&before.pointers);
            }
            assert_eq!(after, before, "{name}: nothing else changed");
        }
    }
}

/// A deployment without a secret must not start: it would accept signatures that anyone can make.
pub(crate) fn blank_secrets<W: Suite>() {
    for settings in W::blank_secrets() {
        assert!(W::keys(&settings, Strength::Deployed).is_err(), "{settings:?}");
    }
}
