//! Contract lines about the backlog: rows that are due a number of seconds later, and their rescheduling.

use std::collections::BTreeSet;

use ledger::{
    Asset, Backlog, CallContext, DueRow, EventKey, Lane, LaneState, OrderNumber, Provider, Queue, Source, Sweep, Work,
};

use crate::{context, now};

const EVENTS_MAX: u16 = 3;
const UNPAID: Work = Work::Payment(Provider::Stripe);

/// The result of a line about the backlog.
pub(crate) async fn result_of<L: Backlog>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let later = |seconds: &str| {
        let received_at = now().plus_seconds(seconds.parse().unwrap());
        CallContext { received_at, first_received_at: received_at, ..context(number) }
    };
    match *words {
        ["due", seconds] => Some(due(ledger, &later(seconds)).await),
        ["retry-at", event, seconds, "until", until] => {
            let receipt = EventKey::new(Source::Usage, event).unwrap();
            let waiting = ledger.refused_event(&receipt, &later(seconds)).await.unwrap()?;
            let until = (until != "never").then(|| now().plus_seconds(until.parse().unwrap()));
            ledger.reschedule(&waiting, until, &later(seconds)).await.unwrap();
            // A stale read changes nothing.
            ledger.reschedule(&waiting, None, &later(seconds)).await.unwrap();
            Some("done".to_owned())
        }
        // By its key, as a lagging index would still list it.
        ["waiting", event, seconds] => {
            let receipt = EventKey::new(Source::Usage, event).unwrap();
            let waiting = ledger.refused_event(&receipt, &later(seconds)).await.unwrap();
            Some(if waiting.is_some() { "waiting" } else { "nothing" }.to_owned())
        }
        ["unpaid", seconds] => Some(unpaid(ledger, &later(seconds)).await),
        ["left", counted_max] => {
            let counted_max = counted_max.parse().unwrap();
            let external = ledger.count_open_orders(Work::PendingExternal, counted_max, &later("0")).await.unwrap();
            assert_eq!(external, 0, "other work");
            Some(ledger.count_open_orders(UNPAID, counted_max, &later("0")).await.unwrap().to_string())
        }
        ["all-due", seconds, counted_max] => {
            let counted_max = counted_max.parse().unwrap();
            let of_stripe = ledger.count_refused_due(Source::Stripe, counted_max, &later(seconds)).await.unwrap();
            assert_eq!(of_stripe, 0, "another source");
            Some(ledger.count_refused_due(Source::Usage, counted_max, &later(seconds)).await.unwrap().to_string())
        }
        ["query-at", name, until] => {
            let order = ledger.order(&OrderNumber::new(name).unwrap(), &later("0")).await.unwrap()?;
            let until = now().plus_seconds(until.parse().unwrap());
            ledger.reschedule_order(&order, Some(until), &later("0")).await.unwrap();
            // A stale version changes nothing.
            let overtaken = order.version.checked_sub(1).unwrap();
            let before = ledger::Order { version: overtaken, ..order };
            ledger.reschedule_order(&before, Some(now()), &later("0")).await.unwrap();
            Some("done".to_owned())
        }
        ["unreadable", event, seconds] => {
            let due = ledger.due(Source::Usage, EVENTS_MAX, &later(seconds)).await.unwrap();
            let row = due.into_iter().find(|row| row.id == format!("usage#{event}"))?;
            Some(reschedule_unreadable(ledger, Queue::Refused(Source::Usage), &row, &later(seconds)).await)
        }
        ["unreadable-order", name, seconds] => {
            let due = ledger.orders_due(UNPAID, EVENTS_MAX, &later(seconds)).await.unwrap();
            let row = due.into_iter().find(|row| row.id == name)?;
            Some(reschedule_unreadable(ledger, Queue::Work(UNPAID), &row, &later(seconds)).await)
        }
        ["lanes", seconds] => Some(due_lanes(ledger, &later(seconds)).await),
        ["in-lane", lane] => {
            let lane = Lane::read(lane).unwrap();
            let waiting = ledger.refused_in_lane(Source::Usage, &lane, 10, &later("0")).await.unwrap();
            let first = ledger.refused_in_lane(Source::Usage, &lane, 1, &later("0")).await.unwrap();
            assert_eq!(first.as_slice(), waiting.get(..1).unwrap_or_default(), "the limit holds");
            let listed = waiting.iter().map(|owed| format!("{} {}", owed.row.id, Asset::CREDITS.format(owed.amount)));
            let listed: Vec<String> = listed.collect();
            Some(if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") })
        }
        ["reschedule-lane", lane, seconds, until] => Some(rescheduled(ledger, lane, &later(seconds), until).await),
        ["unreadable-lane", lane, seconds] => {
            let row = lane_row(ledger, lane, &later(seconds)).await;
            Some(reschedule_unreadable(ledger, Queue::Lanes(Source::Usage), &row, &later(seconds)).await)
        }
        ["known", ref events @ ..] => {
            let receipts: BTreeSet<EventKey> =
                events.iter().map(|event| EventKey::new(Source::Usage, event).unwrap()).collect();
            let known = ledger.already_journaled(&receipts, &later("0")).await.unwrap();
            assert!(known.values().all(|fingerprint| fingerprint.starts_with("1.")), "{known:?}");
            let known: Vec<String> = known.keys().map(ToString::to_string).collect();
            Some(if known.is_empty() { "nothing".to_owned() } else { known.join(" ") })
        }
        ["hold-sweep", run, seconds, until] => {
            let context = CallContext { attempt: crate::mark(run.parse().unwrap()), ..later(seconds) };
            let until = now().plus_seconds(until.parse().unwrap());
            let is_held = ledger.acquire_sweep(Sweep::Unpaid, until, &context).await.unwrap();
            Some(if is_held { "held" } else { "another's" }.to_owned())
        }
        ["cursor"] => {
            let cursor = ledger.sweep_cursor(Sweep::StripeBackfill, &later("0")).await.unwrap();
            assert_eq!(ledger.sweep_cursor(Sweep::Audit, &later("0")).await.unwrap(), None, "another sweep");
            Some(cursor.unwrap_or_else(|| "the beginning".to_owned()))
        }
        ["save-cursor", cursor] => {
            let cursor = (cursor != "none").then_some(cursor);
            ledger.save_sweep_cursor(Sweep::StripeBackfill, cursor, &later("0")).await.unwrap();
            Some("done".to_owned())
        }
        _ => None,
    }
}

