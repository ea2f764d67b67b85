//! `account repair`: makes an account and its lines agree. Optimistic locking: rows that changed since the read are not written.

use audit::{AccountRepair, BudgetFound, RepairedRows};
use clap::{ArgGroup, Args};
use ledger::{AccountId, Audit as _, Owner, RepairError};

use super::key_of;
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::error::Error;
use crate::parse;
use crate::print::Form;
use crate::repair_result::{invocation, repairs, signature, written};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["to_lines", "add_line", "restore_line", "reverse_line", "lots", "holds", "budget"])))]
pub(super) struct Repair {
    /// alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "OWNER[/ASSET]")]
    account: String,
    /// Set balance, available and version to the sum of the lines
    #[arg(long)]
    to_lines: bool,
    /// Book a lost line without moving the balance; without a KEY, one that corrects the difference
    #[arg(long, value_name = "KEY", num_args = 0..=1)]
    add_line: Option<Vec<String>>,
    /// Restore an altered line: its amount, its account, its order, or its status
    #[arg(long, value_name = "KEY")]
    restore_line: Option<String>,
    /// Reverse a line that should not exist
    #[arg(long, value_name = "KEY")]
    reverse_line: Option<String>,
    /// Bring the lots to the balance: what they hold beyond it is spent, and what is missing never expires
    #[arg(long)]
    lots: bool,
    /// Bring what is held, and with it what is available, to the open holds
    #[arg(long)]
    holds: bool,
    /// Write what this key has spent in this day and month again, by the journal and its open holds. The total stays
    #[arg(long, value_name = "KEY")]
    pub(super) budget: Option<String>,
    /// The amount of the line, as 15 or -0.00234 [default: what is missing, or what the line has]
    #[arg(long, allow_negative_numbers = true, conflicts_with_all = ["to_lines", "reverse_line", "lots", "holds", "budget"])]
    amount: Option<String>,
    /// The order that the line belongs to [default: the one in its key]
    #[arg(long, value_name = "ORDER_NUMBER", conflicts_with_all = ["to_lines", "reverse_line", "lots", "holds", "budget"])]
    order: Option<String>,
    #[command(flatten)]
    pub(super) by: ChangeArgs,
}

impl Repair {
    /// Parses the account and the repair, before the books are opened.
    pub(super) fn read(&self) -> Result<(AccountId, AccountRepair), Error> {
        let account = parse::account(&self.account)?;
        let amount = self.amount.as_deref().map(|text| parse::signed_amount(account.asset(), text)).transpose()?;
        let order = self.order.as_deref().map(parse::order_number).transpose()?;
        let what = match (&self.add_line, &self.restore_line, &self.reverse_line) {
            (Some(key), _, _) => AccountRepair::AddLine { key: key.first().cloned(), amount, order },
            (None, Some(key), _) => AccountRepair::RestoreLine { key: key.clone(), amount, order },
            (None, None, Some(key)) => AccountRepair::ReverseLine { key: key.clone() },
            (None, None, None) if self.lots => AccountRepair::Lots,
            (None, None, None) if self.holds => AccountRepair::Holds,
            (None, None, None) => AccountRepair::ToLines,
        };
        Ok((account, what))
    }
}

/// What the key has spent, by the uses of its month.
pub(super) async fn write_budget(
    books: &Books,
    owner: &Owner,
    id: &str,
    by: &Authorship,
    form: Form,
) -> Result<(), Error> {
    by.print_id("repair");
    let (key, bound) = key_of(books, owner, id).await?;
    let invocation = invocation();
    let call = invocation.context();
    let decision = match bound.budget {
        Err(cause) => Err(RepairError::from(cause).into()),
        Ok(budget) => {
            let zone = budget.unwrap_or_default().zone;
            // Read before the uses: a use that is counted meanwhile makes the row another.
            let stored = books.ledger.stored_spent(&key, &call).await?;
            let uses = books.ledger.uses_of(&key, &bound, zone, &call).await?;
            let now = zone.windows_at(invocation.now);
            audit::budget_repair(BudgetFound { key: &key, bound: &bound, stored, now, uses }, &signature(by))
        }
    };
    form.show(&written(books, decision, Some(RepairedRows::of_budget(&key)), by).await?);
    Ok(())
}

pub(super) async fn write(
    books: &Books,
    account: &AccountId,
    what: &AccountRepair,
    by: &Authorship,
    form: Form,
) -> Result<(), Error> {
    by.print_id("repair");
    let invocation = invocation();
    let decision = repairs(books, &invocation).account(account, what, &signature(by)).await;
    form.show(&written(books, decision, Some(RepairedRows::of_account(account, what)), by).await?);
    Ok(())
}
