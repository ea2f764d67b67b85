//! All payments, renewals and refunds of a time, page by page: of each order that something has changed since then, by the
//! index by day.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ledger::{
    Amount, Balance, CallContext, CommitError, Currency, DayShard, EventKey, LinePosition, ListedRow, Listing,
    ListingQuery, Money, Order, OrderNumber, PaymentReversals, Reference, RefundState, RowKeys, Timestamp,
    UnreadableRow,
};

use crate::{EventRow, Events};

const ROWS_PER_READ: u16 = 100;
const DAY_SECONDS: i64 = 86_400;

/// Money of an order that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentLine {
    pub order: Order,
    pub what: Paying,
    /// The payment; of a renewal its invoice; of a refund the payment that it gives back.
    pub by: Reference,
    pub money: Money,
    /// `None` of a payment that a person has accepted beside the one that pays. Of a refund, when it was reported.
    pub paid_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paying {
    Payment,
    /// A later period of a subscription, and the credits that it gave.
    Renewal {
        credits: Balance,
    },
    Refund {
        id: String,
    },
    /// What the provider has reported as refunded only in a sum, beyond the refunds that it has named.
    RefundedSum,
}

impl Paying {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Renewal { .. } => "renewal",
            Self::Refund { .. } | Self::RefundedSum => "refund",
        }
    }
}

/// Payments day by day, the oldest day first; each is in the pages once. It holds a page, and the names of what was there.
#[derive(Debug)]
pub struct PaymentPages {
    since: Timestamp,
    parts: VecDeque<DayShard>,
    after: Option<LinePosition>,
    seen: BTreeSet<OrderNumber>,
    /// Invoices and refunds, by their ids.
    seen_ids: BTreeSet<String>,
}

/// A page, perhaps with no payments.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PaymentPage {
    pub payments: Vec<PaymentLine>,
    pub unreadable: Vec<UnreadableRow>,
}

impl PaymentPages {
    pub fn new(since: Timestamp, until: Timestamp) -> Self {
        let (first, last) = (since.unix_s().div_euclid(DAY_SECONDS), until.unix_s().div_euclid(DAY_SECONDS));
        let day = |day: i64| Timestamp::from_unix(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::EPOCH);
        let parts = (first..=last).flat_map(|number| DayShard::of_day(day(number)));
        // A use changes no order.
        let parts = parts.filter(|shard| !shard.is_of_usage());
        Self { since, parts: parts.collect(), after: None, seen: BTreeSet::new(), seen_ids: BTreeSet::new() }
    }

