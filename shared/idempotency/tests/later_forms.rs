//! After a rollback past the readers of a form, no write lands on a row of that form, and no decision is taken from it.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on must stop")]

use std::collections::BTreeSet;

use ledger::{
    AccountId, Amount, Asset, Audit as _, BoundKey, Budget, BudgetChange, BudgetCheck, BudgetCount, CallerKey,
    CodeChange, CodeHash, CommitError, CurrencyPair, Decision, Draws, Effect, Entry, EventKey, Fingerprint, Guard,
    House, JournalHeader, Ledger as _, Limits, MemberChange, MoneyKey, Movement, OrderNumber, Owner, Pauses, Pointer,
    Posting, Provider, Rates, Reason, Reference, Refusal, RowKeys, ServiceKeyChange, ServiceKeyHash, Source, Windows,
    Zone,
};
use serde_json::{Value, json};
use testkit::{STAGE, World, context};

const ROWS: &str = include_str!("row_forms/v1.jsonl");

fn name(table: &str) -> String {
    format!("hookledger-{STAGE}-{table}")
}

fn fixture(id: &str) -> Value {
    let mut rows = ROWS.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["row"].take());
    rows.find(|row| row["id"]["S"] == id).unwrap_or_else(|| panic!("no fixture {id}"))
}

fn put(world: &World, table: &str, row: &Value) {
    world.engine.request("PutItem", &json!({ "TableName": name(table), "Item": row })).expect("written");
}

fn stored(world: &World, table: &str, id: &str) -> Value {
    let read = json!({ "TableName": name(table), "Key": { "id": { "S": id } } });
    world.engine.request("GetItem", &read).expect("an answer")["Item"].clone()
}

/// Every row of the store, so that a refused write shows that nothing has changed.
fn rows(world: &World) -> Vec<Value> {
    let all = ["journal", "bodies", "accounts", "orders", "subscriptions", "holds"].into_iter().map(|table| {
        world.engine.request("Scan", &json!({ "TableName": name(table) })).expect("rows")["Items"].clone()
    });
    all.collect()
}

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

fn credits(name: &str) -> AccountId {
    owner(name).account(Asset::CREDITS)
}

fn header(receipt: &str) -> JournalHeader {
    let (source, id) = receipt.split_once('#').expect("a receipt");
    assert_eq!(source, "usage");
    JournalHeader {
        receipt: EventKey::new(Source::Usage, id).expect("an id"),
        writer: Source::Usage.into(),
        kind: "usage",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("receipt", receipt)]).into(),
        order: None,
    }
}

fn record(receipt: &str, effects: Vec<Effect>) -> Decision {
    Decision::Record(Entry { header: header(receipt), effects, keeps_body: false, alarm: None })
}

fn spend(key: &str, guard: Guard) -> Effect {
    let posting = Posting::from_customer(credits("alice"), House::Usage, Amount::from_units(1));
    Effect::Move(Movement { key: MoneyKey::of_row(key), posting, guard, reverses: None, lots: Vec::new() })
}

fn remote_key() -> CallerKey {
    CallerKey::of_row("key#remote#tok_2").expect("a key")
}

fn set_budget(owner: Owner) -> BudgetChange {
    let limits = Limits { day: Some(Amount::from_units(1)), ..Limits::default() };
    BudgetChange { key: remote_key(), owner, from: Ok(None), to: Budget::new(Zone::default(), limits) }
}

fn revoke(owner: Owner) -> Effect {
    Effect::Revoke { key: remote_key(), owner, draws: Draws::default() }
}

fn join(of: Owner) -> Effect {
    let bound = BoundKey::of(of);
    let change = MemberChange::join(&remote_key(), &bound, &owner("third"), None, context(1).received_at);
    Effect::Member(Box::new(change.expect("a change")))
}

fn count_in_budget() -> Effect {
    let windows = Windows { day: "2026-01-02".to_owned(), month: "2026-01".to_owned() };
    let key = CallerKey::of_row("key#remote#tok_9").expect("a key");
    let change = Amount::from_units(1).into();
    Effect::CountInBudget(BudgetCount { key, windows, change, check: BudgetCheck::Correct })
}

