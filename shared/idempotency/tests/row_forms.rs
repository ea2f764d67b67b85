//! Each row names its format in `v`, and the current code reads rows of each released format.
//!
//! `row_forms/v1.jsonl` has rows of format 1, one per line: its kind, the row in DynamoDB's JSON, and the values that are
//! read from it. A released format never changes. A new format adds a file, and a new kind of row adds a line.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

#[path = "row_forms/budgets.rs"]
mod budgets;
#[path = "row_forms/credits.rs"]
mod credits;
#[path = "row_forms/days.rs"]
mod days;
#[path = "row_forms/holds.rs"]
mod holds;
#[path = "row_forms/lots.rs"]
mod lots;
#[path = "row_forms/operators.rs"]
mod operators;
#[path = "row_forms/other_kinds.rs"]
mod other_kinds;
#[path = "row_forms/row_kind.rs"]
mod row_kind;

use std::cell::RefCell;
use std::collections::BTreeSet;

use idempotency::DynamoLedger;
use ledger::{
    Amount, Asset, Audit as _, Backlog as _, BreakerName, Breakers as _, CallContext, CallCounts as _, CallRate,
    CallerKey, CommitError, Currency, DueRow, EventKey, Grant, JwksCache as _, JwksName, KeyId, Lanes as _,
    Ledger as _, Money, MoneyKey, OrderNumber, Owner, PaymentProof, Pointer, Provider, Reason, Reference, Referral,
    RowKeys, Sweep, Timestamp, TrialBalance,
};
use serde_json::{Value, json};
use testkit::{STAGE, World, context, contract, mark, now};

use row_kind::RowKind;

/// Rows of each format, the oldest first.
const FORMS: [&str; 1] = [include_str!("row_forms/v1.jsonl")];
const DAY_S: i64 = 86_400;

struct Fixture {
    kind: RowKind,
    row: Value,
    reads: Value,
}

fn fixtures(form: &str) -> Vec<Fixture> {
    let fixture = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let kind = RowKind::named(line["kind"].as_str().expect("a kind"));
        Fixture { kind, row: line["row"].take(), reads: line["reads"].take() }
    };
    form.lines().map(fixture).collect()
}

pub(crate) fn id(row: &Value) -> &str {
    row["id"]["S"].as_str().expect("an id")
}

/// All rows of a table.
fn rows(world: &World, table: &str) -> Vec<Value> {
    let table = format!("hookledger-{STAGE}-{table}");
    let found = world.engine.request("Scan", &json!({ "TableName": table })).expect("rows");
    assert!(found["LastEvaluatedKey"].is_null(), "one page");
    found["Items"].as_array().expect("rows").clone()
}

/// The current code writes rows of each kind, each names its format, and a fixture exists for it.
#[tokio::test(start_paused = true)]
async fn row_of_each_kind_names_its_form() {
    let worlds = RefCell::new(vec![other_kinds::world().await]);
    contract(async || {
        let world = World::new();
        worlds.borrow_mut().push(world.clone());
        (world.ledger(1).noting_use().minding_pauses(), async move || world.books())
    })
    .await;
    let mut written = BTreeSet::new();
    for world in worlds.borrow().iter() {
        for table in ["journal", "bodies", "accounts", "orders", "subscriptions", "holds", "calls", "operators"] {
            for row in rows(world, table) {
                let kind = RowKind::of(table, &row);
                let form = row["v"]["N"].as_str().and_then(|form| form.parse::<usize>().ok());
                written.insert((kind, form.unwrap_or_else(|| panic!("{kind:?} has no form: {row}"))));
            }
        }
    }
    assert_eq!(
        written.iter().map(|(kind, _)| *kind).collect::<BTreeSet<_>>(),
        RowKind::ALL.into(),
        "every kind is written"
    );
    for (kind, form) in written {
        let file = form
            .checked_sub(1)
            .and_then(|file| FORMS.get(file))
            .unwrap_or_else(|| panic!("no fixtures of form {form}"));
        assert!(fixtures(file).iter().any(|fixture| fixture.kind == kind), "{kind:?} of form {form} has no fixture");
    }
}

