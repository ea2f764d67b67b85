//! The output of `audit`: the counts, and each difference with its repair.

use ledger::{Asset, Balance, Difference, DifferenceKind, OrderNumber, WholeAudit};
use serde::Serialize;

use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditFacts {
    pub(super) accounts: u64,
    pub(super) lines: u64,
    pub(super) orders: u64,
    /// Accounts and orders that changed while they were read, so that no comparison holds.
    pub(super) unsettled: u32,
    /// Accounts and orders that differ and are not among the differences.
    pub(super) unlisted: u32,
    pub(super) differences: Vec<DifferenceFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceFacts {
    what: &'static str,
    account: String,
    order_number: Option<String>,
    line: Option<String>,
    /// The value in the row.
    recorded: String,
    /// The value that the other rows add up to.
    found: String,
    difference: String,
    missing_lines: i64,
    /// The side that is likely wrong.
    pub(crate) likely: String,
    /// The command that repairs it, without its reason.
    pub(crate) repair: String,
    /// Whether that is a command.
    #[serde(skip)]
    is_repairable: bool,
}

impl AuditFacts {
    pub(super) fn of(whole: &WholeAudit, differences: Vec<Difference>, unsettled: u32) -> Self {
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let (accounts, orders) = (count(whole.accounts()), count(whole.orders()));
        let differences = differences.into_iter().map(DifferenceFacts::from).collect();
        Self { accounts, lines: whole.lines(), orders, unsettled, unlisted: 0, differences }
    }
}

impl DifferenceFacts {
    /// The kind of difference, and its row.
    pub(crate) fn place(&self) -> String {
        format!("{} of {}", self.what, self.order_number.as_deref().unwrap_or(&self.account))
    }
}

impl From<Difference> for DifferenceFacts {
    fn from(difference: Difference) -> Self {
        let is_number = matches!(difference.difference_kind, DifferenceKind::Uses | DifferenceKind::Members);
        let number = |balance: Balance| {
            if is_number { balance.units().to_string() } else { written(&difference.account, balance) }
        };
        Self {
            what: difference.difference_kind.as_str(),
            order_number: difference.order.as_ref().map(OrderNumber::to_string),
            line: difference.line.clone(),
            recorded: number(difference.recorded),
            found: number(difference.found),
            difference: number(difference.amount()),
            missing_lines: difference.missing,
            likely: difference.suspect.likely().to_string(),
            repair: difference.remedy(),
            is_repairable: difference.is_repairable(),
            account: difference.account,
        }
    }
}

impl Facts for AuditFacts {
    fn print(&self) {
        print::columns(&[
            ["accounts".to_owned(), self.accounts.to_string()],
            ["lines".to_owned(), self.lines.to_string()],
            ["orders".to_owned(), self.orders.to_string()],
            ["differences".to_owned(), self.differences.len().to_string()],
        ]);
        if self.unsettled > 0 {
            print::line(format_args!(
                "{} changed while they were read and are not compared: run `audit` again",
                self.unsettled
            ));
        }
        if self.unlisted > 0 {
            print::line(format_args!(
                "{} more places differ: repair these and run `audit` again, or `audit --full`",
                self.unlisted
            ));
        }
        if self.differences.is_empty() {
            return;
        }
        print::line("");
        print::columns(&table(&self.differences));
        for difference in &self.differences {
            print::line("");
            print::line(format_args!("{}: {}", difference.place(), difference.likely));
            let reason = if difference.is_repairable { " --reason R" } else { "" };
            print::line(format_args!("  repair: {}{reason}", difference.repair));
        }
    }
}

fn table(differences: &[DifferenceFacts]) -> Vec<[String; 8]> {
    let head = ["what", "account", "order", "line", "recorded", "found", "difference", "lines missing"];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let row = |difference: &DifferenceFacts| {
        [
            difference.what.to_owned(),
            difference.account.clone(),
            or_dash(&difference.order_number),
            or_dash(&difference.line),
            difference.recorded.clone(),
            difference.found.clone(),
            difference.difference.clone(),
            difference.missing_lines.to_string(),
        ]
    };
    std::iter::once(head.map(str::to_owned)).chain(differences.iter().map(row)).collect()
}

/// A token is printed in its smallest units, since only the catalog has its decimals.
fn written(account: &str, balance: Balance) -> String {
    let code = account.rsplit('/').next().unwrap_or_default();
    Asset::named(code).map_or_else(|| balance.units().to_string(), |asset| asset.format_balance(balance))
}
