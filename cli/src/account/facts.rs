//! The output of `account show`.

use std::collections::HashMap;

use idempotency::{AccountRow, Line, MemberRows};
use ledger::{
    AccountId, Amount, Asset, Balance, Hold, KeyBudget, LotsSnapshot, Owed, Owner, Policy, SpendingTerms, Timestamp,
};
use serde::Serialize;

use super::WAITING_MAX;
use super::budget_facts::BudgetFacts;
use super::key_facts::KeyFacts;
use super::ties::Ties;
use crate::error::Error;
use crate::hold_facts::{HoldFacts, print_open};
use crate::print::{self, Facts};

/// Open holds on one screen.
const HOLDS_MAX: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountFacts {
    account: String,
    owner: String,
    asset: String,
    /// `None` if it has no row yet; refused usage may wait all the same.
    state: Option<State>,
    /// Empty if no grant of the account ever expired; in the order in which they are spent.
    lots: Vec<LotFacts>,
    /// The open ones, the first to expire first.
    holds: Vec<HoldFacts>,
    /// Of the owner's keys.
    budgets: Vec<BudgetFacts>,
    /// The owner's keys, the oldest first, each with the last day on which it called an API.
    keys: Vec<KeyFacts>,
    /// The keys of others that draw on the owner, and the owner's keys that draw on others.
    #[serde(flatten)]
    ties: Ties,
    waiting: Option<RefusedEvent>,
    referrer: Option<String>,
    /// Newest first.
    lines: Vec<StatementLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    balance: String,
    available: String,
    /// What open holds set aside.
    held: String,
    /// What the balance lacks to zero.
    owed: String,
    policy: &'static str,
    overdraft: String,
    version: u64,
    #[serde(skip)]
    units: Units,
}

struct Units {
    balance: Balance,
    available: Balance,
    held: Balance,
}

/// Credits of one grant, or of several that were merged.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LotFacts {
    remaining: String,
    kind: &'static str,
    priority: u8,
    expires_at: Option<String>,
    /// The money keys of the grants, without those that were merged too long ago.
    grants: Vec<String>,
}

/// Refused usage, which is retried when its owner can pay.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedEvent {
    amount: String,
    events: usize,
    /// The count is capped.
    more: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatementLine {
    processed_at: String,
    kind: String,
    change: String,
    receipt: String,
    /// The member who used it, and the short id of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl AccountFacts {
    pub(super) fn of(
        account: &AccountId,
        row: Option<&AccountRow>,
        waiting: &[Owed],
        referrer: Option<&Owner>,
        lines: &[Line],
    ) -> Result<Self, Error> {
        let asset = account.asset();
        let line = |line: &Line| StatementLine {
            processed_at: line.processed_at.clone(),
            kind: line.kind.clone(),
            change: asset.format_balance(line.change),
            receipt: line.id.clone(),
            member: None,
            key: None,
        };
        Ok(Self {
            account: account.to_string(),
            owner: account.owner().to_string(),
            asset: asset.to_string(),
            state: row.map(|row| State::of(asset, row)),
            lots: Vec::new(),
            holds: Vec::new(),
            budgets: Vec::new(),
            keys: Vec::new(),
            ties: Ties::default(),
            waiting: (!waiting.is_empty()).then(|| RefusedEvent::of(asset, waiting)).transpose()?,
            referrer: referrer.map(Owner::to_string),
            lines: lines.iter().map(line).collect(),
        })
    }
}

impl AccountFacts {
    /// Adds the lots. What is past its date can no longer be spent: balance and available are shown without it.
    pub(super) fn set_lots(&mut self, account: &AccountId, read: &LotsSnapshot, now: Timestamp) {
        if read.account.version == 0 {
            return;
        }
        let asset = account.asset();
        let amount = |units: u128| Amount::from_wide(units).map_or_else(String::new, |amount| asset.format(amount));
        let overdue = i128::try_from(read.overdue(&self.account, now)).unwrap_or_default();
        if let Some(state) = &mut self.state {
            let less = |balance: Balance| Balance::from_units(balance.units().saturating_sub(overdue));
            state.balance = asset.format_balance(less(state.units.balance));
            state.available = asset.format_balance(less(state.units.available));
        }
        let lots = read.spendable(&self.account, now);
        self.lots = lots
            .iter()
            .map(|lot| LotFacts {
                remaining: amount(lot.units),
                kind: lot.terms.kind.as_str(),
                priority: lot.terms.priority,
                expires_at: lot.terms.expires_at.map(|at| at.to_string()),
                grants: lot.grants.iter().map(ToString::to_string).collect(),
            })
            .collect();
    }

    pub(super) fn set_holds(&mut self, open: &[Hold]) {
        self.holds = open.iter().map(HoldFacts::of).collect();
    }

    pub(super) fn set_budgets(&mut self, budgets: &[KeyBudget], now: Timestamp) {
        self.budgets = budgets.iter().map(|budget| BudgetFacts::of(budget, now)).collect();
    }

    pub(super) fn set_keys(&mut self, keys: Vec<KeyFacts>) {
        self.keys = keys;
    }

    pub(super) fn set_members(&mut self, rows: &MemberRows) {
        self.ties = Ties::of(rows);
    }