#[tokio::test(start_paused = true)]
async fn row_of_each_form_is_read() {
    for (form, file) in (1_u8..).zip(FORMS) {
        let world = World::new();
        for Fixture { kind, row, .. } in fixtures(file) {
            assert_eq!(row["v"]["N"], form.to_string(), "{kind:?}");
            world.engine.request("PutItem", &json!({ "TableName": kind.table(), "Item": row })).expect("written");
        }
        let ledger = world.ledger(1).minding_pauses();
        let mut differing = Vec::new();
        for Fixture { kind, row, reads } in fixtures(file) {
            let read =
                read(&ledger, kind, &row).await.unwrap_or_else(|error| panic!("{kind:?} of form {form}: {error:?}"));
            if read != reads {
                differing.push(format!("{kind:?} {} is read as {read}", id(&row)));
            }
        }
        assert!(differing.is_empty(), "form {form}:\n{}", differing.join("\n"));
    }
}

/// After a rollback, a row of a later release is refused rather than misread, until a release that can read it is back.
#[tokio::test(start_paused = true)]
async fn row_of_a_later_form_is_refused() {
    // Lines that the audit reads, and parts of a body, are missed instead. A list of campaigns reads an index of keys alone. A
    // sweep's cursor and lease, published keys, and
    // the calls of a minute are only worth a new beginning.
    let others =
        [RowKind::Booked, RowKind::BodyPart, RowKind::Campaign, RowKind::Sweep, RowKind::PublishedKeys, RowKind::Calls];
    for guarded_kind in RowKind::ALL.into_iter().filter(|kind| !others.contains(kind)) {
        let world = World::new();
        for Fixture { kind, mut row, .. } in fixtures(FORMS[0]) {
            if kind == guarded_kind {
                row["v"]["N"] = json!(FORMS.len().saturating_add(1).to_string());
            }
            world.engine.request("PutItem", &json!({ "TableName": kind.table(), "Item": row })).expect("written");
        }
        let later = fixtures(FORMS[0]).into_iter().find(|fixture| fixture.kind == guarded_kind).expect("a fixture");
        let error = read(&world.ledger(1).minding_pauses(), guarded_kind, &later.row).await.expect_err("a later form");
        assert!(matches!(error, CommitError::Refused(_)), "{guarded_kind:?}: {error:?}");
    }
}

