//! Lines of the contract about rows of the journal as they are stored, and the retry that a person asks for.

use insight::{EventRow, EventState, Events};
use ledger::{Asset, CallContext, EventKey, Source};

use crate::{context, now};

/// `event KEY`: why it is refused and where it waits, what it moves, its attempts and whether its body is kept.
/// `queue`: the refused events that are in no lane. `retry-now EVENT SECONDS`: whether the event, or its lane, is due then.
pub(super) async fn result_of<L: Events>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let context = context(number);
    Some(match *words {
        ["event", key] => match row(ledger, key, &context).await {
            Some(row) => shown(ledger, &row, &context).await,
            None => "none".to_owned(),
        },
        ["queue"] => {
            assert_eq!(ledger.waiting(Source::Stripe, 9, &context).await.unwrap(), [], "another source");
            let keys = ledger.waiting(Source::Usage, 9, &context).await.unwrap();
            assert_eq!(ledger.waiting(Source::Usage, 1, &context).await.unwrap().len(), keys.len().min(1));
            let keys: Vec<&str> = keys.iter().map(EventKey::as_str).collect();
            if keys.is_empty() { "nothing".to_owned() } else { keys.join(" ") }
        }
        ["retry-now", event, seconds] => {
            let row = row(ledger, &format!("usage#{event}"), &context).await?;
            let context = CallContext { received_at: now().plus_seconds(seconds.parse().unwrap()), ..context };
            // As it was read before another attempt.
            let overtaken = EventRow { attempts: row.attempts.checked_add(1).unwrap(), ..row.clone() };
            let in_lane =
                matches!(&row.state, EventState::Refused { retry: Some(retry), .. } if retry.lane().is_some());
            assert!(in_lane || !ledger.retry_now(&overtaken, &context).await.unwrap(), "it has changed since");
            if ledger.retry_now(&row, &context).await.unwrap() { "due" } else { "no" }.to_owned()
        }
        _ => return None,
    })
}

async fn row<L: Events>(ledger: &L, key: &str, context: &CallContext<'_>) -> Option<EventRow> {
    let (key, other) = (EventKey::of_row(key), EventKey::of_row("usage#no-such-event"));
    let mut rows = ledger.events(&[key.clone(), other].into(), context).await.unwrap();
    let row = rows.remove(&key).map(|row| row.unwrap());
    assert!(rows.is_empty(), "only rows that exist");
    row
}

async fn shown<L: Events>(ledger: &L, row: &EventRow, context: &CallContext<'_>) -> String {
    assert_eq!(row.received_at, Some(now()));
    let state = match &row.state {
        EventState::Booked { at } => format!("booked{}", if at.is_some() { "" } else { " at no time" }),
        EventState::Refused { why, retry } => {
            let retry = retry.as_ref().map(|retry| {
                let lane = retry.lane().map(|lane| format!(" {lane}")).unwrap_or_default();
                format!(" in {} after {}{lane}", retry.queue, retry.at.seconds_apart(now()))
            });
            format!("{}{}", why.as_str(), retry.unwrap_or_default())
        }
    };
    let moved = row.posting.as_ref().map_or_else(String::new, |posting| {
        format!(" {} {}", posting.account, Asset::CREDITS.format_balance(posting.change))
    });
    let kept = ledger.delivery(row, context).await.unwrap();
    let kept = kept.map_or_else(String::new, |kept| format!(" {} {}", kept.method, kept.path));
    format!("{} {} {state}{moved} x{}{kept}", row.source, row.kind, row.attempts)
}
