//! `rate`: sets, revokes and lists exchange rates. Every change is a journal entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use catalog::{Catalog, Product, SHIPPED};
use clap::{Args, Subcommand};
use ledger::{Backlog as _, Committed, CurrencyPair, Ledger as _, RateError, Rates, Timestamp};
use local::{What, context, now};
use serde::Serialize;

use crate::account::{PATIENCE, committed};
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

/// A warm function caches the rates for a minute.
const STILL_USED: &str =
    "  A function that made an order in the last minute may use the rates before until that minute ends.";

#[derive(Debug, Args)]
pub(crate) struct RateCommand {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set the price of one unit of the first currency in the second, from a moment on. Orders keep the rate that they have
    Set {
        /// As MNT/CNY
        pair: String,
        /// As 0.00204, with at most nine decimals
        #[arg(allow_negative_numbers = true)]
        rate: String,
        /// From when it is in force, as 2026-01-01T00:00:00+08:00; a date is its start in UTC [default: at once]
        #[arg(long)]
        from: Option<String>,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// Revoke a rate: the one before it is in force again, and without one no order is made
    Revoke {
        /// As MNT/CNY
        pair: String,
        /// From when the rate is in force, as `rate list` prints it
        #[arg(long)]
        from: String,
        #[command(flatten)]
        by: ChangeArgs,
    },
    /// List the rates of a pair, or of every pair that the catalog needs
    List {
        /// As MNT/CNY
        pair: Option<String>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RateFacts {
    from: String,
    rate: String,
    state: &'static str,
    revoked_at: Option<String>,
    receipt: String,
}

/// The rates by pair.
#[derive(Serialize)]
struct RateList {
    pairs: BTreeMap<String, Vec<RateFacts>>,
}

#[derive(Serialize)]
struct RateChange {
    #[serde(flatten)]
    changed: ChangeResult,
    #[serde(flatten)]
    list: RateList,
}

pub(crate) async fn run(
    args: RateCommand,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    match args.action {
        Action::Set { pair, rate, from, by } => {
            let (pair, rate) = (parse::pair(&pair)?, parse::rate(&rate)?);
            let (from, by) = (from.as_deref().map(parse::time).transpose()?, by.authorship(variable)?);
            let (books, receipt) = (args.which.open(dir).await?, by.receipt()?);
            let set = |rates: &Rates, now| rates.set(rate.clone(), from.unwrap_or(now), now, receipt);
            let what = |rates| What::SetRate { rates, rate: rate.clone(), from };
            change(&books, &by, pair, set, what, form).await
        }
        Action::Revoke { pair, from, by } => {
            let (pair, from, by) = (parse::pair(&pair)?, parse::time(&from)?, by.authorship(variable)?);
            let books = args.which.open(dir).await?;
            let revoke = |rates: &Rates, now| rates.revoke(from, now);
            change(&books, &by, pair, revoke, |rates| What::RevokeRate { rates, from }, form).await
        }
        Action::List { pair } => {
            let pairs = match pair {
                Some(pair) => [parse::pair(&pair)?].into(),
                None => needed_pairs(),
            };
            let books = args.which.open(dir).await?;
            let mut list = RateList { pairs: BTreeMap::new() };
            for pair in pairs {
                list.add(&books.ledger.rates(pair, &context(PATIENCE)).await?);
            }
            form.show(&list);
            Ok(())
        }
    }
}

/// Makes the change over the rates that are stored. A change that the rates refuse may be a repeat: over rates as they
/// were read the commit makes no change, and compares the command with the one that is booked under the id.
async fn change(
    books: &Books,
    by: &Authorship,
    pair: CurrencyPair,
    after: impl FnOnce(&Rates, Timestamp) -> Result<Rates, RateError>,
    what: impl Fn(Rates) -> What,
    form: Form,
) -> Result<(), Error> {
    let before = books.ledger.rates(pair, &context(PATIENCE)).await?;
    let (changed, rates) = match after(&before, now()) {
        Ok(rates) => (ChangeResult::of(&committed(books, by, what(rates.clone())).await?), rates),
        Err(refused) => {
            let receipt = by.receipt()?;
            let journaled = books.ledger.already_journaled(&[receipt].into(), &context(PATIENCE)).await?;
            if journaled.is_empty() {
                return Err(refused.into());
            }
            match committed(books, by, what(before.clone())).await? {
                earlier @ Committed::Earlier(_) => (ChangeResult::of(&earlier), before.clone()),
                Committed::Now(_) | Committed::Ignored { .. } => return Err(refused.into()),
            }
        }
    };
    // A repeat changes nothing, so the stored rates are those that were read.
    let shown = if changed.is_done_now() { rates } else { before };
    let mut list = RateList { pairs: BTreeMap::new() };
    list.add(&shown);
    form.show(&RateChange { changed, list });
    Ok(())
}

/// The pairs whose rates the shipped catalog needs.
fn needed_pairs() -> BTreeSet<CurrencyPair> {
    Catalog::parse(SHIPPED).iter().flat_map(Catalog::products).filter_map(Product::exchange).collect()
}

impl RateList {
    fn add(&mut self, rates: &Rates) {
        let now = now();
        let in_force = rates.start_in_force(now);
        let facts = rates.by_start.iter().rev().map(|(from, dated)| {
            let state = if dated.revoked_at.is_some() {
                "revoked"
            } else if *from > now {
                "ahead"
            } else if in_force == Some(*from) {
                "in_force"
            } else {
                "ended"
            };
            RateFacts {
                from: from.to_string(),
                rate: dated.rate.to_string(),
                state,
                revoked_at: dated.revoked_at.map(|at| at.to_string()),
                receipt: dated.set_by.to_string(),
            }
        });
        self.pairs.insert(rates.pair.to_string(), facts.collect());
    }
}

impl Facts for RateList {
    fn print(&self) {
        for (pair, rates) in &self.pairs {
            if !rates.iter().any(|facts| facts.state == "in_force") {
                print::line(format_args!(
                    "{pair} has no rate in force, so no order that needs it is made: rate set {pair} RATE --reason …"
                ));
            }
            let head = [pair, "from", "state", "receipt"].map(str::to_owned);
            let row = |facts: &RateFacts| {
                let state = facts.state.replace('_', " ");
                [facts.rate.clone(), facts.from.clone(), state, facts.receipt.clone()]
            };
            print::columns(&std::iter::once(head).chain(rates.iter().map(row)).collect::<Vec<_>>());
        }
    }
}

impl Facts for RateChange {
    fn print(&self) {
        self.changed.print();
        self.list.print();
        print::line(STILL_USED);
    }
}