/// The values that the ports read from a row.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of row")]
async fn read(ledger: &DynamoLedger, kind: RowKind, row: &Value) -> Result<Value, CommitError> {
    let (id, later) = (id(row), CallContext { received_at: now().plus_seconds(DAY_S), ..context(9) });
    let later = &later;
    let text = |name: &str| row[name]["S"].as_str().unwrap_or_else(|| panic!("{kind:?} has no {name}"));
    Ok(match kind {
        RowKind::Booked => {
            // A row without a posting is not an entry of an account.
            let lines = ledger.journal_lines(&[id], later).await?;
            lines.first().map_or(Value::Null, |line| {
                json!({
                    "account": line.account, "change": line.change.units().to_string(),
                    "order": line.order.as_ref().map(ToString::to_string), "at": line.at.map(|at| at.to_string()),
                    "reverses": line.reverses, "is_failed": line.is_failed,
                })
            })
        }
        RowKind::Refused | RowKind::Body | RowKind::BodyPart => {
            let receipt = EventKey::of_row(id.split_once("#body#").map_or(id, |(receipt, _)| receipt));
            let waiting = ledger.refused_event(&receipt, later).await?.expect("in the retry queue");
            let body = waiting.body.expect("a body");
            if kind == RowKind::Refused {
                json!({
                    "due_at": waiting.due_at.to_string(), "first_received_at": waiting.first_received_at.to_string(),
                    "order": waiting.order.map(|order| order.to_string()),
                })
            } else {
                json!({
                    "method": body.method, "path": body.path, "query": body.query, "headers": body.headers,
                    "bytes": String::from_utf8_lossy(&body.bytes), "bytes_at": body.bytes_at.to_string(),
                })
            }
        }
        RowKind::Payment => {
            let units = row["paid_units"]["N"].as_str().and_then(|units| units.parse().ok()).expect("units");
            let currency = Currency::parse(text("paid_currency")).expect("a currency");
            let proof = PaymentProof {
                key: MoneyKey::of_row(id),
                order: OrderNumber::new(text("order")).expect("a number"),
                money: Money { amount: Amount::from_units(units), currency },
            };
            json!({ "is_proven": ledger.is_proven(&proof, later).await? })
        }
        RowKind::Used => {
            let key = KeyId::of_row(id.trim_start_matches("used#")).expect("a key");
            let used = ledger.last_used(std::slice::from_ref(&key), later).await?;
            used.get(&key).map_or(Value::Null, |used| json!({ "day": used.day, "days": used.days }))
        }
        RowKind::Breaker => {
            let name = BreakerName::of_row(id.trim_start_matches("breaker#")).expect("a name");
            let breakers = ledger.breakers(std::slice::from_ref(&name), later).await?;
            let breaker = breakers.get(&name).expect("it is read");
            json!({ "failures": breaker.failures, "failed_at": breaker.failed_at.map(|at| at.to_string()) })
        }
        RowKind::Calls => {
            let (key, _) = id.trim_start_matches("calls#").rsplit_once('#').expect("a minute");
            let (key, calls) = (KeyId::of_row(key).expect("a key"), row["calls"]["N"].as_str().expect("calls"));
            let rate = CallRate::a_minute(calls.parse().expect("a number")).expect("a rate");
            json!({ "has_room": ledger.count_call(&key, rate, later).await? })
        }
        RowKind::Operator | RowKind::Session | RowKind::SignIn | RowKind::Attempts => {
            operators::read(ledger, kind, row, later).await?
        }
        RowKind::Lane => {
            let due = DueRow { id: id.to_owned(), due_at: text("due_at").to_owned() };
            let lane = ledger.lane(&due, later).await?.expect("it is due");
            json!({
                "lane": lane.lane.to_string(), "due_at": lane.due_at.to_string(), "refusals": lane.refusals,
                "refused_at": lane.refused_at.to_string(), "alarmed_at": lane.alarmed_at.map(|at| at.to_string()),
            })
        }
        RowKind::Account => {
            let (owner, asset) = id.split_once('/').expect("an account");
            let account = Owner::new(owner).expect("an owner").account(Asset::named(asset).expect("an asset"));
            let row = ledger.account(&account).await?.expect("a row");
            json!({
                "balance": row.balance.units().to_string(), "available": row.available.units().to_string(), "version": row.version,
                "policy": row.terms.policy.as_str(), "overdraft": row.terms.overdraft.units().to_string(),
            })
        }
        RowKind::Lots => lots::read(ledger, id, later).await?,
        RowKind::Hold => holds::read(ledger, id, later).await?,
        RowKind::Key => {
            let key = CallerKey::of_row(id).expect("a key");
            budgets::of_key(ledger, &key, later).await?
        }
        RowKind::Budget => budgets::spent(ledger, id, later).await?,
        RowKind::Members => budgets::members(ledger, id, later).await?,
        RowKind::Referrer => {
            let owner = Owner::new(id.trim_start_matches("referrer#")).expect("an owner");
            json!({ "owner": ledger.referrer(&owner, later).await?.map(|owner| owner.to_string()) })
        }
        RowKind::Rates
        | RowKind::Paused
        | RowKind::Code
        | RowKind::Campaign
        | RowKind::WrongCodes
        | RowKind::ServiceKey => credits::read(ledger, kind, id, later).await?,
        RowKind::PublishedKeys => {
            let copied = ledger.cached_jwks(JwksName("fireblocks"), later).await?.expect("a copy");
            json!({ "text": copied.text, "fetched_at": copied.fetched_at.to_string() })
        }
        RowKind::Check => {
            let check = ledger.check(later).await?;
            let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
            json!({
                "version": check.version, "began_at": time(check.began_at), "ended_at": time(check.ended_at), "after": check.after,
                "open": check.open.iter().map(|open| open.difference.account.clone()).collect::<Vec<_>>(),
                "unsettled": check.unsettled_accounts.iter().map(|unsettled_accounts| unsettled_accounts.account.clone()).collect::<Vec<_>>(),
                "counting": check.counting.map(|counting| counting.account),
                "last": check.census.last.map(|last| last.accounts), "missing_accounts": check.census.gone.map(|gone| gone.accounts),
                "next": check.census.next, "day": check.day.as_ref().map(TrialBalance::day),
            })
        }
        RowKind::Day => days::read(ledger, id, later).await?,
        RowKind::Sweep => {
            let sweep = if id == "sweep#unpaid" { Sweep::Unpaid } else { Sweep::StripeBackfill };
            let place = ledger.sweep_cursor(sweep, later).await?;
            let another = CallContext { attempt: mark(99), ..context(99) };
            json!({ "place": place, "is_free": ledger.acquire_sweep(sweep, now(), &another).await? })
        }
        RowKind::Order => {
            let order = ledger.order(&OrderNumber::new(id).expect("a number"), later).await?.expect("an order");
            let terms = &order.terms;
            json!({
                "owner": order.owner.to_string(), "version": order.version, "payment": order.payment.as_str(),
                "provider": terms.provider.as_str(), "price": terms.price.to_string(), "product": terms.product, "site": terms.site,
                "rate": terms.exchange.as_ref().map(|exchange| exchange.rate.clone()),
                "grants": terms.grants.iter().map(grant).collect::<Vec<_>>(),
                "commissions": terms.commissions.iter().map(|commission| commission.to.to_string()).collect::<Vec<_>>(),
                "referral": terms.referral.as_ref().map(|Referral { by, to_buyer, to_referrer }| {
                    format!("{by} {} {} {}", order.referral.as_str(), to_buyer.units(), to_referrer.units())
                }),
                "paid_by": order.paid.as_ref().map(|paid| paid.by.to_string()),
                "posted": order.posted.units().to_string(), "postings": order.postings, "fulfilment": order.fulfilment.as_str(),
                "reversals": order.claims.keys().collect::<Vec<_>>(),
                "refunds": order.claims.values().flat_map(|claims| claims.refunds.by_id.keys()).collect::<Vec<_>>(),
                "disputes": order.claims.values().flat_map(|claims| claims.disputes.0.keys()).collect::<Vec<_>>(),
                "first_invoice": order.first_invoice.as_ref().map(ToString::to_string),
                "periods": order.periods.keys().collect::<Vec<_>>(), "flagged_for": order.flagged_for().map(Reason::as_str),
                "delivered": order.delivered.keys().map(ToString::to_string).collect::<Vec<_>>(),
                "transfer": order.transfer.as_ref().map(|transfer| transfer.status.as_str()),
                "top_up_call": order.top_up_call.as_ref().map(|top_up_call| top_up_call.state.as_str()),
                "accepted": order.accepted.keys().collect::<Vec<_>>(),
                "session": order.session.as_ref().map(|session| session.id.clone()),
            })
        }
        RowKind::Pointer => {
            let (provider, name) = id.split_once('#').expect("a pointer");
            let reference = Reference::new(Provider::named(provider).expect("a provider"), name).expect("an id");
            let pointer = Pointer::Provider(reference);
            let keys = RowKeys { pointers: [pointer.clone()].into(), ..RowKeys::default() };
            let row = ledger.read_rows(&keys, later).await?.pointer(&pointer)?;
            let (order, invoice) = row.map_or((None, None), |row| (Some(row.order), row.invoice));
            json!({ "order": order.map(|order| order.to_string()), "invoice": invoice.map(|invoice| invoice.to_string()) })
        }
        RowKind::Places => {
            let owner = Owner::new(id.trim_start_matches("places#")).expect("an owner");
            let orders = ledger.orders_in_places(&owner, later).await?;
            json!({ "orders": orders.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        RowKind::Subscription => {
            let (provider, name) = id.split_once('#').expect("a subscription");
            let reference = Reference::new(Provider::named(provider).expect("a provider"), name).expect("an id");
            let rows = ledger.read_rows(&RowKeys::of_subscription(reference.clone()), later).await?;
            let subscription = rows.subscription(&reference)?.expect("a subscription");
            json!({
                "owner": subscription.owner.to_string(), "order": subscription.order.to_string(), "version": subscription.version,
                "status": subscription.standing.map(|standing| standing.status.as_str()),
                "period_end": subscription.plan.map(|plan| plan.period_end.to_string()),
            })
        }
    })
}

fn grant(grant: &Grant) -> &'static str {
    match grant {
        Grant::Credits(_) => "credits",
        Grant::CreditsEachPeriod(_) => "credits_each_period",
        Grant::Expiring { .. } => "expiring_credits",
        Grant::Token { .. } => "token",
        Grant::Report(_) => "report",
        Grant::TopUp(_) => "top_up",
    }
}
