//! What a schedule may ask for. What comes of a run is tested in `tests/`, over whole sources.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stripe::Config;
use testkit::{MemoryLedger, World, deadline, instant, mark, now};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

fn reconcile<L: Backlog>(ledger: L) -> Reconcile<Arc<L>> {
    let set = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
    let stripe = Stripe { config: Config::read(set, "test").expect("a configuration") };
    let ledger = Arc::new(ledger);
    let fulfil = Fulfil { ledger: Arc::clone(&ledger), operator: None, custodian: None };
    Reconcile {
        ledger,
        usage: Usage,
        stripe,
        wechat: None,
        epay: None,
        fireblocks: None,
        stripe_api: None,
        fulfil,
        keys: ReplayKeys::default(),
        missing_credentials: [].into(),
    }
}

fn invocation() -> Invocation {
    let deadline = deadline(Reconcile::<Arc<MemoryLedger>>::DONE_WITHIN);
    Invocation { now: now(), started: instant(), deadline, attempt: mark(1) }
}

/// A schedule that is misspelt must not look like one that has nothing to do.
#[tokio::test]
async fn only_what_is_known_is_run() {
    let unknown = || Err(UnknownTask.to_string());
    for (event, expected) in [
        (r#"{"sweep":"refused"}"#, Ok(Report::Refused(ReplayReport::default()))),
        (r#"{"sweep":"stripe_backfill"}"#, Ok(Report::StripeBackfill(BackfillReport::default()))),
        (r#"{"sweep":"unpaid"}"#, Ok(Report::Unpaid(Asked::default()))),
        (r#"{"sweep":"unfulfilled"}"#, Ok(Report::Unfulfilled(Delivered::default()))),
        (r#"{"sweep":"pending_external"}"#, Ok(Report::PendingExternal(Delivered::default()))),
        (r#"{"sweep":"audit"}"#, Ok(Report::Audit(AuditReport::default()))),
        (r#"{"sweep":"all"}"#, unknown()),
        (r#"{"sweep":"refused","more":1}"#, unknown()),
        ("{}", unknown()),
        ("\"refused\"", unknown()),
    ] {
        let told =
            reconcile(MemoryLedger::default()).work(event, &invocation()).await.map_err(|error| error.to_string());
        assert_eq!(told, expected, "{event}");
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

/// What is said of books that disagree, once it is drift: which account, what it says, what its lines come to, and since when.
#[tokio::test]
async fn drift_is_said_with_its_numbers() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = edge::log_lines("local", move || writer.clone());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only subscriber");
    let world = World::new();
    let account = json!({ "id": { "S": "alice/credits" }, "balance_units": { "N": "5000000" }, "available_units": { "N": "5000000" } });
    let put = json!({ "TableName": "hookledger-local-accounts", "Item": account });
    world.engine.request("PutItem", &put).expect("credits from nowhere");
    let mut said = Vec::new();
    for look in 0..3 {
        let run = Invocation { now: now().plus_seconds(look * 300), ..invocation() };
        reconcile(world.ledger(1)).work(r#"{"sweep":"audit"}"#, &run).await.expect("a run");
        let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        said = lines.filter(|line| line.get("difference_kind").is_some() || line["alarm"] == "drift").collect();
        assert_eq!(said.len(), if look < 2 { 0 } else { 2 }, "look {look}");
    }
    let names = ["level", "difference_kind", "account", "recorded", "found", "difference", "since", "equal_checks"];
    let told = names.map(|name| said[0][name].clone()).to_vec();
    let expected =
        json!(["ERROR", "balance", "alice/credits", "5000000", "0", "-5000000", "2026-01-01T00:00:00.000Z", 3]);
    assert_eq!(Value::from(told), expected, "{said:?}");
    let alarm = ["source", "alarm", "subject", "alarms"].map(|name| said[1][name].clone()).to_vec();
    assert_eq!(Value::from(alarm), json!(["reconcile", "drift", "alice/credits", 1]));
}