    pub(super) fn set_users(&mut self, users: &HashMap<String, (Owner, String)>) {
        for line in &mut self.lines {
            let user = users.get(&line.receipt);
            line.member = user.map(|(member, _)| member.to_string());
            line.key = user.map(|(_, key)| key.clone());
        }
    }

    /// Those that ever called an API.
    fn print_uses(&self) {
        let used: Vec<[String; 2]> = self.keys.iter().filter_map(KeyFacts::use_of).collect();
        if used.is_empty() {
            return;
        }
        print::line("");
        let head = ["key", "last used"].map(str::to_owned);
        print::columns(&std::iter::once(head).chain(used).collect::<Vec<_>>());
    }

    fn print_holds(&self) {
        if self.holds.is_empty() {
            return;
        }
        print::line("");
        print_open(self.holds.iter().take(HOLDS_MAX));
        let more = self.holds.len().saturating_sub(HOLDS_MAX);
        if more > 0 {
            print::line(format_args!("{more} more open holds: hold list {}", self.owner));
        }
    }
}

impl AccountFacts {
    fn print_lines(&self) {
        if self.lines.is_empty() {
            return;
        }
        print::line("");
        // The last column is empty unless a member used something.
        let used_by = if self.lines.iter().any(|line| line.member.is_some()) { "used by" } else { "" };
        let head = ["time", "kind", "change", "receipt", used_by].map(str::to_owned);
        let row = |line: &StatementLine| {
            let user = line.member.as_ref().zip(line.key.as_ref()).map(|(member, key)| format!("{member} {key}"));
            let StatementLine { processed_at, kind, change, receipt, .. } = line;
            [processed_at.clone(), kind.clone(), change.clone(), receipt.clone(), user.unwrap_or_default()]
        };
        print::columns(&std::iter::once(head).chain(self.lines.iter().map(row)).collect::<Vec<_>>());
    }
}

impl State {
    pub(super) fn of(asset: Asset, row: &AccountRow) -> Self {
        let SpendingTerms { policy, overdraft } = row.terms;
        Self {
            balance: asset.format_balance(row.balance),
            available: asset.format_balance(row.available),
            held: asset.format_balance(row.held),
            owed: asset.format(Amount::owed(row.balance).unwrap_or_default()),
            policy: policy.as_str(),
            overdraft: asset.format(overdraft),
            version: row.version,
            units: Units { balance: row.balance, available: row.available, held: row.held },
        }
    }

    pub(super) fn print(&self) {
        let line = if self.policy == Policy::Postpaid.as_str() { "  limit" } else { "  overdraft" };
        let mut rows =
            vec![["  balance".to_owned(), self.balance.clone()], ["  available".to_owned(), self.available.clone()]];
        if self.units.held != Balance::ZERO {
            rows.push(["  held".to_owned(), self.held.clone()]);
        }
        if self.units.balance.units() < 0 {
            rows.push(["  owed".to_owned(), self.owed.clone()]);
        }
        rows.extend([
            ["  policy".to_owned(), self.policy.to_owned()],
            [line.to_owned(), self.overdraft.clone()],
            ["  version".to_owned(), self.version.to_string()],
        ]);
        print::columns(&rows);
    }
}

impl RefusedEvent {
    fn of(asset: Asset, owed: &[Owed]) -> Result<Self, Error> {
        let sum = owed.iter().try_fold(Amount::ZERO, |sum, owed| sum.checked_add(owed.amount));
        Ok(Self {
            amount: asset.format(sum.ok_or(Error::TooMuchOwed)?),
            events: owed.len(),
            more: owed.len() >= usize::try_from(WAITING_MAX).unwrap_or(usize::MAX),
        })
    }
}

/// Prints how to create an account that does not exist.
pub(super) fn print_missing(account: &str) {
    print::line(format_args!(
        "  {account} does not exist yet: `account credit {account} AMOUNT --reason R --new` creates it"
    ));
}

impl Facts for AccountFacts {
    fn print(&self) {
        match &self.state {
            Some(state) => {
                print::line(&self.account);
                state.print();
            }
            None => print_missing(&self.account),
        }
        if let Some(RefusedEvent { amount, events, more }) = &self.waiting {
            let more = if *more { "more than " } else { "" };
            print::line(format_args!("  waiting    {more}{amount} for {more}{events} refused events"));
        }
        if let Some(referrer) = &self.referrer {
            print::line(format_args!("  referrer   {referrer}"));
        }
        if !self.lots.is_empty() {
            print::line("");
            let head = ["left", "kind", "priority", "expires"].map(str::to_owned);
            let row = |lot: &LotFacts| {
                let expires = lot.expires_at.clone().unwrap_or_else(|| "never".to_owned());
                [lot.remaining.clone(), lot.kind.to_owned(), lot.priority.to_string(), expires]
            };
            print::columns(&std::iter::once(head).chain(self.lots.iter().map(row)).collect::<Vec<_>>());
        }
        self.print_holds();
        if !self.budgets.is_empty() {
            print::line("");
            BudgetFacts::print_all(&self.budgets);
        }
        self.print_uses();
        self.ties.print(false);
        self.print_lines();
    }
}
