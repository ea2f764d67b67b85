//! `trial-balance`: what customers hold and what each account of the house has, asset by asset. It writes nothing.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use edge::Invocation;
use ledger::{AssetBalance, Audit as _, Balance, House, Timestamp, TrialBalance};
use local::context;
use serde::Serialize;

use crate::account::PATIENCE;
use crate::books::{Books, BooksArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::parse;
use crate::print::{self, Facts, Form};

/// Long enough for any books; Ctrl-C stops it earlier.
const PASS_PATIENCE: Duration = Duration::from_hours(6);
const CUSTOMERS: &str = "customers";

#[derive(Debug, Args)]
pub(crate) struct TrialBalanceArgs {
    #[command(flatten)]
    which: BooksArgs,
    /// A day that the audit has closed (UTC), as 2026-11-27 [default: now, from every line of every account]
    #[arg(long, value_name = "DATE")]
    day: Option<String>,
    /// One asset alone: credits, POSX, commission-usd
    #[arg(long)]
    asset: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrialBalanceFacts {
    /// `None` for the books as they are now.
    day: Option<String>,
    until: String,
    assets: Vec<AssetFacts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssetFacts {
    asset: String,
    accounts: u64,
    /// Accounts that were written while they were read, or differ: `audit` names those that differ.
    unsettled: u64,
    lines: Vec<SumFacts>,
    /// What all of it adds up to.
    sum: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SumFacts {
    account: String,
    balance: String,
    /// Since the end of the day before, if the audit has closed that.
    change: Option<String>,
}

/// Exits with `Refused` if something does not add up to nothing.
pub(crate) async fn run(args: TrialBalanceArgs, dir: &Path, form: Form) -> Result<Exit, Error> {
    let until = args.day.as_deref().map(parse::end_of_day).transpose()?;
    let asset = args.asset.as_deref().map(|name| parse::asset(name).map(|_| name)).transpose()?;
    let books = args.which.open(dir).await?;
    let mut balance = if let Some(until) = until {
        closed(&books, until).await?
    } else {
        let invocation = Invocation::now(PASS_PATIENCE);
        let lag_s = i64::try_from(books.index_lag.as_secs()).unwrap_or(i64::MAX);
        audit::trial_balance(&books.ledger, &invocation, invocation.now.plus_seconds(lag_s.saturating_neg())).await?
    };
    balance.assets.retain(|name, _| asset.is_none_or(|asset| asset == name.as_str()));
    let before = books.ledger.closed_day(balance.previous(), &context(PATIENCE)).await?;
    let is_balanced = balance.unbalanced().next().is_none();
    form.show(&TrialBalanceFacts {
        day: until.map(|_| balance.day()),
        until: balance.until.to_string(),
        assets: balance.assets.iter().map(|(name, totals)| AssetFacts::of(name, totals, before.as_ref())).collect(),
    });
    Ok(if is_balanced { Exit::Done } else { Exit::Refused })
}

async fn closed(books: &Books, until: Timestamp) -> Result<TrialBalance, Error> {
    let closed = books.ledger.closed_day(until, &context(PATIENCE)).await?;
    closed.ok_or_else(|| Error::DayNotClosed(TrialBalance::of(until).day()))
}

impl AssetFacts {
    fn of(name: &str, totals: &AssetBalance, before: Option<&TrialBalance>) -> Self {
        // An asset that is no longer in the catalog has no known scale: its smallest units are shown.
        let asset = parse::asset(name).ok();
        let written = |balance: Balance| {
            asset.map_or_else(|| format!("{} units", balance.units()), |asset| asset.format_balance(balance))
        };
        let none = AssetBalance::default();
        let before = before.map(|before| before.assets.get(name).unwrap_or(&none));
        let sum_of = |account: &str, now: Balance, then: Option<Balance>| SumFacts {
            account: account.to_owned(),
            balance: written(now),
            change: then.map(|then| written(Balance::from_units(now.units().saturating_sub(then.units())))),
        };
        let side = |totals: &AssetBalance, house: House| totals.houses.get(&house).copied().unwrap_or_default();
        let customers = sum_of(CUSTOMERS, totals.customers, before.map(|before| before.customers));
        let houses = totals
            .houses
            .keys()
            .map(|house| sum_of(house.as_str(), side(totals, *house), before.map(|before| side(before, *house))));
        Self {
            asset: name.to_owned(),
            accounts: totals.accounts,
            unsettled: totals.unsettled,
            lines: std::iter::once(customers).chain(houses).collect(),
            sum: written(totals.sum()),
        }
    }
}

impl Facts for TrialBalanceFacts {
    fn print(&self) {
        print::line(match &self.day {
            Some(day) => format!("{day}, until {}", self.until),
            None => format!("now, until {}", self.until),
        });
        for AssetFacts { asset, accounts, unsettled, lines, sum } in &self.assets {
            print::line(format_args!("\n{asset}, {accounts} accounts"));
            let head = ["  account".to_owned(), "balance".to_owned(), "change".to_owned()];
            let row = |line: &SumFacts| {
                let change = line.change.clone().unwrap_or_else(|| "-".to_owned());
                [format!("  {}", line.account), line.balance.clone(), change]
            };
            let sum = ["  sum".to_owned(), sum.clone(), String::new()];
            let rows = std::iter::once(head).chain(lines.iter().map(row)).chain([sum]);
            print::columns(&rows.collect::<Vec<_>>());
            if *unsettled > 0 {
                print::line(format_args!("  {unsettled} accounts were written meanwhile, or differ: run `audit`"));
            }
        }
    }
}
