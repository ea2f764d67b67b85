//! Rows of another scale: without the suffix `_units`, no number in them is read as an amount.

#![expect(clippy::expect_used, reason = "a test that cannot go on must stop")]

use ledger::{
    Amount, Asset, Balance, CommitError, Currency, Decision, Effect, Entry, EventKey, Fingerprint, Grant, Guard, House,
    JournalHeader, Ledger as _, Money, MoneyKey, Movement, Order, OrderNumber, Owner, Posting, Provider, Reason, Terms,
    Writer,
};
use serde_json::{Value, json};
use testkit::{STAGE, World, context, now};

fn decision(event: &str, effect: impl FnOnce(&EventKey) -> Effect) -> Decision {
    let receipt = EventKey::new(Writer::Manual, event).expect("an id");
    let effects = vec![effect(&receipt)];
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "test",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

/// Removes the suffix that states the scale from every attribute of a row.
fn rename_units(world: &World, table: &str, id: &str) {
    let table = format!("hookledger-{STAGE}-{table}");
    let read = json!({ "TableName": table, "Key": { "id": { "S": id } } });
    let answer = world.engine.request("GetItem", &read).expect("an answer");
    let row = answer.get("Item").expect("a row");
    let renamed: serde_json::Map<String, Value> = row
        .as_object()
        .expect("a row")
        .iter()
        .map(|(name, value)| (name.strip_suffix("_units").unwrap_or(name).to_owned(), value.clone()))
        .collect();
    assert_ne!(*row, Value::from(renamed.clone()), "no attribute of {id} counts units");
    world.engine.request("PutItem", &json!({ "TableName": table, "Item": renamed })).expect("written");
}

#[tokio::test(start_paused = true)]
async fn balance_without_units_reads_as_zero() {
    let world = World::new();
    let (ledger, account) = (world.ledger(1), Owner::new("alice").expect("an owner").account(Asset::CREDITS));
    let amount = Amount::from_units(5_000_000);
    let given = decision("given", |receipt| {
        let posting = Posting::to_customer(account.clone(), House::Manual, amount);
        Effect::Move(Movement {
            key: MoneyKey::of_event(receipt),
            posting,
            guard: Guard::Always,
            reverses: None,
            lots: Vec::new(),
        })
    });
    ledger.commit(&given, &context(1)).await.expect("given");
    rename_units(&world, "accounts", "alice/credits");
    let row = ledger.account(&account).await.expect("read").expect("a row");
    assert_eq!((row.balance, row.available), (Balance::ZERO, Balance::ZERO));
    let spent = decision("spent", |receipt| {
        let posting = Posting::from_customer(account.clone(), House::Usage, Amount::from_units(1));
        Effect::Move(Movement {
            key: MoneyKey::of_event(receipt),
            posting,
            guard: Guard::SufficientFunds,
            reverses: None,
            lots: Vec::new(),
        })
    });
    let refused = ledger.commit(&spent, &context(2)).await;
    assert!(matches!(refused, Err(CommitError::Rejected(Reason::InsufficientCredits))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn order_without_units_is_unreadable() {
    let world = World::new();
    let (ledger, number) = (world.ledger(1), OrderNumber::new("HL1").expect("a number"));
    let terms = Terms {
        provider: Provider::Stripe,
        product: "credits".to_owned(),
        quantity: 1,
        price: Money { amount: Amount::from_units(1_999), currency: Currency::parse("USD").expect("a currency") },
        exchange: None,
        grants: vec![Grant::Credits(Amount::from_units(100_000_000))],
        commissions: Vec::new(),
        referral: None,
        site: None,
    };
    let order = Order::new(number.clone(), Owner::new("alice").expect("an owner"), terms, now());
    ledger.commit(&decision("made", |_| order.created()), &context(1)).await.expect("made");
    assert!(ledger.order(&number, &context(2)).await.expect("read").is_some());
    rename_units(&world, "orders", "HL1");
    let refused = ledger.order(&number, &context(3)).await;
    assert!(matches!(refused, Err(CommitError::Refused(_))), "{refused:?}");
}
