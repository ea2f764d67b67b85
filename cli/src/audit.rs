//! `audit`: whether the books agree with themselves, now. Nothing is written, whatever it finds.

mod export;
mod facts;
mod whole;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use edge::Invocation;

use self::facts::AuditFacts;
pub(crate) use self::facts::DifferenceFacts;
use crate::books::Which;
use crate::error::Error;
use crate::exit::Exit;
use crate::print::Form;

/// A person may wait for as long as it takes, and stop it when they like.
const PATIENCE: Duration = Duration::from_hours(6);

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    which: Which,
    /// Read every row of a deployed stage, also those that no account leads to. It says first what that costs
    #[arg(long, requires = "aws", conflicts_with = "export")]
    full: bool,
    /// Read exports of the tables to S3, copied to PATH/accounts, PATH/journal and PATH/orders: no read units
    #[arg(long, value_name = "PATH", conflicts_with = "aws")]
    export: Option<PathBuf>,
    /// Do not ask whether to pay for it
    #[arg(long, requires = "full")]
    yes: bool,
}

/// Fails where they disagree.
pub(crate) async fn run(args: Audit, dir: &Path, form: Form) -> Result<Exit, Error> {
    let invocation = Invocation::now(PATIENCE);
    let found = if let Some(folder) = &args.export {
        let whole = export::read(folder)?;
        AuditFacts::of(&whole, whole.clone().differences(), 0)
    } else {
        let books = args.which.open(dir).await?;
        if args.full {
            whole::print_cost(&books, &invocation).await?;
            if !args.yes {
                whole::confirm()?;
            }
        }
        if args.full || !args.which.aws {
            let whole = whole::scanned(&books, &invocation).await?;
            let first = whole.clone().differences();
            // Tables that are written are not read in one moment: what differs is looked at once more, by itself.
            let (open, unsettled) =
                reconcile::verify(&books.ledger, &invocation, &first, books.index_lag).await?;
            AuditFacts::of(&whole, open.into_iter().map(|open| open.difference).collect(), unsettled)
        } else {
            let (checked, open) = reconcile::audit(&books.ledger, &invocation).await?;
            AuditFacts {
                accounts: checked.accounts.into(),
                lines: checked.lines,
                orders: checked.orders.into(),
                unsettled: checked.unsettled_accounts,
                differences: open.into_iter().map(|open| open.difference.into()).collect(),
            }
        }
    };
    form.show(&found);
    Ok(if found.differences.is_empty() { Exit::Done } else { Exit::Refused })
}
