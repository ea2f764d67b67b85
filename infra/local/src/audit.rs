//! `audit`: whether the books agree with themselves, now. Nothing is written, whatever it finds.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use edge::Moment;
use ledger::{Asset, Balance, Difference, Open, OrderNumber};

use crate::books::Which;
use crate::error::Error;
use crate::print;

/// A person may wait for as long as it takes, and stop it when they like.
const PATIENCE: Duration = Duration::from_hours(6);

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    which: Which,
}

/// Fails where they disagree.
pub(crate) async fn run(args: Audit, dir: &Path) -> Result<ExitCode, Error> {
    let books = args.which.read(dir).await?;
    let (checked, open) = reconcile::audit(&books.ledger, &Moment::now(PATIENCE)).await?;
    print::columns(&[
        ["accounts".to_owned(), checked.accounts.to_string()],
        ["lines".to_owned(), checked.lines.to_string()],
        ["orders".to_owned(), checked.orders.to_string()],
        ["differences".to_owned(), open.len().to_string()],
    ]);
    if checked.moving > 0 {
        print::line(format_args!("{} were written while they were read: nothing is said of them", checked.moving));
    }
    if open.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    print::line("");
    print::columns(&table(&open));
    Ok(ExitCode::FAILURE)
}

fn table(open: &[Open]) -> Vec<[String; 7]> {
    let head = ["what", "account", "order", "line", "said", "found", "difference"].map(str::to_owned);
    let row = |Open { difference, .. }: &Open| {
        let Difference { matter, account, order, line, said, found } = difference;
        let number = |balance: Balance| written(difference, balance);
        [
            matter.as_str().to_owned(),
            account.clone(),
            order.as_ref().map_or("-", OrderNumber::as_str).to_owned(),
            line.clone().unwrap_or_else(|| "-".to_owned()),
            number(*said),
            number(*found),
            number(difference.amount()),
        ]
    };
    std::iter::once(head).chain(open.iter().map(row)).collect()
}

/// A token's decimals stand in the catalog alone, so it is counted in its smallest units; and so are lines.
fn written(difference: &Difference, balance: Balance) -> String {
    let code = difference.account.rsplit('/').next().unwrap_or_default();
    match Asset::named(code).filter(|_| !difference.is_of_lines()) {
        Some(asset) => asset.format_balance(balance),
        None => balance.units().to_string(),
    }
}
