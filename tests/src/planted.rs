//! Planted rows in every table, as a taken-over role could write them: neither the sweeps nor the stream book anything
//! because of one. `policies` evaluates which rows IAM lets a role write.

mod booked;
mod without_money;

use std::collections::BTreeSet;

use edge::Worker as _;
use embedded::{DATA_YAML, Template};
use ledger::Grant;
use reconcile::Reconcile;
use serde_json::{Value, json};
use testkit::{FireblocksNet, STAGE, StripeNet, UnitelNet, World, now};

use self::booked::Booked;
use crate::fulfil::{ORDER, PHONE, airtime, order, planted::plant as mark_as_paid, tokens, word, work, worker};
use crate::log_capture::{captured_lines, start_capture};
use crate::policies::evaluated::writers;
use crate::sandbox::{amount, open_account};
use crate::stripe::{self as of_stripe, made, run_at};
use crate::suite::replay::{deliver, item, kept, put};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The defence that stops a planted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defence {
    /// The row is in no queue, or has no effect alone.
    Nothing,
    /// The row is found, and this alarm is raised.
    Alarm(&'static str),
    /// Only these roles can write the row; they may book the same with a genuine event.
    Roles(&'static [&'static str]),
}

struct Planted {
    table: &'static str,
    name: &'static str,
    /// The key that IAM policies match.
    key: &'static str,
    plant: fn(&World, &Donor),
    stopped_by: Defence,
}

/// Genuine rows of other books: a usage event that was refused and kept, before its owner had an account.
struct Donor {
    id: String,
    /// The event's row, and the row of its lane.
    journal: Vec<Value>,
    body: Value,
}

impl Donor {
    async fn new() -> Self {
        let world = World::new();
        let id = deliver::<usage::Usage>(&world, &kept::<usage::Usage>("an event"), 0).await;
        let scan = json!({ "TableName": "hookledger-local-journal", "ConsistentRead": true });
        let rows = world.engine.request("Scan", &scan).expect("rows")["Items"].clone();
        let body = item(&world, "bodies", &id);
        Self { id, journal: rows.as_array().expect("rows").clone(), body }
    }

    fn put_refused(&self, world: &World) {
        self.journal.iter().for_each(|row| put(world, "journal", row));
    }

    fn lane(&self) -> &Value {
        let is_lane = |row: &&Value| row["id"]["S"].as_str().is_some_and(|id| id.starts_with("lane#"));
        self.journal.iter().find(is_lane).expect("a lane")
    }

    fn unsigned_body(&self) -> Value {
        let mut body = self.body.clone();
        body["headers"] = json!({ "M": {} });
        body
    }
}

/// Alice has ten credits, a key, and an unpaid order with every kind of grant.
async fn books() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let grants = vec![Grant::Credits(amount("100")), tokens(true), Grant::Report(word("full")), airtime(PHONE)];
    made(&world, order(grants)).await;
    world
}

fn text(text: &str) -> Value {
    json!({ "S": text })
}

fn write_row(table: &'static str, world: &World, key: &str, fields: &Value) {
    let mut row = json!({ "id": text(key), "v": { "N": "1" }, "version": { "N": "1" }, "written_by": text("another") });
    for (name, value) in fields.as_object().expect("fields") {
        row[name] = value.clone();
    }
    put(world, table, &row);
}

