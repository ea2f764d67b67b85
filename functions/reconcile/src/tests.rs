//! Sweeps that a schedule may name, and the log of drift. Whole runs are tested in `tests/`.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stripe::Config;
use testkit::{MemoryLedger, World, deadline, instant, mark, now};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

fn reconcile<L: Backlog + Clone>(ledger: L) -> Reconcile<L> {
    let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
    let stripe = Stripe { config: Config::read(set, "test").expect("a configuration") };
    let fulfil = Fulfil { ledger: ledger.clone(), operator: None, custodian: None };
    Reconcile {
        ledger,
        usage: Usage::default(),
        litellm: litellm::Litellm::default(),
        openrouter: openrouter::Openrouter::default(),
        stripe,
        wechat: None,
        epay: None,
        fireblocks: None,
        stripe_api: None,
        gateway: None,
        fulfil,
        keys: ReplayKeys::default(),
        missing_credentials: [].into(),
    }
}

fn invocation() -> Invocation {
    let deadline = deadline(Reconcile::<MemoryLedger>::DONE_WITHIN);
    Invocation { now: now(), started: instant(), deadline, attempt: mark(1) }
}

/// A misspelt schedule must fail, and not look like a sweep without work.
#[tokio::test]
async fn unknown_sweep_is_an_error() {
    let unknown = || Err(UnknownTask.to_string());
    for (event, expected) in [
        (r#"{"sweep":"refused"}"#, Ok(Report::Refused(ReplayReport::default()))),
        (r#"{"sweep":"stripe_backfill"}"#, Ok(Report::StripeBackfill(BackfillReport::default()))),
        (r#"{"sweep":"gateway_log"}"#, Ok(Report::GatewayLog(PullReport::default()))),
        (r#"{"sweep":"unpaid"}"#, Ok(Report::Unpaid(UnpaidReport::default()))),
        (r#"{"sweep":"unfulfilled"}"#, Ok(Report::Unfulfilled(Delivered::default()))),
        (r#"{"sweep":"pending_external"}"#, Ok(Report::PendingExternal(Delivered::default()))),
        (r#"{"sweep":"expiring"}"#, Ok(Report::Expiring(ExpiryReport::default()))),
        (r#"{"sweep":"holds"}"#, Ok(Report::Holds(HoldsReport::default()))),
        (r#"{"sweep":"audit"}"#, Ok(Report::Audit(AuditReport::default()))),
        (r#"{"sweep":"all"}"#, unknown()),
        (r#"{"sweep":"refused","more":1}"#, unknown()),
        ("{}", unknown()),
        ("\"refused\"", unknown()),
    ] {
        let report =
            reconcile(MemoryLedger::default()).work(event, &invocation()).await.map_err(|error| error.to_string());
        assert_eq!(report, expected, "{event}");
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log of drift names the account, both balances, and the time since when they differ.
#[tokio::test]
async fn third_equal_difference_is_logged_as_drift() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = edge::log_lines("local", move || writer.clone());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only subscriber");
    let world = World::new();
    let account = json!({ "id": { "S": "alice/credits" }, "balance_units": { "N": "5000000" }, "available_units": { "N": "5000000" } });
    let put = json!({ "TableName": "hookledger-local-accounts", "Item": account });
    world.engine.request("PutItem", &put).expect("credits from nowhere");
    let mut logged = Vec::new();
    for look in 0..3 {
        let run = Invocation { now: now().plus_seconds(look * 300), ..invocation() };
        reconcile(world.ledger(1)).work(r#"{"sweep":"audit"}"#, &run).await.expect("a run");
        let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        logged = lines.filter(|line| line.get("difference_kind").is_some() || line["alarm"] == "drift").collect();
        assert_eq!(logged.len(), if look < 2 { 0 } else { 2 }, "look {look}");
    }
    let names = ["level", "difference_kind", "account", "recorded", "found", "difference", "since", "equal_checks"];
    let found = names.map(|name| logged[0][name].clone()).to_vec();
    let expected =
        json!(["ERROR", "balance", "alice/credits", "5000000", "0", "-5000000", "2026-01-01T00:00:00.000Z", 3]);
    assert_eq!(Value::from(found), expected, "{logged:?}");
    let alarm = ["source", "alarm", "subject", "alarms"].map(|name| logged[1][name].clone()).to_vec();
    assert_eq!(Value::from(alarm), json!(["reconcile", "drift", "alice/credits", 1]));
}
