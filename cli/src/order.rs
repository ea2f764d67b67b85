//! `order`: shows an order, and records an operator's decisions about it.

mod accept;
mod by_hand;
mod clear;
mod facts;
mod flags;
mod lines;
mod repair;
mod resolve;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use ledger::{Ledger as _, Order as Row, OrderNumber};
use local::context;
use serde::Serialize;

use crate::books::{Books, BooksArgs};
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};
use crate::repair_result::RepairResult;

use accept::Accept;
use clear::Clear;
use facts::OrderFacts;
use resolve::Resolve;

/// The timeout of a store call; an operator can wait longer than a webhook sender.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Order {
    #[command(flatten)]
    which: BooksArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show its terms, its payment, its deliveries, refunds, disputes and anomalies
    Show {
        #[arg(value_name = "ORDER_NUMBER")]
        number: String,
    },
    /// Record the result of a top-up whose result is unknown. The journal keeps author and reason
    Resolve(Resolve),
    /// Book a payment or an invoice that the order has refused. The journal keeps author and reason
    Accept(Accept),
    /// Close the anomalies of an order. The journal keeps author and reason
    Clear(Clear),
    /// Make an order and its lines agree, with the command that `audit` prints
    Repair(repair::Repair),
}

/// A change, and the order after it.
#[derive(Serialize)]
struct OrderChange<C> {
    #[serde(flatten)]
    changed: C,
    /// `None` if it could not be read.
    order: Option<OrderFacts>,
}

pub(crate) async fn run(
    args: Order,
    dir: &Path,
    form: Form,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let which = args.which;
    match args.action {
        Action::Show { number } => {
            let number = parse::order_number(&number)?;
            form.show(&OrderFacts(read(&which.open(dir).await?, &number).await?));
        }
        Action::Repair(repair) => {
            let (number, what) = repair.read()?;
            let by = repair.by.authorship(variable)?;
            let books = which.open(dir).await?;
            let repaired: RepairResult = repair::write(&books, &number, &what, &by).await?;
            show_result(repaired, &books, &number, form).await;
        }
        Action::Resolve(resolve) => {
            let number = parse::order_number(&resolve.number)?;
            let author = resolve.by.author(variable)?;
            let books = which.open(dir).await?;
            let order = read(&books, &number).await?;
            let changed: ChangeResult = resolve.write(&books, &order, &author).await?;
            show_result(changed, &books, &number, form).await;
        }
        Action::Accept(Accept { what, by }) => {
            let (number, by) = (parse::order_number(&what.number)?, by.authorship(variable)?);
            let (credits, books) = (what.credits()?, which.open(dir).await?);
            let order = read(&books, &number).await?;
            let changed = what.write(&books, &order, credits, &by).await?;
            show_result(changed, &books, &number, form).await;
        }
        Action::Clear(Clear { what, by }) => {
            let (number, by) = (parse::order_number(&what.number)?, by.authorship(variable)?);
            let (reason, books) = (what.reason()?, which.open(dir).await?);
            let order = read(&books, &number).await?;
            let changed = what.write(&books, &order, reason, &by).await?;
            show_result(changed, &books, &number, form).await;
        }
    }
    Ok(())
}

async fn read(books: &Books, number: &OrderNumber) -> Result<Row, Error> {
    let order = books.ledger.order(number, &context(PATIENCE)).await?;
    order.ok_or_else(|| Error::UnknownOrder(number.to_string()))
}

/// A failed read here is only printed, since the change is already made.
async fn show_result<C: Facts>(changed: C, books: &Books, number: &OrderNumber, form: Form) {
    let order = match read(books, number).await {
        Ok(order) => Some(OrderFacts(order)),
        Err(error) => {
            print::error(format_args!("cannot show {number}: {}", error.line()));
            None
        }
    };
    form.show(&OrderChange { changed, order });
}

impl<C: Facts> Facts for OrderChange<C> {
    fn print(&self) {
        self.changed.print();
        if let Some(order) = &self.order {
            order.print();
        }
    }
}
