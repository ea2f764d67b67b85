//! `reverse`: gives the charge of a usage event back to its owner, whole or in part, once.

use std::path::Path;

use clap::Args;
use ledger::{Asset, Audit as _, CommitError, EventKey, JournalLine, MoneyKey, Source, UsageReversal};
use local::{What, context};
use manual::{ReversalStep, reversal_of};

use crate::account::{PATIENCE, change_of, committed};
use crate::authorship::ChangeArgs;
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::Form;

/// How often the rows are read again after another change of them.
const ROUNDS_MAX: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct Reverse {
    #[command(flatten)]
    which: BooksArgs,
    /// The journal key of the event, as `usage#evt_1`
    #[arg(value_name = "usage#ID")]
    usage: String,
    /// A part of the charge, as 15 or 0.00234 [default: all of it]
    #[arg(long, allow_negative_numbers = true)]
    amount: Option<String>,
    #[command(flatten)]
    by: ChangeArgs,
}

pub(crate) async fn run(
    args: Reverse,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let usage = key(&args.usage)?;
    let amount = args.amount.as_deref().map(|text| parse::positive_amount(Asset::CREDITS, text)).transpose()?;
    let by = args.by.authorship(variable)?;
    let books = args.which.open(dir).await?;
    for _ in 0..ROUNDS_MAX {
        let refused = |cause| Error::NotReversed { usage: usage.to_string(), cause };
        let charge = line(&books, &usage).await?.ok_or_else(|| Error::NoUsage(usage.to_string()))?;
        let first = line(&books, &UsageReversal::key_of(&usage)).await?;
        let reversal = match reversal_of(charge, first, amount).map_err(refused)? {
            ReversalStep::Book(reversal) => reversal,
            ReversalStep::Earlier { receipt, account } => {
                return change_of(&books, ChangeResult::earlier(receipt), &account, form).await;
            }
            ReversalStep::Other { amount } => {
                let amount = Asset::CREDITS.format_balance(amount);
                return Err(Error::ReversedBefore { usage: usage.to_string(), amount });
            }
        };
        let account = reversal.account().clone();
        match committed(&books, &by, What::ReverseUsage(reversal)).await {
            // Another reversal was faster, or a person repairs the line.
            Err(Error::Commit(CommitError::Stale)) => {}
            committed => return change_of(&books, ChangeResult::of(&committed?), &account, form).await,
        }
    }
    Err(Error::Overtaken)
}

async fn line(books: &Books, key: &MoneyKey) -> Result<Option<JournalLine>, Error> {
    Ok(books.ledger.journal_lines(&[key.as_str()], &context(PATIENCE)).await?.pop())
}

fn key(text: &str) -> Result<MoneyKey, Error> {
    let id = text.strip_prefix("usage#").ok_or_else(|| Error::NotUsageKey(text.to_owned()))?;
    let event = EventKey::new(Source::Usage, id).map_err(|_| Error::NotUsageKey(text.to_owned()))?;
    Ok(MoneyKey::of_event(&event))
}
