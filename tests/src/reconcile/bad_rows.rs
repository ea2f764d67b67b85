//! A row that cannot be handled, in every sweep: it is reported once per attempt, is retried with growing backoff, and
//! blocks no other row.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ledger::Grant;
use reconcile::{Delivered, Reconcile, UnpaidReport};
use serde_json::Value;
use testkit::{StripeNet, UnitelNet};

use super::unpaid::{NUMBER, Shop, UNPAID, api};
use super::*;
use crate::fulfil;

const UNFULFILLED: &str = r#"{"sweep":"unfulfilled"}"#;
const AUDIT: &str = r#"{"sweep":"audit"}"#;
const PENDING_EXTERNAL: &str = r#"{"sweep":"pending_external"}"#;
const CHECK: &[(&str, &str)] = &[("UNITEL_CHECK_PATH", "/service/check_transaction_result")];
/// More than two pages of refused events, and of orders.
const EVENTS: usize = 201;
const ORDERS: usize = 81;
/// The queue of orders that wait for an external party.
const PENDING_ORDERS: (&str, &str) = ("work", "pending_external");

/// A world with one row that can be handled, and the fakes that the sweep queries.
struct Stage {
    world: World,
    stripe: Option<StripeNet>,
    unitel: UnitelNet,
}

impl Stage {
    async fn run(&self, sweep: &str, minute: i64) -> Report {
        let at = testkit::now().plus_seconds(minute * MINUTE);
        self.unitel.set_now(at);
        let stripe_api = match &self.stripe {
            None => None,
            Some(net) => {
                net.set_now(at);
                Some(api(net).await)
            }
        };
        let ledger = self.world.ledger(0);
        let worker = fulfil::worker(ledger.clone(), Some((&self.unitel, CHECK)), None).await;
        let reconcile =
            Reconcile { ledger, stripe_api, fulfil: worker, ..of_stripe::reconcile(self.world.ledger(0), &[]) };
        let attempt = 3_000 + u64::try_from(minute).expect("later");
        reconcile.work(sweep, &run_at(attempt, minute * MINUTE)).await.expect("a run")
    }

    fn put(&self, table: &str, item: &Value) {
        let put = json!({ "TableName": format!("hookledger-local-{table}"), "Item": item });
        self.world.engine.request("PutItem", &put).expect("written");
    }

    fn remove_attribute(&self, table: &str, id: &str, attribute: &str) {
        let change = json!({
            "TableName": format!("hookledger-local-{table}"),
            "Key": { "id": { "S": id } },
            "UpdateExpression": format!("REMOVE {attribute}"),
        });
        self.world.engine.request("UpdateItem", &change).expect("written");
    }

    /// Rows that are due and have no other attribute.
    fn put_bare_rows(&self, table: &str, index: (&str, &str), count: usize, name: impl Fn(usize) -> String) {
        let due_at = json!({ "S": testkit::now().to_string() });
        for n in 0..count {
            let mut item = json!({ "id": { "S": name(n) }, "due_at": due_at });
            item[index.0] = json!({ "S": index.1 });
            self.put(table, &item);
        }
    }

    /// Gives an account a balance that is no number, so that no posting on it can be committed.
    fn spoil_account(&self, account: &str) {
        let number = json!({ "N": "1000000000" });
        self.put(
            "accounts",
            &json!({ "id": { "S": account }, "balance_units": { "S": "much" }, "available_units": number }),
        );
    }
}

/// How many rows a run has handled as it handles a good one.
fn handled(report: Report) -> u32 {
    match report {
        Report::Refused(ReplayReport { resolved, .. }) => resolved,
        Report::Unpaid(UnpaidReport { paid, unpaid, .. }) => paid + unpaid,
        Report::Unfulfilled(Delivered { moved_on, .. }) => moved_on,
        Report::PendingExternal(Delivered { waiting, .. }) => waiting,
        Report::StripeBackfill(_)
        | Report::GatewayLog(_)
        | Report::Expiring(_)
        | Report::Holds(_)
        | Report::Audit(_)
        | Report::Changes(_)
        | Report::Paused => {
            panic!("{report:?}")
        }
    }
}

struct Row {
    name: &'static str,
    sweep: &'static str,
    stage: fn() -> BoxFuture<'static, Stage>,
    /// Creates the bad rows.
    spoil: fn(&Stage),
    /// The id of one of them.
    bad: &'static str,
    /// The minute of the run that handles the good row.
    handled_at: i64,
}

async fn of_refused() -> Stage {
    let world = World::new();
    deliver_sample(&world, "payment_intent_succeeded").await;
    deliver_sample(&world, "charge_succeeded").await;
    spend(&world, "e1", "k1", "1").await;
    orders_of_samples(&world).await;
    open_account(&world, "alice", "k2", "1").await;
    Stage { world, stripe: None, unitel: UnitelNet::default() }
}

