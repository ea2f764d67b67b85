//! The full audit: reads every row of accounts, journal, holds and orders, in any order except that orders come last. Only
//! this audit finds what no account, no line and no change of today leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::CodesAudit;
use super::members::MembersAudit;
use super::{CodesToRead, Difference, JournalLine, LineTotals, MemberKey, StoredAccount, StoredOrder, StoredSpent};
use crate::{CallerKey, Code, House, LotsRow, Members, MoneyKey, OrderNumber, Owner, PaymentProof, Timestamp};

/// A row, reduced to what the audit compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Account(StoredAccount),
    /// The lots of the account with this name.
    Lots(String, LotsRow),
    Line(JournalLine),
    /// The row of a payment, and its line if it moves money.
    Payment(PaymentProof, Option<JournalLine>),
    Order(OrderNumber, StoredOrder),
    Code(Box<Code>),
    /// A key that draws on another owner's account.
    Member(CallerKey, MemberKey),
    /// The keys that tie this owner to others.
    Members(Owner, Members),
    /// What a key has spent.
    Budget(StoredSpent),
    /// A pointer to an order.
    Pointer(String, OrderNumber),
    /// An open hold of the account with this name.
    Hold(String, u128),
    /// A row that the audit does not compare.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WholeAudit {
    accounts: BTreeMap<String, StoredAccount>,
    lots: BTreeMap<String, LotsRow>,
    held: BTreeMap<String, u128>,
    counted: BTreeMap<String, LineTotals>,
    of_orders: BTreeMap<OrderNumber, Vec<JournalLine>>,
    orders: BTreeSet<OrderNumber>,
    pointers: BTreeMap<String, OrderNumber>,
    proofs: BTreeMap<MoneyKey, PaymentProof>,
    /// The pointer that each paid order requires.
    paid: BTreeMap<String, Difference>,
    /// Lines that another one must agree with: both sides of transfers, reversals, and the charges that are reversed.
    paired: BTreeMap<String, JournalLine>,
    codes: CodesAudit,
    members: MembersAudit,
    /// Those that may be wrong, by today's date.
    budgets: Vec<StoredSpent>,
    lines: u64,
    found: Vec<Difference>,
}

impl WholeAudit {
    pub fn add(&mut self, row: Row) {
        match row {
            Row::Account(held) => {
                self.accounts.insert(held.account.clone(), held);
            }
            Row::Lots(account, lots) => {
                self.lots.insert(account, lots);
            }
            Row::Hold(account, units) => {
                let sum = self.held.entry(account).or_default();
                *sum = sum.saturating_add(units);
            }
            Row::Line(line) => self.line(line),
            Row::Payment(proof, line) => {
                self.proofs.insert(proof.key.clone(), proof);
                if let Some(line) = line {
                    self.line(line);
                }
            }
            Row::Order(number, kept) => self.order(number, &kept),
            Row::Code(code) => self.codes.add(&code),
            Row::Member(key, member) => {
                self.members.keys.insert(key, member);
            }
            Row::Members(owner, members) => {
                self.members.listed.insert(owner, members);
            }
            Row::Budget(spent) => self.budgets.push(spent),
            Row::Pointer(pointer, order) => {
                self.pointers.insert(pointer, order);
            }
            Row::Other => {}
        }
    }

    fn line(&mut self, line: JournalLine) {
        self.lines = self.lines.saturating_add(1);
        self.counted.entry(line.account.clone()).or_default().add_change(line.change);
        self.found.extend(line.differences());
        self.codes.add_line(&line.key);
        if line.other_side() == House::Transfers || line.key.starts_with("reversed#") || line.reversed_by.is_some() {
            self.paired.insert(line.key.clone(), line.clone());
        }
        if let Some(order) = line.order.clone().filter(|_| JournalLine::is_of_order(&line.key)) {
            self.of_orders.entry(order).or_default().push(line);
        }
    }

    /// Compares the order at once, so that only its number has to be kept.
    fn order(&mut self, number: OrderNumber, kept: &StoredOrder) {
        let lines = self.of_orders.remove(&number).unwrap_or_default();
        self.found.extend(kept.differences(&number, &lines));
        match kept {
            StoredOrder::Order(order) => {
                let is_proven = order.proof().is_none_or(|proof| self.proofs.get(&proof.key) == Some(&proof));
                self.found.extend(order.differs_from_proof().filter(|_| !is_proven));
                let without = order.differs_from_pointer(None);
                self.paid.extend(order.pointer().zip(without).map(|(pointer, without)| (pointer.to_string(), without)));
            }
            StoredOrder::Unreadable { .. } if lines.is_empty() => self.found.extend(kept.without_lines(&number)),
            StoredOrder::Unreadable { .. } | StoredOrder::LaterForm | StoredOrder::Missing => {}
        }
        self.orders.insert(number);
    }

    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    pub fn lines(&self) -> u64 {
        self.lines
    }

    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// The codes whose uses differ. Reading them after the journal shows which were redeemed meanwhile.
    pub fn codes_to_read_again(&self) -> Vec<CodesToRead> {
        self.codes.to_read_again()
    }

    /// A code as it is after the journal was read.
    pub fn add_code_again(&mut self, code: &Code) {
        self.codes.add_again(code);
    }

    /// All differences, once every row was added.
    pub fn differences(mut self, now: Timestamp) -> Vec<Difference> {
        let mut found = std::mem::take(&mut self.found);
        let named = self.accounts.keys().chain(self.counted.keys()).chain(self.lots.keys()).chain(self.held.keys());
        let named: BTreeSet<&String> = named.collect();
        for account in named {
            let counted = self.counted.get(account).copied().unwrap_or_default();
            let nothing = StoredAccount::nothing(account);
            let held = self.accounts.get(account).unwrap_or(&nothing);
            found.extend(held.differences(&counted));
            found.extend(held.differs_from_holds(self.held.get(account).copied().unwrap_or_default()));
            found.extend(held.differs_from_lots(self.lots.get(account), now));
        }
        found.extend(self.codes.differences());
        found.extend(self.members.differences());
        found.extend(self.budgets.iter().filter_map(|spent| spent.difference(now)));
        for line in self.paired.values() {
            let other = line.paired_with().and_then(|other| self.paired.get(&other));
            found.extend(line.differs_from_pair(other));
        }
        for (number, lines) in &self.of_orders {
            found.extend(StoredOrder::Missing.differences(number, lines));
        }
        let (orders, of_orders) = (&self.orders, &self.of_orders);
        let leads_nowhere = |order: &&OrderNumber| !orders.contains(*order) && !of_orders.contains_key(*order);
        let nowhere: BTreeSet<&OrderNumber> = self.pointers.values().filter(leads_nowhere).collect();
        found.extend(nowhere.into_iter().filter_map(|number| StoredOrder::Missing.without_lines(number)));
        for (pointer, without) in self.paid {
            found.extend((self.pointers.get(&pointer) != without.order.as_ref()).then_some(without));
        }
        found
    }
}