async fn due_lanes<L: Backlog>(ledger: &L, context: &CallContext<'_>) -> String {
    let of_stripe = ledger.due_lanes(Source::Stripe, EVENTS_MAX, context).await.unwrap();
    assert_eq!(of_stripe, [], "another source");
    let mut lanes = Vec::new();
    for row in ledger.due_lanes(Source::Usage, EVENTS_MAX, context).await.unwrap() {
        lanes.push(ledger.lane(&row, context).await.unwrap().unwrap().lane.to_string());
    }
    if lanes.is_empty() { "nothing".to_owned() } else { lanes.join(" ") }
}

async fn unpaid<L: Backlog>(ledger: &L, context: &CallContext<'_>) -> String {
    let rows = ledger.orders_due(UNPAID, EVENTS_MAX, context).await.unwrap();
    assert_eq!(ledger.unpaid(Provider::Epay, 10, context).await.unwrap(), [], "another provider");
    let orders = ledger.unpaid(Provider::Stripe, EVENTS_MAX.into(), context).await.unwrap();
    assert_eq!(orders.iter().map(|order| order.row.clone()).collect::<Vec<_>>(), rows);
    assert!(orders.iter().all(|order| (order.owner.as_str(), order.created_at) == ("alice", Some(now()))));
    assert_eq!(ledger.unpaid(Provider::Stripe, 1, context).await.unwrap().len(), rows.len().min(1));
    let orders: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    if orders.is_empty() { "nothing".to_owned() } else { orders.join(" ") }
}

async fn lane_row<L: Backlog>(ledger: &L, lane: &str, context: &CallContext<'_>) -> DueRow {
    let due = ledger.due_lanes(Source::Usage, EVENTS_MAX, context).await.unwrap();
    due.into_iter().find(|row| row.id == format!("lane#usage#{lane}")).unwrap()
}

async fn rescheduled<L: Backlog>(ledger: &L, lane: &str, context: &CallContext<'_>, until: &str) -> String {
    let row = lane_row(ledger, lane, context).await;
    let read = ledger.lane(&row, context).await.unwrap().unwrap();
    let until = (until != "never").then(|| now().plus_seconds(until.parse().unwrap()));
    // After another run has rescheduled it, or another event was refused into it, nothing changes.
    let other = LaneState { due_at: now(), ..read.clone() };
    ledger.reschedule_lane(Source::Usage, &other, until, context).await.unwrap();
    let overtaken = LaneState { refusals: read.refusals.checked_sub(1).unwrap(), ..read.clone() };
    ledger.reschedule_lane(Source::Usage, &overtaken, None, context).await.unwrap();
    let alarmed = LaneState { alarmed_at: Some(context.received_at), ..read };
    ledger.reschedule_lane(Source::Usage, &alarmed, until, context).await.unwrap();
    if let Some(until) = until {
        let then = CallContext { received_at: until, ..context.clone() };
        let kept = ledger.lane(&row, &then).await.unwrap().unwrap();
        assert_eq!(kept, LaneState { due_at: until, ..alarmed });
    }
    assert_eq!(ledger.lane(&row, context).await.unwrap(), None, "it is no longer due");
    "done".to_owned()
}

async fn reschedule_unreadable<L: Backlog>(
    ledger: &L,
    queue: Queue,
    row: &DueRow,
    context: &CallContext<'_>,
) -> String {
    // A row in another queue, or with another due time, does not change.
    ledger.reschedule_unreadable(&Queue::Work(Work::PendingExternal), row, context).await.unwrap();
    ledger.reschedule_unreadable(&queue, &DueRow { due_at: "0".to_owned(), ..row.clone() }, context).await.unwrap();
    ledger.reschedule_unreadable(&queue, row, context).await.unwrap();
    ledger.reschedule_unreadable(&queue, row, context).await.unwrap();
    "done".to_owned()
}

async fn due<L: Backlog>(ledger: &L, context: &CallContext<'_>) -> String {
    assert_eq!(ledger.due(Source::Stripe, EVENTS_MAX, context).await.unwrap(), [], "another source");
    let mut listed = Vec::new();
    for row in ledger.due(Source::Usage, EVENTS_MAX, context).await.unwrap() {
        let receipt = EventKey::of_row(&row.id);
        let waiting = ledger.refused_event(&receipt, context).await.unwrap().unwrap();
        let waited_s = waiting.due_at.seconds_apart(waiting.first_received_at);
        let body = waiting.body.unwrap();
        assert_eq!([&*body.method, &*body.path, &*body.query], ["POST", "/events", "of=the+contract"]);
        assert_eq!(body.bytes_at, now());
        assert_eq!(body.headers, [("x-kept".to_owned(), "as it was".to_owned())]);
        listed.push(format!("{receipt} after {waited_s}: {}", String::from_utf8(body.bytes).unwrap().trim()));
    }
    if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") }
}