async fn of_usage() -> Stage {
    let world = World::new();
    spend(&world, "bad", "k1", "1").await;
    spend(&world, "good", "k2", "1").await;
    open_account(&world, "mallory", "k1", "1").await;
    open_account(&world, "alice", "k2", "1").await;
    Stage { world, stripe: None, unitel: UnitelNet::default() }
}

async fn of_unpaid() -> Stage {
    let Shop { world, net, session } = Shop::new().await;
    net.pay(&session);
    Stage { world, stripe: Some(net), unitel: UnitelNet::default() }
}

/// Two orders: one is paid, and Stripe has no payment for the other.
async fn of_two_unpaid() -> Stage {
    let stage = of_unpaid().await;
    of_stripe::made(&stage.world, of_stripe::order("HLgood")).await;
    stage
}

async fn of_unfulfilled() -> Stage {
    let world = fulfil::paid(vec![fulfil::tokens(false)]).await;
    fulfil::swept::paid_at(&world, "HLgood", vec![Grant::Report(fulfil::word("full"))], 0).await;
    Stage { world, stripe: None, unitel: UnitelNet::default() }
}

async fn of_pending_external() -> Stage {
    let world = fulfil::paid(vec![fulfil::airtime("88000003")]).await;
    let unitel = UnitelNet::default();
    let worker = fulfil::worker(world.ledger(1), Some((&unitel, CHECK)), None).await;
    assert!(fulfil::work(&worker, &fulfil::run_at(1, 0)).await, "the operator is called");
    Stage { world, stripe: None, unitel }
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "refused events without a time",
            sweep: REFUSED,
            stage: || of_refused().boxed(),
            spoil: |stage| {
                stage.put_bare_rows("journal", ("attention", "stripe"), EVENTS, |n| format!("stripe#evt_bad{n:03}"));
            },
            bad: "stripe#evt_bad000",
            handled_at: 7,
        },
        Row {
            name: "a kept body that cannot be read",
            sweep: REFUSED,
            stage: || of_refused().boxed(),
            spoil: |stage| stage.remove_attribute("bodies", "stripe#evt_charge_succeeded", "body"),
            bad: "stripe#evt_charge_succeeded",
            handled_at: 5,
        },
        Row {
            name: "a refused event whose order cannot be read",
            sweep: REFUSED,
            stage: || of_usage().boxed(),
            spoil: |stage| stage.spoil_account("mallory/credits"),
            bad: "usage#bad",
            handled_at: 5,
        },
        Row {
            name: "unpaid orders that cannot be read",
            sweep: UNPAID,
            stage: || of_unpaid().boxed(),
            spoil: |stage| {
                stage.put_bare_rows("orders", ("work", "payment#stripe"), ORDERS, |n| format!("HLbad{n:03}"));
            },
            bad: "HLbad000",
            handled_at: 5,
        },
        Row {
            name: "unpaid rows that are no orders",
            sweep: UNPAID,
            stage: || of_unpaid().boxed(),
            spoil: |stage| {
                stage.put_bare_rows("orders", ("work", "payment#stripe"), ORDERS, |n| format!("no order {n:03}"));
            },
            bad: "no order 000",
            handled_at: 5,
        },
        Row {
            name: "an unpaid order whose payment cannot be committed",
            sweep: UNPAID,
            stage: || of_two_unpaid().boxed(),
            spoil: |stage| stage.spoil_account("alice/credits"),
            bad: NUMBER,
            handled_at: 5,
        },
        Row {
            name: "paid orders that cannot be read",
            sweep: UNFULFILLED,
            stage: || of_unfulfilled().boxed(),
            spoil: |stage| stage.put_bare_rows("orders", ("work", "fulfilment"), ORDERS, |n| format!("HLbad{n:03}")),
            bad: "HLbad000",
            handled_at: 7,
        },
        Row {
            name: "paid rows that are no orders",
            sweep: UNFULFILLED,
            stage: || of_unfulfilled().boxed(),
            spoil: |stage| {
                stage.put_bare_rows("orders", ("work", "fulfilment"), ORDERS, |n| format!("no order {n:03}"));
            },
            bad: "no order 000",
            handled_at: 7,
        },
        Row {
            name: "a paid order whose grant cannot be committed",
            sweep: UNFULFILLED,
            stage: || of_unfulfilled().boxed(),
            spoil: |stage| stage.spoil_account("alice/POSX"),
            bad: fulfil::ORDER,
            handled_at: 5,
        },
        Row {
            name: "pending orders that cannot be read",
            sweep: PENDING_EXTERNAL,
            stage: || of_pending_external().boxed(),
            spoil: |stage| stage.put_bare_rows("orders", PENDING_ORDERS, ORDERS, |n| format!("HLbad{n:03}")),
            bad: "HLbad000",
            handled_at: 7,
        },
        Row {
            name: "pending rows that are no orders",
            sweep: PENDING_EXTERNAL,
            stage: || of_pending_external().boxed(),
            spoil: |stage| stage.put_bare_rows("orders", PENDING_ORDERS, ORDERS, |n| format!("no order {n:03}")),
            bad: "no order 000",
            handled_at: 7,
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn bad_row_is_reported_rescheduled_and_passed_over() {
    for Row { name, sweep, stage, spoil, bad, handled_at } in rows() {
        let stage = stage().await;
        spoil(&stage);
        let (mut reported, mut handled_first) = (Vec::new(), None);
        for minute in 5..=41 {
            start_capture();
            let report = stage.run(sweep, minute).await;
            if handled_first.is_none() && handled(report) > 0 {
                handled_first = Some(minute);
            }
            let alarms = captured_lines();
            let names_it = |line: &&Value| line["alarm"] == "passed_over" && line["subject"] == bad;
            reported.extend(alarms.iter().filter(names_it).map(|_| minute));
        }
        assert_eq!(handled_first, Some(handled_at), "{name}");
        let pauses: Vec<i64> = reported.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.len() >= 3, "{name}: it is retried: {reported:?}");
        assert!(pauses.is_sorted() && pauses[0] >= 5, "{name}: once per attempt, with growing pauses: {reported:?}");
    }
}