/// The row, its table, and a decision that would write it.
fn writes() -> Vec<(&'static str, &'static str, &'static str, Decision)> {
    let take = Effect::TakePlace {
        owner: owner("alice"),
        order: OrderNumber::new("N77").expect("a number"),
        replaces: None,
        places: 50,
    };
    let pauses = Pauses { version: 3, ..Pauses::default() };
    let rates = Rates { version: 4, ..Rates::none(CurrencyPair::parse("MNT/CNY").expect("a pair")) };
    let hash = CodeHash::new("00000000000000000000000000000001").expect("a hash");
    let bound = fixture("key#remote#tok_2")["owner"]["S"].as_str().expect("an owner").to_owned();
    let referred = fixture("referrer#alice")["owner"]["S"].as_str().map(owner);
    let refused = Refusal { header: header("usage#e1"), reason: Reason::Unparsed, effects: Vec::new() };
    vec![
        ("a debit", "accounts", "alice/credits", record("usage#n1", vec![spend("usage#n1", Guard::SufficientFunds)])),
        ("a clawback", "accounts", "alice/credits", record("usage#n1", vec![spend("usage#n1", Guard::Always)])),
        ("a repeat", "journal", "usage#e1", record("usage#e1", vec![])),
        ("a repeat that is refused", "journal", "usage#e1", Decision::Refuse(refused)),
        ("a retry", "journal", "usage#refused", record("usage#refused", vec![])),
        ("a money row", "journal", "reversal#N1#1", record("usage#n1", vec![spend("reversal#N1#1", Guard::Always)])),
        (
            "a key",
            "accounts",
            "key#remote#tok_2",
            record("usage#n1", vec![Effect::Bind { key: remote_key(), owner: owner(&bound) }]),
        ),
        ("a revoked key", "accounts", "key#remote#tok_2", record("usage#n1", vec![revoke(owner(&bound))])),
        (
            "a referrer",
            "accounts",
            "referrer#alice",
            record("usage#n1", vec![Effect::Refer { owner: owner("alice"), from: referred, to: None }]),
        ),
        (
            "the budget of a key",
            "accounts",
            "key#remote#tok_2",
            record("usage#n1", vec![Effect::SetBudget(set_budget(owner(&bound)))]),
        ),
        ("a key that joins a team", "accounts", "key#remote#tok_2", record("usage#n1", vec![join(owner(&bound))])),
        ("the members of an owner", "accounts", "members#alice", record("usage#n1", vec![join(owner("alice"))])),
        ("what a key has spent", "accounts", "budget#key#remote#tok_9", record("usage#n1", vec![count_in_budget()])),
        ("what is paused", "accounts", "paused#all", record("usage#n1", vec![Effect::Pauses(pauses)])),
        ("exchange rates", "accounts", "rate#MNT/CNY", record("usage#n1", vec![Effect::Rates(rates)])),
        (
            "a code",
            "accounts",
            "code#00000000000000000000000000000001",
            record("usage#n1", vec![Effect::Code(CodeChange::Redeem(hash))]),
        ),
        (
            "a service key",
            "accounts",
            "service_key#8d9001d32c6a703d95921a77115050f33dd823d3f1730bd35215dcbecad6dc20",
            record("usage#n1", vec![Effect::ServiceKey(ServiceKeyChange::Revoke(ServiceKeyHash::of("shop")))]),
        ),
        ("a place", "orders", "places#alice", record("usage#n1", vec![take])),
    ]
}

#[tokio::test(start_paused = true)]
async fn row_of_a_later_form_is_not_written_and_decides_nothing() {
    for (what, table, id, decision) in writes() {
        let world = World::new();
        put(&world, "accounts", &fixture("alice/credits"));
        let mut row = fixture(id);
        row["v"]["N"] = json!("2");
        put(&world, table, &row);
        let before = rows(&world);
        let error = world.ledger(1).commit(&decision, &context(1)).await.expect_err(what);
        let CommitError::Refused(why) = &error else { panic!("{what}: {error:?}") };
        assert!(why.to_string().contains("later form"), "{what}: {why}");
        assert_eq!(rows(&world), before, "{what}");

        // The same decision over the row of today's form is not refused for its form.
        put(&world, table, &fixture(id));
        let result = world.ledger(2).commit(&decision, &context(2)).await;
        assert!(!matches!(result, Err(CommitError::Refused(_))), "{what}: {result:?}");
    }
}

