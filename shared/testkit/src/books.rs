//! Reads all tables without the ledger's code, and checks the invariants: postings add up to balances and orders.

mod budgets;
mod credits;
mod members;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use embedded::Engine;
use ledger::{Order, Subscription};
use serde_json::Value;

pub use budgets::SpentRow;
pub(crate) use budgets::{of_limits, of_spent};
pub use credits::{CodeRow, HoldRow};
pub(crate) use members::{of_draws, of_members};
pub(crate) use scan::scan;

/// A snapshot of all tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Books {
    pub journal: BTreeMap<String, Row>,
    pub accounts: BTreeMap<String, Account>,
    pub keys: BTreeMap<String, String>,
    /// The budgets of keys, and what each key has spent.
    pub limits: BTreeMap<String, String>,
    pub spent: BTreeMap<String, SpentRow>,
    /// The periods in which other owners' accounts pay for a key, and the keys that tie owners to others.
    pub draws: BTreeMap<String, String>,
    pub members: BTreeMap<String, String>,
    pub bodies: BTreeSet<String>,
    pub orders: BTreeMap<String, OrderRow>,
    /// From a provider's id, or from an owner and a product, to an order.
    pub pointers: BTreeMap<String, String>,
    pub subscriptions: BTreeMap<String, SubscriptionRow>,
    /// Redeem codes by their hash.
    pub codes: BTreeMap<String, CodeRow>,
    pub holds: BTreeMap<String, HoldRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pub status: String,
    pub reason: Option<String>,
    pub account: Option<String>,
    pub change: i128,
    pub attempts: u64,
    pub needs_attention: bool,
    pub order: Option<String>,
    pub reverses: Option<String>,
    /// The windows whose limits it exceeds.
    pub over_budget: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    pub balance: i128,
    pub available: i128,
    pub overdraft: i128,
    pub is_postpaid: bool,
    pub version: u64,
    /// The balance at the last change of lots, their number, and the next expiry.
    pub mark: i128,
    pub lots_version: u64,
    pub next_expiry: Option<String>,
    /// What open holds set aside.
    pub held: i128,
    /// How many calls of all its keys are open.
    pub calls: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderRow {
    pub owner: String,
    pub payment: String,
    pub paid_by: Option<String>,
    pub disputed: bool,
    pub fulfilment: String,
    pub posted: i128,
    /// The remaining credits of each reversed period, by its invoice.
    pub periods: BTreeMap<String, i128>,
    pub postings: u64,
    /// The posted amount of each line, by its name.
    pub delivered: BTreeMap<String, i128>,
    pub top_up_call: Option<String>,
    pub transfer: Option<String>,
    /// The remaining credits and the postings of each additional accepted payment.
    pub accepted: BTreeMap<String, (i128, u64)>,
    pub anomaly: Option<String>,
    pub version: u64,
}

impl Account {
    fn of_row(row: &Value) -> Self {
        Self {
            balance: number(row, "balance_units"),
            available: number(row, "available_units"),
            overdraft: number(row, "overdraft_units"),
            is_postpaid: word(row, "policy").as_deref() == Some("postpaid"),
            version: u64::try_from(number(row, "version")).unwrap(),
            mark: number(row, "mark_units"),
            lots_version: u64::try_from(number(row, "lots_version")).unwrap(),
            next_expiry: word(row, "next_expiry"),
            held: number(row, "held_units"),
            calls: credits::open_calls(row),
        }
    }
}