    /// `None` after the last page.
    pub async fn next<L: Listing + Events>(
        &mut self,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<PaymentPage>, CommitError> {
        let Some(shard) = self.parts.front().copied() else { return Ok(None) };
        let query = ListingQuery {
            shard,
            from: self.since,
            is_failed: Some(false),
            writer: None,
            kind: None,
            after: self.after.clone(),
            rows_max: ROWS_PER_READ,
        };
        let page = ledger.listed(&query, context).await?;
        self.after = page.next;
        if self.after.is_none() {
            self.parts.pop_front();
        }
        let number = |row: &ListedRow| OrderNumber::new(row.order.as_ref()?).ok();
        let is_new = |row: &ListedRow| number(row).is_some_and(|number| !self.seen.contains(&number));
        let later: Vec<&ListedRow> = page.rows.iter().filter(|row| is_of_later(&row.kind)).collect();
        let new = page.rows.iter().filter(|row| is_new(row));
        let orders: BTreeSet<OrderNumber> = new.chain(later.iter().copied()).filter_map(number).collect();
        let mut found = PaymentPage::default();
        if orders.is_empty() {
            return Ok(Some(found));
        }
        let rows = ledger.read_rows(&RowKeys { orders, ..RowKeys::default() }, context).await?;
        let mut known: BTreeMap<OrderNumber, Order> = BTreeMap::new();
        for order in rows.orders.into_values() {
            match order {
                Ok(order) => {
                    if self.seen.insert(order.number.clone()) {
                        found.payments.extend(payments_of(&order, self.since));
                    }
                    known.insert(order.number.clone(), order);
                }
                Err(unreadable) => found.unreadable.push(unreadable),
            }
        }
        found.payments.extend(self.later(ledger, &later, &known, context).await?);
        found.payments.sort_by(|one, other| {
            (one.paid_at, &one.order.number, &one.by).cmp(&(other.paid_at, &other.order.number, &other.by))
        });
        Ok(Some(found))
    }
}

impl PaymentPages {
    /// What these rows report of renewals and refunds, each once, whatever reported it first.
    async fn later<L: Events>(
        &mut self,
        ledger: &L,
        rows: &[&ListedRow],
        orders: &BTreeMap<OrderNumber, Order>,
        context: &CallContext<'_>,
    ) -> Result<Vec<PaymentLine>, CommitError> {
        let keys: BTreeSet<EventKey> = rows.iter().map(|row| EventKey::of_row(&row.key)).collect();
        let events = read(ledger, &keys, context).await?;
        let invoices = events.values().filter_map(EventRow::invoice).collect();
        let invoices = read(ledger, &invoices, context).await?;
        let mut lines = Vec::new();
        for row in events.values() {
            let Some(order) = row.order.as_ref().and_then(|number| orders.get(number)) else { continue };
            let line = renewal(row, order, &invoices).or_else(|| refund(row, order));
            let sums = sums(row, order, self.since);
            lines.extend(line.into_iter().chain(sums).filter(|line| self.seen_ids.insert(line.id())));
        }
        Ok(lines)
    }
}

impl PaymentLine {
    /// What is in the pages once.
    fn id(&self) -> String {
        match &self.what {
            Paying::Payment | Paying::Renewal { .. } => self.by.id().to_owned(),
            Paying::Refund { id } => id.clone(),
            Paying::RefundedSum => format!("sum#{}", self.by),
        }
    }
}

/// Whether an event of this kind may report a renewal or a refund.
fn is_of_later(kind: &str) -> bool {
    kind.starts_with("invoice") || kind.contains("refund")
}

async fn read<L: Events>(
    ledger: &L,
    keys: &BTreeSet<EventKey>,
    context: &CallContext<'_>,
) -> Result<BTreeMap<EventKey, EventRow>, CommitError> {
    let rows = if keys.is_empty() { BTreeMap::new() } else { ledger.events(keys, context).await? };
    Ok(rows.into_iter().filter_map(|(key, row)| Some((key, row.ok()?))).collect())
}

/// The first period is the payment of the order, if its page has reported that.
fn renewal(row: &EventRow, order: &Order, invoices: &BTreeMap<EventKey, EventRow>) -> Option<PaymentLine> {
    let bought = invoices.get(&row.invoice()?)?;
    let (_, id) = bought.key.as_str().split_once('#')?;
    let by = Reference::new(order.terms.provider, id)
        .ok()
        .filter(|by| order.paid.is_none() || order.first_invoice.as_ref() != Some(by))?;
    let money = row.fact("money").and_then(money)?;
    let credits = bought.posting.as_ref().map(|posting| posting.change).unwrap_or_default();
    Some(PaymentLine {
        order: order.clone(),
        what: Paying::Renewal { credits },
        by,
        money,
        paid_at: bought.booked_at(),
    })
}

/// The order says what became of it.
fn refund(row: &EventRow, order: &Order) -> Option<PaymentLine> {
    let id = row.fact("refund")?;
    let succeeded = |payment: &String| {
        let refund = order.claims.get(payment)?.refunds.by_id.get(id)?;
        (refund.state == RefundState::Succeeded).then_some((payment.clone(), refund.amount))
    };
    let (payment, amount) = order.claims.keys().find_map(succeeded)?;
    let by = Reference::new(order.terms.provider, &payment).ok()?;
    let currency = row.fact("money").and_then(money).map_or(order.paid_money().currency, |money| money.currency);
    let what = Paying::Refund { id: id.to_owned() };
    Some(PaymentLine { order: order.clone(), what, by, money: Money { amount, currency }, paid_at: row.received_at })
}

/// What is refunded of each payment beyond the refunds that have a line of their own, if its newest sum is of this time.
fn sums(row: &EventRow, order: &Order, since: Timestamp) -> Vec<PaymentLine> {
    if row.fact("refund").is_some() || !row.kind.contains("refund") {
        return Vec::new();
    }
    let rest = |(payment, claims): (&String, &PaymentReversals)| {
        let reported = claims.refunds.reported.filter(|reported| reported.as_of >= since)?;
        let mut named = claims.refunds.by_id.values().filter(|refund| refund.state == RefundState::Succeeded);
        let named = named.try_fold(Amount::ZERO, |sum, refund| sum.checked_add(refund.amount))?;
        let amount = claims.refunds.total().saturating_sub(named);
        let by = Reference::new(order.terms.provider, payment).ok().filter(|_| !amount.is_zero())?;
        let money = order.accepted(&by).map_or_else(|| order.paid_money(), |accepted| accepted.money);
        let money = Money { amount, ..money };
        let paid_at = Some(reported.as_of);
        Some(PaymentLine { order: order.clone(), what: Paying::RefundedSum, by, money, paid_at })
    };
    order.claims.iter().filter_map(rest).collect()
}

/// `19.99 USD`, as a fact has it.
fn money(text: &str) -> Option<Money> {
    let (amount, currency) = text.split_once(' ')?;
    Money::parse(amount, Currency::parse(currency).ok()?).ok()
}

/// The one that pays the order, if it did so since then, and those that were accepted beside it.
fn payments_of(order: &Order, since: Timestamp) -> Vec<PaymentLine> {
    let paid = order.paid.clone().filter(|paid| paid.at >= since);
    let paying = order.paid.as_ref().map(|paid| &paid.by);
    let accepted: Vec<_> = order.accepted.values().filter(|accepted| Some(&accepted.by) != paying).cloned().collect();
    let money = order.paid_money();
    let paid = paid.map(|paid| PaymentLine {
        order: order.clone(),
        what: Paying::Payment,
        by: paid.by,
        money,
        paid_at: Some(paid.at),
    });
    let beside = accepted.into_iter().map(|accepted| PaymentLine {
        order: order.clone(),
        what: Paying::Payment,
        by: accepted.by,
        money: accepted.money,
        paid_at: None,
    });
    paid.into_iter().chain(beside).collect()
}
