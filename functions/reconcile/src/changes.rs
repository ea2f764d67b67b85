//! The batches of the streams of orders and journal: each names the orders that were written, by code or by hand, and those
//! to which a written pointer leads or led. Of the journal it has only processed rows that were altered or removed: only a
//! person's repair or reversal does so.

use audit::Changes;
use ledger::OrderNumber;
use serde_json::Value;

/// The places of an order's number in a record: a row before the write, the row after it, and the order's own key. With
/// whether the record leads to the order, which then must exist.
const NUMBERS: [(&str, bool); 3] =
    [("/dynamodb/OldImage/order/S", false), ("/dynamodb/NewImage/order/S", true), ("/dynamodb/Keys/id/S", true)];
/// The places of an account. Only a journal row that moves an amount has one.
const ACCOUNTS: [&str; 2] = ["/dynamodb/OldImage/account/S", "/dynamodb/NewImage/account/S"];

/// `None` if the event is no batch.
pub(crate) fn changes_of(event: &str) -> Option<Changes> {
    let event: Value = serde_json::from_str(event).ok()?;
    let mut changes = Changes::default();
    for record in event.get("Records")?.as_array()? {
        add(&mut changes, record);
    }
    Some(changes)
}

fn add(changes: &mut Changes, record: &Value) {
    let text = |place: &str| record.pointer(place).and_then(Value::as_str);
    for (place, leads) in NUMBERS {
        if let Some(number) = text(place).and_then(|number| OrderNumber::new(number).ok()) {
            *changes.orders.entry(number).or_default() |= leads;
        }
    }
    for account in ACCOUNTS.into_iter().filter_map(text) {
        changes.accounts.insert(account.to_owned());
        changes.lines.extend(text("/dynamodb/Keys/id/S").map(str::to_owned));
    }
}
