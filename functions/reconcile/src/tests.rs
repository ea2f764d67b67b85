//! What a schedule may ask for. What comes of a run is tested in `tests/`, over whole sources.

use std::sync::Arc;
use std::time::Instant;

use stripe::Config;
use testkit::{MemoryLedger, deadline, mark, now};

use super::*;

fn reconcile() -> Reconcile<Arc<MemoryLedger>> {
    let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
    let stripe = Stripe { config: Config::read(set).expect("a configuration") };
    let ledger = Arc::new(MemoryLedger::default());
    let fulfil = Fulfil { ledger: Arc::clone(&ledger), operator: None, custodian: None };
    Reconcile { ledger, usage: Usage, stripe, wechat: None, epay: None, fireblocks: None, stripe_api: None, fulfil }
}

#[expect(clippy::disallowed_methods, reason = "only for the duration in the log")]
fn moment() -> Moment {
    let deadline = deadline(Reconcile::<Arc<MemoryLedger>>::DONE_WITHIN);
    Moment { now: now(), started: Instant::now(), deadline, attempt: mark(1) }
}

/// A schedule that is misspelt must not look like one that has nothing to do.
#[tokio::test]
async fn only_what_is_known_is_run() {
    let unknown = || Err(UnknownTask.to_string());
    for (event, expected) in [
        (r#"{"sweep":"refused"}"#, Ok(Report::Refused(Tried::default()))),
        (r#"{"sweep":"undelivered"}"#, Ok(Report::Undelivered(Listed::default()))),
        (r#"{"sweep":"unpaid"}"#, Ok(Report::Unpaid(Asked::default()))),
        (r#"{"sweep":"unfulfilled"}"#, Ok(Report::Unfulfilled(Delivered::default()))),
        (r#"{"sweep":"outside"}"#, Ok(Report::Outside(Delivered::default()))),
        (r#"{"sweep":"conservation"}"#, Ok(Report::Conservation(Checked::default()))),
        (r#"{"sweep":"all"}"#, unknown()),
        (r#"{"sweep":"refused","more":1}"#, unknown()),
        ("{}", unknown()),
        ("\"refused\"", unknown()),
    ] {
        let told = reconcile().work(event, &moment()).await.map_err(|error| error.to_string());
        assert_eq!(told, expected, "{event}");
    }
}
