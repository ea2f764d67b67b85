//! Fixture: books with every kind of posting, and helpers that break them.

use ledger::{
    Amount, Commission, Currency, Effect, Grant, Money, Order, Owner, Payment, Pointer, Provider, Reference, Word,
};
use serde_json::Value;

use super::*;

pub(super) struct Shop {
    pub(super) world: World,
}

/// The accounts that a pass compares: alice's credits, tokens and report, and bob's commissions.
pub(super) const ACCOUNTS: u32 = 4;
pub(super) const LINES: u64 = 3 + 2 + 1 + 2 + 1 + 2;
/// One order is counted once per account page on which it has entries: tokens, reports and commissions are an account
/// each.
pub(super) const ORDERS: u32 = 2 + 3;

impl Shop {
    /// Usage and a manual grant; an order that is paid and partly refunded; a subscription period; and an order of
    /// tokens, a report and commissions, delivered and partly refunded.
    pub(super) async fn new() -> Self {
        let world = World::new();
        open_account(&world, "alice", "k1", "10").await;
        spend(&world, "e1", "k1", "3").await;
        spend(&world, "e2", "k1", "1").await;
        orders_of_samples(&world).await;
        for event in ["payment_intent_succeeded", "refund_updated", "customer_subscription_created", "invoice_paid"] {
            deliver_sample(&world, event).await;
        }
        world.books().check();
        deliver(&world).await;
        Self { world }
    }

    pub(super) fn row(&self, table: &str, id: &str) -> Value {
        let read = json!({ "TableName": name(table), "Key": { "id": { "S": id } } });
        self.world.engine.request("GetItem", &read).expect("an answer")["Item"].clone()
    }

    pub(super) fn put(&self, table: &str, row: &Value) {
        let put = json!({ "TableName": name(table), "Item": row });
        self.world.engine.request("PutItem", &put).expect("a row");
    }

    pub(super) fn remove(&self, table: &str, id: &str) {
        let gone = json!({ "TableName": name(table), "Key": { "id": { "S": id } } });
        self.world.engine.request("DeleteItem", &gone).expect("an answer");
    }

    /// Changes a row as a person's mistake or a faulty release could.
    pub(super) fn change(&self, table: &str, id: &str, what: &str, values: &Value) {
        change(&self.world, table, id, what, values);
    }

    /// All rows except the audit's own.
    pub(super) fn rows(&self) -> Vec<(&'static str, Value)> {
        let of = |table: &'static str| {
            let scan = json!({ "TableName": name(table), "ConsistentRead": true });
            let rows = self.world.engine.request("Scan", &scan).expect("rows")["Items"].clone();
            rows.as_array().expect("rows").clone().into_iter().map(move |row| (table, row))
        };
        let all = ["journal", "accounts", "orders"].into_iter().flat_map(of);
        all.filter(|(_, row)| !row["id"]["S"].as_str().is_some_and(|id| id.starts_with("check#"))).collect()
    }

    /// Restores all rows to these.
    pub(super) fn restore(&self, rows: &[(&'static str, Value)]) {
        for (table, row) in self.rows() {
            self.remove(table, row["id"]["S"].as_str().expect("an id"));
        }
        for (table, row) in rows {
            self.put(table, row);
        }
    }
}

fn name(table: &str) -> String {
    format!("hookledger-local-{table}")
}

fn change(world: &World, table: &str, id: &str, what: &str, values: &Value) {
    let mut change = json!({ "TableName": name(table), "Key": { "id": { "S": id } }, "UpdateExpression": what });
    if !values.is_null() {
        change["ExpressionAttributeValues"] = values.clone();
    }
    world.engine.request("UpdateItem", &change).expect("a change");
}

/// What DynamoDB holds after a usage event of so many units, written directly because a decision takes longer.
pub(super) fn spent(world: &World, id: &str, units: u32) {
    spent_at(world, id, units, 9);
}

/// The same, so many seconds after the samples.
pub(super) fn spent_at(world: &World, id: &str, units: u32, at_s: i64) {
    let row = json!({
        "id": { "S": format!("usage#{id}") }, "account": { "S": "alice/credits" }, "amount_units": { "N": format!("-{units}") },
        "status": { "S": "processed" }, "kind": { "S": "usage" }, "attempts": { "N": "1" },
        "processed_at": { "S": testkit::now().plus_seconds(at_s).to_string() },
    });
    let put = json!({ "TableName": name("journal"), "Item": row });
    world.engine.request("PutItem", &put).expect("a line");
    let values = json!({ ":change": { "N": format!("-{units}") }, ":one": { "N": "1" } });
    change(
        world,
        "accounts",
        "alice/credits",
        "ADD balance_units :change, available_units :change, version :one",
        &values,
    );
}

/// An order that leaves an entry in each of four accounts, and a correcting entry in two of them.
async fn deliver(world: &World) {
    let mut order = of_stripe::order("HLtokens");
    let named = |text| Word::new(text).expect("a word");
    order.terms.grants = vec![
        Grant::Token { code: named("POSX"), scale: 18, amount: Amount::from_units(1_000), on_chain: None },
        Grant::Report(named("full")),
    ];
    order.terms.commissions = vec![Commission { to: Owner::new("bob").expect("an owner"), basis_points: 1_000 }];
    of_stripe::made(world, order.clone()).await;
    let by = Reference::new(Provider::Stripe, "pi_tokens").expect("an id");
    let refund = ledger::Refund { state: ledger::RefundState::Succeeded, amount: Amount::from_units(1_000) };
    step(world, &order, "pay", |order| paid(order, &by)).await;
    step(world, &order, "fulfil", |order| order.fulfil(false, testkit::now())).await;
    step(world, &order, "refund", |order| order.apply_refund(&by, "re_tokens", refund)).await;
    step(world, &order, "take", |order| order.fulfil(false, testkit::now())).await;
}

/// The effects of a webhook that pays the order: the payment, and its pointer.
pub(super) fn paid(order: &Order, by: &Reference) -> Vec<Effect> {
    let money = Money { amount: Amount::from_units(1_999), currency: Currency::parse("usd").expect("a currency") };
    let payment = Payment { by: by.clone(), money, at: testkit::now() };
    let point = Effect::Point { pointer: Pointer::Provider(by.clone()), from: None, to: order.number.clone() };
    order.pay(&payment).expect("a payment").into_iter().chain([point]).collect()
}

/// Commits a step of the order as it is stored now.
pub(super) async fn step(world: &World, of: &Order, kind: &'static str, effects: impl FnOnce(&Order) -> Vec<Effect>) {
    let ledger = world.ledger(0);
    let order = ledger.order(&of.number, &context(0)).await.expect("a read").expect("an order");
    let step = order.step(ledger::Writer::Manual, kind, vec![], effects(&order)).expect("something to do");
    ledger.commit(&step, &context(0)).await.expect("a step");
}