/// The audit's own progress is a row too.
#[tokio::test(start_paused = true)]
async fn unreadable_audit_progress_is_reported_and_replaced() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let stage = Stage { world, stripe: None, unitel: UnitelNet::default() };
    let open = json!({ "S": "much" });
    stage.put("accounts", &json!({ "id": { "S": "check#audit" }, "version": { "N": "7" }, "open": open }));
    let alarm = json!({ "N": "1" });
    stage.put("accounts", &json!({ "id": { "S": "bob/credits" }, "balance_units": alarm, "available_units": alarm }));
    let mut raised = Vec::new();
    for minute in (0..30).step_by(5) {
        start_capture();
        stage.run(AUDIT, minute).await;
        let lines = captured_lines();
        raised.extend(lines.iter().filter_map(|line| {
            Some((minute, line["alarm"].as_str()?.to_owned(), line["subject"].as_str()?.to_owned()))
        }));
    }
    let expected = [(0, "passed_over", "check#audit"), (15, "drift", "bob/credits")];
    let expected = expected.map(|(minute, alarm, of)| (minute, alarm.to_owned(), of.to_owned()));
    assert_eq!(raised.first_chunk(), Some(&expected), "{raised:?}");
}

/// After a rollback the audit waits for the release that wrote its progress. Refused usage waits too, since the findings
/// that hold it back cannot be read.
#[tokio::test(start_paused = true)]
async fn audit_progress_of_a_later_release_is_kept_and_usage_waits() {
    let world = World::new();
    open_account(&world, "alice", "k1", "0").await;
    spend(&world, "e1", "k1", "1").await;
    top_up(&world, "more", "alice", "5").await;
    let stage = Stage { world, stripe: None, unitel: UnitelNet::default() };
    let none = json!({ "L": [] });
    let census = json!({ "M": { "again": { "N": "0" }, "next": { "N": "0" } } });
    let row = |form: &str| {
        json!({ "id": { "S": "check#audit" }, "v": { "N": form }, "version": { "N": "7" }, "open": none,
            "unsettled": none, "census": census })
    };
    stage.put("accounts", &row("2"));
    for (minute, sweep) in [(5, AUDIT), (6, REFUSED), (10, AUDIT), (11, REFUSED)] {
        start_capture();
        stage.run(sweep, minute).await;
        let alarms: Vec<_> = captured_lines()
            .iter()
            .filter_map(|line| Some((line["alarm"].as_str()?.to_owned(), line["subject"].as_str()?.to_owned())))
            .collect();
        assert_eq!(alarms, [("passed_over".to_owned(), "check#audit".to_owned())], "{sweep} in minute {minute}");
    }
    let read = json!({ "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "check#audit" } } });
    let stored = stage.world.engine.request("GetItem", &read).expect("an answer")["Item"].clone();
    assert_eq!((stored, stage.world.books().balance("alice/credits")), (row("2"), 5_000_000_000));
    stage.put("accounts", &row("1"));
    assert_eq!(handled(stage.run(REFUSED, 12).await), 1);
    assert_eq!(stage.world.books().balance("alice/credits"), 4_000_000_000);
}