impl OrderRow {
    pub(crate) fn of(order: &Order) -> Self {
        Self {
            owner: order.owner.to_string(),
            payment: order.payment.as_str().to_owned(),
            paid_by: order.paid.as_ref().map(|paid| paid.by.to_string()),
            disputed: order.is_disputed(),
            fulfilment: order.fulfilment.as_str().to_owned(),
            posted: i128::try_from(order.posted.units()).unwrap(),
            periods: order
                .periods
                .iter()
                .map(|(invoice, period)| (invoice.clone(), i128::try_from(period.posted.units()).unwrap()))
                .collect(),
            postings: order.postings,
            delivered: order
                .delivered
                .iter()
                .map(|(line, amount)| (line.to_string(), i128::try_from(amount.units()).unwrap()))
                .collect(),
            top_up_call: order.top_up_call.as_ref().map(|top_up_call| top_up_call.state.as_str().to_owned()),
            transfer: order.transfer.as_ref().map(|transfer| transfer.status.as_str().to_owned()),
            accepted: order
                .accepted
                .iter()
                .map(|(id, accepted)| {
                    (id.clone(), (i128::try_from(accepted.posted.units()).unwrap(), accepted.postings))
                })
                .collect(),
            anomaly: order.flagged_for().map(|reason| reason.as_str().to_ascii_uppercase()),
            version: order.version,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionRow {
    pub owner: String,
    pub order: String,
    pub status: Option<String>,
    pub period_end: Option<String>,
    pub version: u64,
}

impl SubscriptionRow {
    pub(crate) fn of(subscription: &Subscription) -> Self {
        Self {
            owner: subscription.owner.to_string(),
            order: subscription.order.to_string(),
            status: subscription.standing.map(|standing| standing.status.as_str().to_owned()),
            period_end: subscription.plan.as_ref().map(|plan| plan.period_end.to_string()),
            version: subscription.version,
        }
    }
}

impl Books {
    pub fn read(engine: &Engine) -> Self {
        Self::of_stage(engine, crate::STAGE)
    }

    pub(crate) fn of_stage(engine: &Engine, stage: &str) -> Self {
        let scan = |table: &str| scan(engine, &format!("hookledger-{stage}-{table}"));
        let mut books = Self::default();
        for row in scan("journal") {
            let id = word(&row, "id").unwrap();
            // A lane of refused usage is no event.
            if id.starts_with("lane#") {
                continue;
            }
            books.journal.insert(
                id,
                Row {
                    status: word(&row, "status").unwrap(),
                    reason: word(&row, "reason"),
                    account: word(&row, "account"),
                    change: number(&row, "amount_units"),
                    attempts: u64::try_from(number(&row, "attempts")).unwrap(),
                    needs_attention: word(&row, "attention").is_some(),
                    order: word(&row, "order"),
                    reverses: word(&row, "reverses"),
                    over_budget: row.pointer("/facts/M").and_then(|facts| word(facts, "over_budget")),
                },
            );
        }
        for row in scan("accounts") {
            let id = word(&row, "id").unwrap();
            if let Some(hash) = id.strip_prefix("code#") {
                books.codes.insert(hash.to_owned(), CodeRow::read(&row));
            } else if let Some(key) = id.strip_prefix("budget#") {
                books.spent.insert(key.to_owned(), budgets::spent(&row));
            } else if let Some(owner) = id.strip_prefix("members#") {
                books.members.extend(members::listed(&row).map(|listed| (owner.to_owned(), listed)));
            } else if id.contains('#') {
                books.add_key(&row, id);
            } else {
                books.accounts.insert(id, Account::of_row(&row));
            }
        }
        for row in scan("orders") {
            let id = word(&row, "id").unwrap();
            // The list of open orders is derived from the orders.
            if id.starts_with("places#") {
                continue;
            }
            if let Some(order) = word(&row, "order") {
                books.pointers.insert(id, order);
                continue;
            }
            let order = OrderRow {
                owner: word(&row, "owner").unwrap(),
                payment: word(&row, "payment").unwrap(),
                paid_by: word(&row, "paid_by"),
                disputed: row.pointer("/disputed/BOOL").and_then(Value::as_bool).unwrap(),
                fulfilment: word(&row, "fulfilment").unwrap(),
                posted: number(&row, "posted_units"),
                periods: row
                    .pointer("/periods/M")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(invoice, period)| (invoice.clone(), number(period.get("M").unwrap(), "posted_units")))
                    .collect(),
                postings: u64::try_from(number(&row, "postings")).unwrap(),
                delivered: row
                    .pointer("/delivered_units/M")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(line, amount)| {
                        (line.clone(), amount.pointer("/N").and_then(Value::as_str).unwrap().parse().unwrap())
                    })
                    .collect(),
                top_up_call: row.pointer("/top_up_call/M").and_then(|top_up_call| word(top_up_call, "state")),
                transfer: row.pointer("/transfer/M").and_then(|transfer| word(transfer, "status")),
                accepted: row
                    .pointer("/accepted/M")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(id, accepted)| {
                        let postings = u64::try_from(number(&accepted["M"], "postings")).unwrap();
                        (id.clone(), (number(&accepted["M"], "posted_units"), postings))
                    })
                    .collect(),
                anomaly: word(&row, "anomaly_reason"),
                version: u64::try_from(number(&row, "version")).unwrap(),
            };
            books.orders.insert(id, order);
        }
        for row in scan("subscriptions") {
            let subscription = SubscriptionRow {
                owner: word(&row, "owner").unwrap(),
                order: word(&row, "order").unwrap(),
                status: word(&row, "status"),
                period_end: word(&row, "period_end"),
                version: u64::try_from(number(&row, "version")).unwrap(),
            };
            books.subscriptions.insert(word(&row, "id").unwrap(), subscription);
        }
        books.holds = scan("holds").iter().map(|row| (word(row, "id").unwrap(), HoldRow::read(row))).collect();
        books.bodies = scan("bodies").iter().map(|row| word(row, "id").unwrap()).collect();
        books
    }

