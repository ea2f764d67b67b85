//! The output of `account show`.

use idempotency::{AccountRow, Line};
use ledger::{AccountId, Amount, Asset, Owed, Owner, Policy, SpendingTerms};
use serde::Serialize;

use super::WAITING_MAX;
use crate::error::Error;
use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountFacts {
    account: String,
    owner: String,
    asset: String,
    /// `None` if it has no row yet; refused usage may wait all the same.
    state: Option<State>,
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
    policy: &'static str,
    overdraft: String,
    version: u64,
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
        };
        Ok(Self {
            account: account.to_string(),
            owner: account.owner().to_string(),
            asset: asset.to_string(),
            state: row.map(|row| State::of(asset, row)),
            waiting: (!waiting.is_empty()).then(|| RefusedEvent::of(asset, waiting)).transpose()?,
            referrer: referrer.map(Owner::to_string),
            lines: lines.iter().map(line).collect(),
        })
    }
}

impl State {
    pub(super) fn of(asset: Asset, row: &AccountRow) -> Self {
        let SpendingTerms { policy, overdraft } = row.terms;
        Self {
            balance: asset.format_balance(row.balance),
            available: asset.format_balance(row.available),
            policy: policy.as_str(),
            overdraft: asset.format(overdraft),
            version: row.version,
        }
    }

    pub(super) fn print(&self) {
        let line = if self.policy == Policy::Postpaid.as_str() { "  limit" } else { "  overdraft" };
        print::columns(&[
            ["  balance".to_owned(), self.balance.clone()],
            ["  available".to_owned(), self.available.clone()],
            ["  policy".to_owned(), self.policy.to_owned()],
            [line.to_owned(), self.overdraft.clone()],
            ["  version".to_owned(), self.version.to_string()],
        ]);
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
        if self.lines.is_empty() {
            return;
        }
        print::line("");
        let head = ["time", "kind", "change", "receipt"].map(str::to_owned);
        let row = |line: &StatementLine| {
            [line.processed_at.clone(), line.kind.clone(), line.change.clone(), line.receipt.clone()]
        };
        print::columns(&std::iter::once(head).chain(self.lines.iter().map(row)).collect::<Vec<_>>());
    }
}