#[expect(clippy::too_many_lines, reason = "one row for each kind of row")]
fn rows() -> Vec<Planted> {
    let mut rows = vec![
        Planted {
            table: "journal",
            name: "a payment row of an unpaid order",
            key: "payment#stripe#pi_1",
            plant: |world, _| {
                let fields = json!({
                    "status": text("processed"), "order": text(ORDER), "paid_units": { "N": "1999" },
                    "paid_currency": text("USD"), "processed_at": text(&now().to_string()),
                });
                write_row("journal", world, "payment#stripe#pi_1", &fields);
            },
            stopped_by: Defence::Nothing,
        },
        Planted {
            table: "journal",
            name: "an entry of an account",
            key: "usage#planted",
            plant: |world, _| {
                let fields = json!({
                    "status": text("processed"), "account": text("alice/credits"), "amount_units": { "N": "5" },
                    "processed_at": text(&now().to_string()), "kind": text("usage"),
                });
                write_row("journal", world, "usage#planted", &fields);
            },
            stopped_by: Defence::Alarm("drift"),
        },
        Planted {
            table: "journal",
            name: "a refused event without a kept body",
            key: "usage#e1",
            plant: |world, donor| donor.put_refused(world),
            stopped_by: Defence::Alarm("cannot_be_tried_again"),
        },
        Planted {
            table: "journal",
            name: "a lane without an event",
            key: "lane#usage#owner#alice",
            plant: |world, donor| put(world, "journal", donor.lane()),
            stopped_by: Defence::Nothing,
        },
        Planted {
            table: "bodies",
            name: "a delivery without a signature, with its refused event",
            key: "usage#e1",
            plant: |world, donor| {
                donor.put_refused(world);
                put(world, "bodies", &donor.unsigned_body());
            },
            stopped_by: Defence::Alarm("replay_unverified"),
        },
        Planted {
            table: "accounts",
            name: "a balance without entries",
            key: "mallory/credits",
            plant: |world, _| {
                let fields = json!({ "balance_units": { "N": "9000" }, "available_units": { "N": "9000" } });
                write_row("accounts", world, "mallory/credits", &fields);
            },
            stopped_by: Defence::Alarm("drift"),
        },
        Planted {
            table: "accounts",
            name: "a larger balance",
            key: "alice/credits",
            plant: |world, _| {
                let mut row = item(world, "accounts", "alice/credits");
                for name in ["balance_units", "available_units"] {
                    row[name] = json!({ "N": "99000000000" });
                }
                put(world, "accounts", &row);
            },
            stopped_by: Defence::Alarm("drift"),
        },
        Planted {
            table: "accounts",
            name: "an API key bound to another owner",
            key: "key#api#0",
            plant: |world, _| write_row("accounts", world, "key#api#0", &json!({ "owner": text("alice") })),
            stopped_by: Defence::Roles(&["console", "credits"]),
        },
        Planted {
            table: "accounts",
            name: "a gateway's key bound to another owner",
            key: "key#remote#k9",
            plant: |world, _| write_row("accounts", world, "key#remote#k9", &json!({ "owner": text("alice") })),
            stopped_by: Defence::Roles(&["console", "credits"]),
        },
        Planted {
            table: "accounts",
            name: "a referrer",
            key: "referrer#alice",
            plant: |world, _| write_row("accounts", world, "referrer#alice", &json!({ "owner": text("mallory") })),
            stopped_by: Defence::Roles(&[]),
        },
        Planted {
            table: "accounts",
            name: "an exchange rate",
            key: "rate#MNT/CNY",
            plant: |world, _| write_row("accounts", world, "rate#MNT/CNY", &json!({ "rates": { "M": {} } })),
            stopped_by: Defence::Roles(&[]),
        },
        Planted {
            table: "accounts",
            name: "a redeem code",
            key: "code#0",
            plant: |world, _| {
                let fields = json!({ "uses": { "N": "9" }, "uses_left": { "N": "9" }, "campaign": text("spring") });
                write_row("accounts", world, "code#0", &fields);
            },
            stopped_by: Defence::Roles(&["console", "credits"]),
        },
        Planted {
            table: "accounts",
            name: "a campaign without codes",
            key: "campaign#0",
            plant: |world, _| write_row("accounts", world, "campaign#0", &json!({ "campaign": text("#campaigns") })),
            stopped_by: Defence::Roles(&["credits"]),
        },
        Planted {
            table: "accounts",
            name: "what a key has spent",
            key: "budget#key#remote#k1",
            plant: |world, _| {
                let fields = json!({
                    "day": text("2026-01-01"), "day_units": { "N": "0" }, "month": text("2026-01"),
                    "month_units": { "N": "0" }, "total_units": { "N": "0" },
                });
                write_row("accounts", world, "budget#key#remote#k1", &fields);
            },
            stopped_by: Defence::Roles(&["credits", "chat", "usage", "litellm", "openrouter", "reconcile"]),
        },
        Planted {
            table: "accounts",
            name: "the members of an owner",
            key: "members#alice",
            plant: |world, _| {
                write_row("accounts", world, "members#alice", &json!({ "drawn_by": { "SS": ["key#remote#k1"] } }));
            },
            stopped_by: Defence::Alarm("drift"),
        },
        Planted {
            table: "accounts",
            name: "the wrong codes of an owner",
            key: "wrong_codes#alice",
            plant: |world, _| {
                write_row("accounts", world, "wrong_codes#alice", &json!({ "wrong_codes": { "N": "99" } }));
            },
            stopped_by: Defence::Roles(&["credits"]),
        },
        Planted {
            table: "accounts",
            name: "a service key",
            key: "service_key#0",
            plant: |world, _| write_row("accounts", world, "service_key#0", &json!({ "scopes": text("admin") })),
            stopped_by: Defence::Roles(&["console", "credits"]),
        },
        Planted {
            table: "accounts",
            name: "a JWKS cache",
            key: "jwks#fireblocks",
            plant: |world, _| {
                let fields = json!({ "body": text("{\"keys\":[]}"), "updated_at": text(&now().to_string()) });
                write_row("accounts", world, "jwks#fireblocks", &fields);
            },
            stopped_by: Defence::Roles(&["fireblocks", "reconcile"]),
        },
        Planted {
            table: "orders",
            name: "an order marked as paid",
            key: ORDER,
            plant: |world, _| mark_as_paid(world),
            stopped_by: Defence::Alarm("payment_unproven"),
        },
        Planted {
            table: "orders",
            name: "a pointer from a payment to an order",
            key: "stripe#pi_1",
            plant: |world, _| write_row("orders", world, "stripe#pi_1", &json!({ "order": text(ORDER) })),
            stopped_by: Defence::Nothing,
        },
        Planted {
            table: "holds",
            name: "a hold that no one opened, and that charges",
            key: "planted",
            plant: |world, _| {
                let units = json!({ "N": "5000000000" });
                let fields = json!({
                    "status": text("open"), "open_holds": text("open#0"), "account": text("alice/credits"),
                    "amount_units": units, "charge_units": units, "use_key": text("usage#hold.planted"),
                    "opened_at": text(&now().to_string()), "expires_at": text(&now().to_string()),
                });
                write_row("holds", world, "planted", &fields);
            },
            stopped_by: Defence::Alarm("passed_over"),
        },
        Planted {
            table: "subscriptions",
            name: "an active subscription",
            key: "stripe#sub_1",
            plant: |world, _| {
                let fields = json!({
                    "owner": text("alice"), "order": text(ORDER), "status": text("active"),
                    "as_of": text(&now().to_string()), "plan": text("pro"),
                    "period_end": text(&now().plus_seconds(30 * DAY).to_string()),
                    "plan_as_of": text(&now().to_string()), "updated_at": text(&now().to_string()),
                });
                write_row("subscriptions", world, "stripe#sub_1", &fields);
            },
            stopped_by: Defence::Roles(&["reconcile", "stripe"]),
        },
    ];
    rows.extend(without_money::rows());
    rows
}

