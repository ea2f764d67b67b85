//! `orders`: those that were made, those of an owner, those that need a person, and those whose delivery waits.

use std::path::Path;

use clap::Args;
use insight::{OrderChoice, OrderFilter, OrderLine, OrderList, OrderStatus, orders};
use ledger::{Reason, Timestamp};
use local::{context, now};
use serde::Serialize;

use crate::account::PATIENCE;
use crate::books::BooksArgs;
use crate::error::Error;
use crate::parse;
use crate::print::{self, Facts, Form};

const SINCE: &str = "24h";

#[derive(Debug, Args)]
pub(crate) struct Orders {
    #[command(flatten)]
    which: BooksArgs,
    /// Only orders that need a person, the newest first
    #[arg(long, conflicts_with = "stuck")]
    anomalies: bool,
    /// Only paid orders whose delivery waits for longer than it takes, the longest first: on what, and since when
    #[arg(long, conflicts_with = "since")]
    stuck: bool,
    /// Only orders with this state of payment or delivery: unpaid, paid, refunded, disputed, pending, failed, unknown
    #[arg(long, value_parser = status)]
    status: Option<OrderStatus>,
    /// Only orders of this owner
    #[arg(long)]
    owner: Option<String>,
    /// Made, or with --anomalies flagged, since: 1h, 7d, or a date or time as 2026-01-01T00:00:00Z [default: 24h; all with
    /// --owner or --anomalies]
    #[arg(long, value_name = "24h|TIME")]
    since: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parse::number(1..=1_000_u16))]
    limit: u16,
}

fn status(word: &str) -> Result<OrderStatus, String> {
    let known = || OrderStatus::words().into_iter().collect::<Vec<_>>().join(", ");
    OrderStatus::named(word).ok_or_else(|| format!("give one of {}", known()))
}

pub(crate) async fn run(args: &Orders, dir: &Path, form: Form) -> Result<(), Error> {
    let at = now();
    let since = args.since.as_deref().map(|since| parse::since(since, at)).transpose()?;
    let owner = args.owner.as_deref().map(parse::owner).transpose()?;
    let choice = match (args.anomalies, args.stuck) {
        (true, _) => OrderChoice::Anomalies(since.unwrap_or(Timestamp::EPOCH)),
        (false, true) => OrderChoice::Stuck,
        (false, false) if owner.is_some() => OrderChoice::Made(since.unwrap_or(Timestamp::EPOCH)),
        (false, false) => OrderChoice::Made(since.map_or_else(|| parse::since(SINCE, at), Ok)?),
    };
    let filter = OrderFilter { choice, status: args.status, owner, after: None, orders_max: args.limit.into() };
    let books = args.which.open_to_read(dir).await?;
    form.show(&OrdersFacts::of(orders(&books.ledger, &filter, &context(PATIENCE)).await?));
    Ok(())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrdersFacts {
    orders: Vec<OrderFacts>,
    more: bool,
    /// Rows that cannot be read.
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderFacts {
    order_number: String,
    created_at: String,
    owner: String,
    product: String,
    quantity: u64,
    amount: String,
    currency: String,
    payment: &'static str,
    paid_at: Option<String>,
    fulfilment: &'static str,
    disputed: bool,
    anomaly: Option<&'static str>,
    flagged_since: Option<String>,
    waits_on: Option<&'static str>,
    waits_since: Option<String>,
}

impl OrdersFacts {
    fn of(OrderList { orders, unreadable, has_more, next: _ }: OrderList) -> Self {
        Self {
            orders: orders.iter().map(OrderFacts::of).collect(),
            more: has_more,
            unreadable: unreadable.into_iter().map(|row| row.id).collect(),
        }
    }
}

impl OrderFacts {
    fn of(OrderLine { order, flagged_since, waits }: &OrderLine) -> Self {
        Self {
            order_number: order.number.to_string(),
            created_at: order.created_at.to_string(),
            owner: order.owner.to_string(),
            product: order.terms.product.clone(),
            quantity: order.terms.quantity,
            amount: order.terms.price.priced(),
            currency: order.terms.price.currency.as_str().to_owned(),
            payment: order.payment.as_str(),
            paid_at: order.paid.as_ref().map(|paid| paid.at.to_string()),
            fulfilment: order.fulfilment.as_str(),
            disputed: order.is_disputed(),
            anomaly: order.flagged_for().map(Reason::as_str),
            flagged_since: flagged_since.map(|since| since.to_string()),
            waits_on: waits.map(|wait| wait.on.as_str()),
            waits_since: waits.map(|wait| wait.since.to_string()),
        }
    }

    fn cells(&self) -> [String; 7] {
        let (waits, since) = match (self.waits_on, &self.waits_since) {
            (Some(on), Some(since)) => (format!("waits on {on}"), since.clone()),
            _ => (self.anomaly.unwrap_or_default().to_owned(), self.flagged_since.clone().unwrap_or_default()),
        };
        let since = if since.is_empty() { since } else { format!("since {since}") };
        [
            self.created_at.clone(),
            self.order_number.clone(),
            self.owner.clone(),
            format!("{} {}", self.amount, self.currency),
            format!("{}, {}", if self.disputed { "disputed" } else { self.payment }, self.fulfilment),
            waits,
            since,
        ]
    }
}

impl Facts for OrdersFacts {
    fn print(&self) {
        if self.orders.is_empty() {
            print::line("no such orders");
        }
        print::columns(&self.orders.iter().map(OrderFacts::cells).collect::<Vec<_>>());
        for row in &self.unreadable {
            print::line(format_args!("{row} cannot be read: `order show {row}` says why"));
        }
        if self.more {
            print::line("there are more: name a later --since, or a larger --limit");
        }
    }
}
