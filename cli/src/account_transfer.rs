//! `transfer`: gives an amount of one account to another, once. Not a transfer of tokens on chain.

use std::path::Path;

use clap::Args;
use ledger::{AccountId, AccountTransfer};
use local::What;
use serde::Serialize;

use crate::account::{AccountAfter, after, committed, terms};
use crate::authorship::ChangeArgs;
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

#[derive(Debug, Args)]
pub(crate) struct AccountTransferArgs {
    #[command(flatten)]
    which: BooksArgs,
    /// Who gives: alice for credits, or alice/POSX, bob/commission-usd
    #[arg(value_name = "FROM[/ASSET]")]
    from: String,
    /// Who gets it, in the same asset
    to: String,
    /// As 15 or 0.00234
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// Create the account that gets it if it does not exist
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    by: ChangeArgs,
}

/// The transfer, and both accounts after it.
#[derive(Serialize)]
struct TransferChange {
    #[serde(flatten)]
    changed: ChangeResult,
    from: AccountAfter,
    to: AccountAfter,
}

pub(crate) async fn run(
    args: AccountTransferArgs,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let AccountTransferArgs { which, from, to, amount, new, by } = args;
    let from = parse::account(&from)?;
    let to = if to.contains('/') { parse::account(&to)? } else { parse::owner(&to)?.account(from.asset()) };
    let amount = parse::positive_amount(from.asset(), &amount)?;
    let by = by.authorship(variable)?;
    let transfer = AccountTransfer::new(from.clone(), to.clone(), amount);
    let transfer = transfer.map_err(|cause| Error::NoTransfer(from.clone(), cause))?;
    let books = which.open(dir).await?;
    if books.ledger.account(&from).await?.is_none() {
        return Err(Error::NoAccount(from));
    }
    terms(&books, &to, new).await?;
    let changed = ChangeResult::of(&committed(&books, &by, What::Transfer(transfer)).await?);
    show(&books, changed, [&from, &to], form).await;
    Ok(())
}

async fn show(books: &Books, changed: ChangeResult, [from, to]: [&AccountId; 2], form: Form) {
    form.show(&TransferChange { changed, from: after(books, from).await, to: after(books, to).await });
}

impl Facts for TransferChange {
    fn print(&self) {
        self.changed.print();
        for account in [&self.from, &self.to] {
            print::line(account.account());
            account.print();
        }
    }
}