/// Runs the stream record of the order, and every sweep for half an hour and a day later. Returns the alarms.
async fn run_everything(world: &World) -> BTreeSet<String> {
    let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
    let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
    start_capture();
    let fulfil = worker(world.ledger(1), Some((&unitel, &[])), Some(&fireblocks)).await;
    work(&fulfil, &crate::fulfil::run_at(1, 1)).await;
    for minutes in [1, 6, 11, 16, 21, 26, 31, 24 * 60 + 31] {
        let ledger = world.ledger(2);
        let fulfil = worker(ledger.clone(), Some((&unitel, &[])), Some(&fireblocks)).await;
        let stripe_api = Some(crate::reconcile::unpaid::api(&net).await);
        let reconcile = Reconcile { ledger, fulfil, stripe_api, ..of_stripe::reconcile(world.ledger(2), &[]) };
        for sweep in ledger::Sweep::ALL {
            let run = run_at(900 + u64::try_from(minutes).expect("small"), minutes * MINUTE);
            reconcile.work(&sweep.input(), &run).await.expect("a run");
        }
    }
    assert_eq!(unitel.top_ups(ORDER).calls, 0, "nothing is topped up");
    assert!(fireblocks.transfers().is_empty(), "nothing is sent");
    captured_lines().iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn planted_row_books_nothing() {
    let donor = Donor::new().await;
    for Planted { table, name, plant, stopped_by, .. } in rows() {
        let world = books().await;
        plant(&world, &donor);
        let before = Booked::of(&world.books());
        let alarms = run_everything(&world).await;
        assert_eq!(Booked::of(&world.books()), before, "{table}: {name}");
        let expected = match stopped_by {
            Defence::Alarm(alarm) => BTreeSet::from([alarm.to_owned()]),
            Defence::Nothing | Defence::Roles(_) => BTreeSet::new(),
        };
        assert_eq!(alarms, expected, "{table}: {name}");
    }
}

/// The same rows are booked as the event left them, so that the tests above do not pass because nothing runs.
#[tokio::test(start_paused = true)]
async fn genuine_rows_are_booked() {
    let (world, donor) = (books().await, Donor::new().await);
    donor.put_refused(&world);
    put(&world, "bodies", &donor.body);
    let before = Booked::of(&world.books());
    assert_eq!(run_everything(&world).await, BTreeSet::new());
    let after = Booked::of(&world.books());
    assert_eq!(after.lines.difference(&before.lines).collect::<Vec<_>>(), [&donor.id]);
}

#[test]
fn every_table_has_a_planted_row() {
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let begins = format!("hookledger-{STAGE}-");
    let tables: BTreeSet<&str> =
        data.tables().iter().map(|table| table.name.strip_prefix(&begins).expect("a table of this stage")).collect();
    assert_eq!(rows().iter().map(|row| row.table).collect::<BTreeSet<_>>(), tables);
}

/// No other role can write a row that IAM alone protects.
#[test]
fn only_the_named_roles_can_plant_a_row() {
    for Planted { table, name, key, stopped_by, .. } in rows() {
        let found = writers(table, key);
        if let Defence::Roles(roles) = stopped_by {
            assert_eq!(found, roles.iter().map(|role| (*role).to_owned()).collect(), "{table}: {name}");
        } else {
            assert!(!found.is_empty(), "{table}: {name}: a row that no role can write shows nothing");
        }
    }
}
