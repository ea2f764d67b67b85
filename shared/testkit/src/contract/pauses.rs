//! The lines of the contract about what is paused.

use ledger::{CallContext, Decision, Effect, EventKey, Ledger, Pausable, Pause, Pauses, Writer};

use super::event::record;

/// Between two lines, more than a process may remember the pauses.
const FORGOTTEN_SECONDS: i64 = 61;

/// `pauses`: what is paused, and the version of the row.
pub(super) async fn result_of<L: Ledger>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let ["pauses"] = words else { return None };
    let found = read(ledger, number).await;
    let words: Vec<&str> = found.by_word.keys().map(String::as_str).collect();
    let words = if words.is_empty() { "none".to_owned() } else { words.join(" ") };
    Some(format!("{words} v{}", found.version))
}

/// `pause EVENT WHAT VERSION` and `resume EVENT WHAT VERSION`: a change over this version.
pub(super) async fn decision<L: Ledger>(ledger: &L, words: &[&str], number: u64) -> Option<Decision> {
    let [change @ ("pause" | "resume"), event, what, version] = words else { return None };
    let (read, pausable) = (read(ledger, number).await, Pausable::named(what).unwrap());
    // A repeat finds its own change, and its receipt decides.
    let after = if *change == "pause" { read.pause(pausable, pause(event)) } else { read.resume(pausable) };
    let version: u64 = version.trim_start_matches('v').parse().unwrap();
    let pauses = Pauses { version: version.checked_add(1).unwrap(), ..after.unwrap_or(read) };
    Some(record(event, words.get(2..).unwrap(), vec![Effect::Pauses(pauses)]))
}

fn pause(event: &str) -> Pause {
    let (author, reason) = ("ann".to_owned(), "wrong prices".to_owned());
    Pause { since: crate::now(), author, reason, receipt: EventKey::new(Writer::Manual, event).unwrap() }
}

async fn read<L: Ledger>(ledger: &L, number: u64) -> Pauses {
    let context = crate::context(number);
    let later = i64::try_from(number).unwrap().checked_mul(FORGOTTEN_SECONDS).unwrap();
    let context = CallContext { received_at: context.received_at.plus_seconds(later), ..context };
    ledger.pauses(&context).await.unwrap()
}