    /// Checks the invariants, which hold at any time and after any fault.
    pub fn check(&self) {
        self.check_credits();
        self.check_holds();
        self.check_members();
        for (id, account) in &self.accounts {
            let rows: Vec<&Row> = self.journal.values().filter(|row| row.account.as_ref() == Some(id)).collect();
            let sum: i128 = rows.iter().map(|row| row.change).sum();
            assert_eq!(sum, account.balance, "the postings of {id} add up to its balance");
            assert_eq!(
                u64::try_from(rows.len()).unwrap(),
                account.version,
                "the version of {id} counts its journal rows"
            );
            assert_eq!(
                account.available,
                account.balance.checked_add(account.overdraft).unwrap().checked_sub(account.held).unwrap(),
                "the available amount of {id} is balance and overdraft, less what is held"
            );
        }
        for (number, order) in &self.orders {
            let names = ["payment#", "reversal#", "grant#", "commission#", "referral#"];
            // The row of a payment without credits has no posting.
            let is_of_order = |id: &str, row: &Row| {
                let is_posting = row.account.is_some() && !id.starts_with("reversal#invoice#");
                names.iter().any(|name| id.starts_with(name)) && is_posting && row.order.as_ref() == Some(number)
            };
            for (invoice, stands) in &order.periods {
                let key = format!("invoice#{invoice}");
                let of_period = |(id, row): &(&String, &Row)| **id == key || row.reverses.as_ref() == Some(&key);
                let sum: i128 = self.journal.iter().filter(of_period).map(|(_, row)| row.change).sum();
                assert_eq!(sum, *stands, "the postings of {key} add up to the period in order {number}");
            }
            let rows: Vec<_> = self.journal.iter().filter(|(id, row)| is_of_order(id, row)).collect();
            let paid_by = order.paid_by.as_deref().unwrap_or_default();
            let additional: Vec<_> =
                order.accepted.iter().filter(|(id, _)| !paid_by.ends_with(&format!("#{id}"))).collect();
            for (id, (posted, postings)) in &additional {
                let of_payment = self.journal.iter().filter(|(key, row)| is_of_payment(key, row, id));
                let changes: Vec<i128> = of_payment.map(|(_, row)| row.change).collect();
                assert_eq!(changes.iter().sum::<i128>(), *posted, "the postings of {id} add up to its credits");
                assert_eq!(u64::try_from(changes.len()).unwrap(), *postings, "{id} counts its postings");
            }
            let rows: Vec<_> = rows
                .into_iter()
                .filter(|(key, row)| !additional.iter().any(|(id, _)| is_of_payment(key, row, id)))
                .collect();
            let is_bought = |key: &str, row: &Row| {
                let is_referral = |key: &str| key.starts_with("referral#");
                let is_credits = row.account.as_ref().is_some_and(|account| account.ends_with("/credits"));
                is_credits && !is_referral(key) && !row.reverses.as_deref().is_some_and(is_referral)
            };
            let sum = |bought| -> i128 {
                let rows = rows.iter().filter(|(key, row)| is_bought(key, row) == bought);
                rows.map(|(_, row)| row.change).sum()
            };
            assert_eq!(sum(true), order.posted, "the credit postings of order {number} add up to its posted credits");
            let delivered: i128 = order.delivered.values().sum();
            assert_eq!(sum(false), delivered, "the other postings of order {number} add up to its delivered lines");
            let counted =
                rows.iter().filter(|(id, _)| id.starts_with("payment#") || id.starts_with("reversal#")).count();
            assert_eq!(u64::try_from(counted).unwrap(), order.postings, "order {number} counts its postings");
            let firsts = rows
                .iter()
                .filter(|(id, _)| ["grant#", "commission#", "referral#"].iter().any(|name| id.starts_with(name)))
                .count();
            assert_eq!(
                firsts,
                order.delivered.len(),
                "each line of order {number} has one first posting under its own key"
            );
            let sent: Vec<i128> = self
                .journal
                .iter()
                .filter(|(id, row)| id.starts_with("sent#") && row.order.as_ref() == Some(number))
                .map(|(_, row)| row.change)
                .collect();
            let has_arrived = order.transfer.as_deref() == Some("COMPLETED");
            assert_eq!(sent.len(), usize::from(has_arrived), "the transfer of order {number} is posted once");
            assert!(sent.iter().all(|change| *change < 0), "the transfer of order {number} debits its owner");
            let is_paid = matches!(order.payment.as_str(), "paid" | "partly_refunded" | "refunded" | "disputed_lost");
            assert_eq!(order.paid_by.is_some(), is_paid, "a paid order {number} names its payment");
        }
        for (id, row) in &self.journal {
            let expected = if row.reason.is_some() { "failed" } else { "processed" };
            assert_eq!(row.status, expected, "{id} has a reason exactly if it failed");
            assert!(row.account.is_none() || row.status == "processed", "{id} failed and has a posting");
            assert!(
                row.account.as_ref().is_none_or(|account| self.accounts.contains_key(account)),
                "{id} has a posting of a missing account"
            );
        }
    }

    /// The row of this order.
    pub fn order(&self, number: &str) -> &OrderRow {
        self.orders.get(number).unwrap_or_else(|| panic!("no order {number}"))
    }

    pub fn balance(&self, account: &str) -> i128 {
        self.accounts.get(account).map_or(0, |account| account.balance)
    }

    pub fn processed(&self) -> impl Iterator<Item = &str> {
        self.journal.iter().filter(|(_, row)| row.status == "processed").map(|(id, _)| id.as_str())
    }
}

/// Whether a line is the first posting of this payment or invoice, or its reversal.
fn is_of_payment(key: &str, row: &Row, id: &str) -> bool {
    let is_first =
        |key: &str| key == format!("invoice#{id}") || (key.starts_with("payment#") && key.ends_with(&format!("#{id}")));
    is_first(key) || row.reverses.as_deref().is_some_and(is_first)
}

fn word(row: &Value, name: &str) -> Option<String> {
    row.get(name)?.get("S")?.as_str().map(str::to_owned)
}

fn number(row: &Value, name: &str) -> i128 {
    row.get(name).map_or(0, |value| value.get("N").unwrap().as_str().unwrap().parse().unwrap())
}
