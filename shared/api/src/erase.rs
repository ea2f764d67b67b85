//! Erases what names a person from an owner's orders and keys: what the command line does, and an API for its caller.
//!
//! The books stay: lines, amounts, the owner's name, and receipts. An order keeps its phone and its wallet until its
//! delivery has ended.

use ledger::{
    CallContext, CommitError, Committed, Effect, Fact, KeyChange, KeyId, LinePosition, Order, OrderNumber, Owner,
    OwnerKey, RowKeys, Statements, StoredKey, Writer,
};

use crate::RecordCommit;

/// Each is a transaction of its own, so that a call ends in time.
pub const ERASED_ORDERS_MAX: u16 = 50;
/// Why an order is kept whose row a person must repair.
pub const UNREADABLE: &str = "unreadable";
/// Each round means that the order has changed since it was read.
const ROUNDS_MAX: u32 = 4;

/// Who erases, and why: for the receipt of each order.
#[derive(Debug, Clone)]
pub struct Signed<'s> {
    pub writer: Writer,
    pub author: &'s str,
    pub reason: &'s str,
}

/// An order that keeps its phone or its wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptOrder {
    pub number: String,
    pub because: &'static str,
}

/// What became of a page of orders. One that never named a person is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErasedOrders {
    /// Those that name no person any more, since now or since an earlier call.
    pub erased: Vec<OrderNumber>,
    pub kept: Vec<KeptOrder>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// What became of one order.
enum Erased {
    Done,
    Kept(&'static str),
    NothingThere,
}

/// Erases a page of the owner's orders, each by a step of its own with the receipt `erased#<number>.<version>`. After a
/// failure the same call goes on where it ended.
pub async fn erase_orders<L: Statements>(
    ledger: &L,
    owner: &Owner,
    after: Option<&LinePosition>,
    signed: &Signed<'_>,
    context: &CallContext<'_>,
    record: RecordCommit<'_>,
) -> Result<ErasedOrders, CommitError> {
    let page = ledger.orders_of(owner, after, ERASED_ORDERS_MAX, context).await?;
    let mut found = ErasedOrders { next: page.next, ..ErasedOrders::default() };
    for order in page.orders {
        let order = match order {
            Ok(order) => order,
            Err(row) => {
                found.kept.push(KeptOrder { number: row.id, because: UNREADABLE });
                continue;
            }
        };
        let number = order.number.clone();
        match erase(ledger, order, signed, context, record).await? {
            Erased::Done => found.erased.push(number),
            Erased::Kept(because) => found.kept.push(KeptOrder { number: number.to_string(), because }),
            Erased::NothingThere => {}
        }
    }
    Ok(found)
}

async fn erase<L: Statements>(
    ledger: &L,
    mut order: Order,
    signed: &Signed<'_>,
    context: &CallContext<'_>,
    record: RecordCommit<'_>,
) -> Result<Erased, CommitError> {
    let number = order.number.clone();
    for _ in 0..ROUNDS_MAX {
        let effects = match order.erase(context.received_at) {
            Ok(effects) => effects,
            Err(because) => return Ok(Erased::Kept(because.as_str())),
        };
        let facts = vec![("author", Fact::from(signed.author)), ("reason", Fact::from(signed.reason))];
        let Some(decision) = order.step(signed.writer, "erased", facts, effects) else {
            return Ok(if order.is_erased() { Erased::Done } else { Erased::NothingThere });
        };
        let committed = ledger.commit(&decision, context).await;
        record(&decision, &committed);
        match committed {
            Ok(Committed::Now(_)) => return Ok(Erased::Done),
            // Another call was faster, or the order has changed: it is read again.
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) | Err(CommitError::Stale) => {}
            Err(error) => return Err(error),
        }
        let keys = RowKeys { orders: [number.clone()].into(), ..RowKeys::default() };
        match ledger.read_rows(&keys, context).await?.orders.remove(&number) {
            Some(Ok(read)) => order = read,
            Some(Err(_)) => return Ok(Erased::Kept(UNREADABLE)),
            None => return Ok(Erased::NothingThere),
        }
    }
    Err(CommitError::Stale)
}

/// The effects that remove the names of these keys, and the keys that have one.
pub fn unnamed(keys: &[StoredKey]) -> Vec<(KeyId, Effect)> {
    let named = keys.iter().filter_map(|key| match key {
        StoredKey::Owner(OwnerKey { key, owner, settings, .. }) if settings.name.is_some() => {
            let change = KeyChange::Unname { key: key.clone(), owner: owner.clone() };
            Some((KeyId::Owner(key.clone()), Effect::Key(Box::new(change))))
        }
        StoredKey::Owner(_) | StoredKey::Service(_) => None,
    });
    named.collect()
}
