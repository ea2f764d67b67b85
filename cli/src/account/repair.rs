//! `account repair`: makes an account and its lines agree again. What is decided on is read first, and what has changed since is left as
//! it is.

use clap::{ArgGroup, Args};
use ledger::AccountId;
use reconcile::{AccountRepair, RepairedRows};

use crate::books::Books;
use crate::by::{Named, Signed};
use crate::error::Error;
use crate::given;
use crate::print::Form;
use crate::repaired::{invocation, repairs, signature, written};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["to_lines", "add_line", "restore_line", "reverse_line"])))]
pub(super) struct Repair {
    /// alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "OWNER[/ASSET]")]
    account: String,
    /// Set balance, available and version to what the lines come to
    #[arg(long)]
    to_lines: bool,
    /// Book a line that was lost, without moving the balance; without a KEY, one that makes good what differs
    #[arg(long, value_name = "KEY", num_args = 0..=1)]
    add_line: Option<Vec<String>>,
    /// Write a line that was altered as it was: its amount, its account, its order, or that it is booked
    #[arg(long, value_name = "KEY")]
    restore_line: Option<String>,
    /// Take a line back that should not be there
    #[arg(long, value_name = "KEY")]
    reverse_line: Option<String>,
    /// What the line moved, as 15 or -0.00234 [default: what is missing, or what the line has]
    #[arg(long, allow_negative_numbers = true, conflicts_with_all = ["to_lines", "reverse_line"])]
    amount: Option<String>,
    /// The order that the line belongs to [default: as its key says]
    #[arg(long, value_name = "ORDER_NUMBER", conflicts_with_all = ["to_lines", "reverse_line"])]
    order: Option<String>,
    #[command(flatten)]
    pub(super) by: Named,
}

impl Repair {
    /// What it is about, before any books are opened.
    pub(super) fn read(&self) -> Result<(AccountId, AccountRepair), Error> {
        let account = given::account(&self.account)?;
        let amount = self.amount.as_deref().map(|text| given::signed(account.asset(), text)).transpose()?;
        let order = self.order.as_deref().map(given::order_number).transpose()?;
        let what = match (&self.add_line, &self.restore_line, &self.reverse_line) {
            (Some(key), _, _) => AccountRepair::AddLine { key: key.first().cloned(), amount, order },
            (None, Some(key), _) => AccountRepair::RestoreLine { key: key.clone(), amount, order },
            (None, None, Some(key)) => AccountRepair::ReverseLine { key: key.clone() },
            (None, None, None) => AccountRepair::ToLines,
        };
        Ok((account, what))
    }
}

pub(super) async fn write(
    books: &Books,
    account: &AccountId,
    what: &AccountRepair,
    by: &Signed,
    form: Form,
) -> Result<(), Error> {
    by.print_id("repair");
    let invocation = invocation();
    let decision = repairs(books, &invocation).account(account, what, &signature(by)).await;
    form.show(&written(books, decision, RepairedRows::of_account(account, what), by).await?);
    Ok(())
}