/// An event that was booked stays booked, whatever the form of the account.
#[tokio::test(start_paused = true)]
async fn repeat_is_answered_beside_an_account_of_a_later_form() {
    let world = World::new();
    put(&world, "accounts", &fixture("alice/credits"));
    let decision = record("usage#n1", vec![spend("usage#n1", Guard::Always)]);
    world.ledger(1).commit(&decision, &context(1)).await.expect("booked");
    let mut row = stored(&world, "accounts", "alice/credits");
    row["v"]["N"] = json!("2");
    put(&world, "accounts", &row);
    let repeat = world.ledger(2).commit(&decision, &context(2)).await;
    assert!(matches!(repeat, Ok(ledger::Committed::Earlier(_))), "{repeat:?}");
    assert_eq!(stored(&world, "accounts", "alice/credits"), row);
}

/// What the audit cannot read it misses, so that it reports a difference instead of stopping.
#[tokio::test(start_paused = true)]
async fn audit_misses_a_row_of_a_later_form() {
    let world = World::new();
    for (table, id) in [("accounts", "alice/credits"), ("journal", "usage#e1")] {
        let mut row = fixture(id);
        row["v"]["N"] = json!("2");
        put(&world, table, &row);
    }
    let ledger = world.ledger(1);
    let context = context(1);
    assert_eq!(ledger.journal_lines(&["usage#e1"], &context).await.expect("a read"), []);
    let nothing = ledger::StoredAccount::nothing("alice/credits");
    assert_eq!(ledger.stored_account("alice/credits", &context).await.expect("a read"), Some(nothing.clone()));
    let page = ledger.accounts(None, 10, &context).await.expect("a read");
    assert_eq!(page.accounts, [nothing], "it is counted");
}

/// The progress of a later release stays as it is, and that of none is replaced.
#[tokio::test(start_paused = true)]
async fn audit_progress_of_a_later_form_is_kept() {
    for (form, is_kept) in [("2", true), ("1", false)] {
        let world = World::new();
        let mut row = fixture("check#audit");
        row["v"]["N"] = json!(form);
        // Unreadable in either form.
        row["open"] = json!({ "S": "of another shape" });
        put(&world, "accounts", &row);
        let reset = world.ledger(1).reset_audit_progress(&context(1)).await;
        assert_eq!(matches!(reset, Err(CommitError::Refused(_))), is_kept, "{form}: {reset:?}");
        assert_eq!(stored(&world, "accounts", "check#audit") == row, is_kept, "{form}");
    }
}

/// An owner who never had an order has no row of places, and freeing one creates none.
#[tokio::test(start_paused = true)]
async fn freeing_a_place_creates_no_row() {
    let world = World::new();
    let ended: BTreeSet<OrderNumber> = [OrderNumber::new("N1").expect("a number")].into();
    world.ledger(1).free_places(&owner("alice"), &ended, &context(1)).await.expect("nothing to do");
    assert_eq!(stored(&world, "orders", "places#alice"), Value::Null);
}

/// The invoice beside a pointer is of the pointer's form.
#[tokio::test(start_paused = true)]
async fn invoice_of_a_later_pointer_is_refused() {
    let world = World::new();
    let mut row = fixture("stripe#pi_2");
    row["v"]["N"] = json!("2");
    put(&world, "orders", &row);
    let payment = Reference::new(Provider::Stripe, "pi_2").expect("an id");
    let pointer = Pointer::Provider(payment);
    let keys = RowKeys { pointers: [pointer.clone()].into(), ..RowKeys::default() };
    let rows = world.ledger(1).read_rows(&keys, &context(1)).await.expect("a read");
    let read = rows.pointer(&pointer);
    assert!(read.is_err(), "{read:?}");
}
