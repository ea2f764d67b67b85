//! `audit`: whether the books agree with themselves, now. Nothing is written, whatever it finds.

mod export;
mod whole;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use edge::Moment;
use ledger::{Asset, Balance, Difference, OrderNumber, Whole};

use crate::books::Which;
use crate::error::Error;
use crate::print;

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

/// What was compared, and what differs.
struct Told {
    accounts: u64,
    lines: u64,
    orders: u64,
    /// Accounts and orders that were written while they were read.
    moving: u32,
    differences: Vec<Difference>,
}

/// Fails where they disagree.
pub(crate) async fn run(args: Audit, dir: &Path) -> Result<ExitCode, Error> {
    let moment = Moment::now(PATIENCE);
    let told = if let Some(folder) = &args.export {
        let whole = export::read(folder)?;
        Told::of(&whole, whole.clone().differences(), 0)
    } else {
        let books = args.which.read(dir).await?;
        if args.full && !args.yes {
            whole::confirmed(&books, &moment).await?;
        }
        if args.full || !args.which.aws {
            let whole = whole::scanned(&books, &moment).await?;
            let first = whole.clone().differences();
            // Tables that are written are not read in one moment: what differs is looked at once more, by itself.
            let (open, moving) = reconcile::verify(&books.ledger, &moment, &first, books.index_lag).await?;
            Told::of(&whole, open.into_iter().map(|open| open.difference).collect(), moving)
        } else {
            let (checked, open) = reconcile::audit(&books.ledger, &moment).await?;
            Told {
                accounts: checked.accounts.into(),
                lines: checked.lines,
                orders: checked.orders.into(),
                moving: checked.moving,
                differences: open.into_iter().map(|open| open.difference).collect(),
            }
        }
    };
    told.print();
    Ok(if told.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Told {
    fn of(whole: &Whole, differences: Vec<Difference>, moving: u32) -> Self {
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let (accounts, orders) = (count(whole.accounts()), count(whole.orders()));
        Self { accounts, lines: whole.lines(), orders, moving, differences }
    }

    fn print(&self) {
        print::columns(&[
            ["accounts".to_owned(), self.accounts.to_string()],
            ["lines".to_owned(), self.lines.to_string()],
            ["orders".to_owned(), self.orders.to_string()],
            ["differences".to_owned(), self.differences.len().to_string()],
        ]);
        if self.moving > 0 {
            print::line(format_args!("{} were written while they were read: nothing is known of them", self.moving));
        }
        if self.differences.is_empty() {
            return;
        }
        print::line("");
        print::columns(&table(&self.differences));
        for difference in &self.differences {
            print::line("");
            print::line(format_args!(
                "{} of {}: {}",
                difference.matter.as_str(),
                place(difference),
                difference.suspect.likely()
            ));
            print::line(format_args!("  repair: {} --reason R", difference.remedy()));
        }
    }
}

fn place(difference: &Difference) -> &str {
    difference.order.as_ref().map_or(difference.account.as_str(), OrderNumber::as_str)
}

fn table(differences: &[Difference]) -> Vec<[String; 8]> {
    let head = ["what", "account", "order", "line", "said", "found", "difference", "lines missing"].map(str::to_owned);
    let row = |difference: &Difference| {
        let Difference { matter, account, order, line, said, found, missing, suspect: _ } = difference;
        let number = |balance: Balance| written(account, balance);
        [
            matter.as_str().to_owned(),
            account.clone(),
            order.as_ref().map_or("-", OrderNumber::as_str).to_owned(),
            line.clone().unwrap_or_else(|| "-".to_owned()),
            number(*said),
            number(*found),
            number(difference.amount()),
            missing.to_string(),
        ]
    };
    std::iter::once(head).chain(differences.iter().map(row)).collect()
}

/// A token's decimals stand in the catalog alone, so it is counted in its smallest units.
fn written(account: &str, balance: Balance) -> String {
    let code = account.rsplit('/').next().unwrap_or_default();
    Asset::named(code).map_or_else(|| balance.units().to_string(), |asset| asset.format_balance(balance))
}
