//! `audit`: compares accounts, orders and the journal with each other, and writes nothing.

mod export;
mod facts;
mod whole;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use edge::Invocation;
use ledger::{Difference, DifferenceKind};

use self::facts::AuditFacts;
pub(crate) use self::facts::DifferenceFacts;
use crate::books::BooksArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::print::Form;

/// Long enough for any table; Ctrl-C stops it earlier.
const PATIENCE: Duration = Duration::from_hours(6);

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    which: BooksArgs,
    /// Read every row of a deployed stage, also rows that belong to no account. Prints the cost first
    #[arg(long, requires = "aws", conflicts_with = "export")]
    full: bool,
    /// Read S3 exports of the tables, copied to PATH/accounts, PATH/journal, PATH/orders and PATH/holds; consumes no read units
    #[arg(long, value_name = "PATH", conflicts_with = "aws")]
    export: Option<PathBuf>,
    /// Confirm the cost without a prompt
    #[arg(long, requires = "full")]
    yes: bool,
}

/// Exits with `Refused` if there are differences.
pub(crate) async fn run(args: Audit, dir: &Path, form: Form) -> Result<Exit, Error> {
    let invocation = Invocation::now(PATIENCE);
    let facts = if let Some(folder) = &args.export {
        let whole = export::read(folder)?;
        AuditFacts::of(&whole, whole.clone().differences(invocation.now), 0)
    } else {
        let books = args.which.open(dir).await?;
        if args.full {
            whole::print_cost(&books, &invocation).await?;
            if !args.yes {
                whole::confirm()?;
            }
        }
        if args.full || !args.which.aws {
            let mut whole = whole::scanned(&books, &invocation, form).await?;
            audit::read_codes_again(&books.ledger, &invocation, &mut whole).await?;
            let differences = whole.clone().differences(invocation.now).into_iter();
            // Those of codes were read again.
            let is_of_codes = |found: &Difference| found.difference_kind == DifferenceKind::Uses;
            let (of_codes, first): (Vec<_>, Vec<_>) = differences.partition(is_of_codes);
            // A scan is no snapshot: each difference is read again by itself, since a write may have happened in between.
            let (open, unsettled) = audit::verify(&books.ledger, &invocation, &first, books.index_lag).await?;
            let open = open.into_iter().map(|open| open.difference);
            AuditFacts::of(&whole, open.chain(of_codes).collect(), unsettled)
        } else {
            let (checked, open) = audit::audit(&books.ledger, &invocation).await?;
            AuditFacts {
                accounts: checked.accounts.into(),
                lines: checked.lines,
                orders: checked.orders.into(),
                unsettled: checked.unsettled_accounts,
                unlisted: checked.unlisted,
                differences: open.into_iter().map(|open| open.difference.into()).collect(),
            }
        }
    };
    form.show(&facts);
    Ok(if facts.differences.is_empty() && facts.unlisted == 0 { Exit::Done } else { Exit::Refused })
}
