//! The lines of the contract about exchange rates.

use ledger::{CallContext, CurrencyPair, Decision, Effect, EventKey, Ledger, Rate, Rates, Source, Timestamp};

use super::event::record;

/// Between two lines, more than a process may remember the rates.
const FORGOTTEN_SECONDS: i64 = 61;

/// `rates PAIR SECONDS`: the rate in force so many seconds later, and the version of the row.
pub(super) async fn result_of<L: Ledger>(ledger: &L, words: &[&str], number: u64) -> Option<String> {
    let ["rates", pair, seconds] = words else { return None };
    let rates = read(ledger, pair, number).await;
    let rate = rates.in_force(after(seconds)).map_or("none".to_owned(), ToString::to_string);
    Some(format!("{rate} v{}", rates.version))
}

/// `rate EVENT PAIR RATE SECONDS VERSION`, and `revoke-rate EVENT PAIR SECONDS VERSION`: a change over this version.
pub(super) async fn decision<L: Ledger>(ledger: &L, words: &[&str], number: u64) -> Option<Decision> {
    let (event, rates, version) = match words {
        ["rate", event, pair, rate, seconds, version] => {
            let read = read(ledger, pair, number).await;
            let (rate, receipt) = (Rate::parse(rate).unwrap(), EventKey::new(Source::Usage, event).unwrap());
            // A repeat finds its own rate, and its receipt decides.
            (event, read.set(rate, after(seconds), crate::now(), receipt).unwrap_or(read), version)
        }
        ["revoke-rate", event, pair, seconds, version] => {
            let read = read(ledger, pair, number).await;
            (event, read.revoke(after(seconds), crate::now()).unwrap_or(read), version)
        }
        _ => return None,
    };
    let version: u64 = version.trim_start_matches('v').parse().unwrap();
    let rates = Rates { version: version.checked_add(1).unwrap(), ..rates };
    Some(record(event, words.get(2..).unwrap(), vec![Effect::Rates(rates)]))
}

async fn read<L: Ledger>(ledger: &L, pair: &str, number: u64) -> Rates {
    let context = crate::context(number);
    let later = i64::try_from(number).unwrap().checked_mul(FORGOTTEN_SECONDS).unwrap();
    let context = CallContext { received_at: context.received_at.plus_seconds(later), ..context };
    ledger.rates(CurrencyPair::parse(pair).unwrap(), &context).await.unwrap()
}

fn after(seconds: &str) -> Timestamp {
    crate::now().plus_seconds(seconds.parse().unwrap())
}
