//! `order`: what is known of an order, for whoever has to say what happened; and what only a person can say of it.

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

use crate::books::{Books, Which};
use crate::changed::Changed;
use crate::error::Error;
use crate::given;
use crate::print::{self, Facts, Form};
use crate::repaired::Repaired;

use accept::Accept;
use clear::Clear;
use facts::OrderFacts;
use resolve::Resolve;

/// A person waits longer than a sender does.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Order {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Its terms, its payment, what was delivered, and all that was claimed back
    Show {
        #[arg(value_name = "ORDER_NUMBER")]
        number: String,
    },
    /// Say what became of a top-up of which no machine knows. It stands in the journal
    Resolve(Resolve),
    /// Book a payment or an invoice that the order has refused. It stands in the journal
    Accept(Accept),
    /// Close what is flagged on an order. It stands in the journal
    Clear(Clear),
    /// Make an order and its lines agree, as `audit` says
    Repair(repair::Repair),
}

/// A change, and the order after it.
#[derive(Serialize)]
struct OrderChanged<C> {
    #[serde(flatten)]
    changed: C,
    /// `None` where it could not be read.
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
            let number = given::order_number(&number)?;
            form.show(&OrderFacts(read(&which.open(dir).await?, &number).await?));
        }
        Action::Repair(repair) => {
            let (number, what) = repair.read()?;
            let by = repair.by.signed(variable)?;
            let books = which.open(dir).await?;
            let repaired: Repaired = repair::write(&books, &number, &what, &by).await?;
            show_changed(repaired, &books, &number, form).await;
        }
        Action::Resolve(resolve) => {
            let number = given::order_number(&resolve.number)?;
            let author = resolve.by.author(variable)?;
            let books = which.open(dir).await?;
            let order = read(&books, &number).await?;
            let changed: Changed = resolve.write(&books, &order, &author).await?;
            show_changed(changed, &books, &number, form).await;
        }
        Action::Accept(Accept { what, by }) => {
            let (number, by) = (given::order_number(&what.number)?, by.signed(variable)?);
            let (credits, books) = (what.credits()?, which.open(dir).await?);
            let order = read(&books, &number).await?;
            let changed = what.write(&books, &order, credits, &by).await?;
            show_changed(changed, &books, &number, form).await;
        }
        Action::Clear(Clear { what, by }) => {
            let (number, by) = (given::order_number(&what.number)?, by.signed(variable)?);
            let (reason, books) = (what.reason()?, which.open(dir).await?);
            let order = read(&books, &number).await?;
            let changed = what.write(&books, &order, reason, &by).await?;
            show_changed(changed, &books, &number, form).await;
        }
    }
    Ok(())
}

async fn read(books: &Books, number: &OrderNumber) -> Result<Row, Error> {
    let order = books.ledger.order(number, &context(PATIENCE)).await?;
    order.ok_or_else(|| Error::UnknownOrder(number.to_string()))
}

/// The change is made, whatever comes of this read.
async fn show_changed<C: Facts>(changed: C, books: &Books, number: &OrderNumber, form: Form) {
    let order = match read(books, number).await {
        Ok(order) => Some(OrderFacts(order)),
        Err(error) => {
            print::error(format_args!("{number} cannot be shown: {}", error.line()));
            None
        }
    };
    form.show(&OrderChanged { changed, order });
}

impl<C: Facts> Facts for OrderChanged<C> {
    fn print(&self) {
        self.changed.print();
        if let Some(order) = &self.order {
            order.print();
        }
    }
}
