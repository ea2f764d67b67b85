//! `order accept`: books a payment that the order has refused, by an operator's decision.

use clap::Args;
use ledger::{Amount, Asset, Order};
use local::now;
use manual::OrderChange;

use super::by_hand::write;
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;

#[derive(Debug, Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    pub(super) what: Acceptance,
    #[command(flatten)]
    pub(super) by: ChangeArgs,
}

#[derive(Debug, Args)]
pub(super) struct Acceptance {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(super) number: String,
    /// The refused payment or invoice, as `order show` prints it
    #[arg(long)]
    payment: String,
    /// Grant this many credits in place of what was ordered
    #[arg(long, value_name = "AMOUNT")]
    credits: Option<String>,
    /// Accept a payment that its provider has not confirmed, after you have looked it up there
    #[arg(long)]
    confirmed: bool,
}

impl Acceptance {
    pub(super) fn credits(&self) -> Result<Option<Amount>, Error> {
        self.credits.as_deref().map(|text| parse::positive_amount(Asset::CREDITS, text)).transpose()
    }

    /// Commits over the order as it was read (optimistic locking).
    pub(super) async fn write(
        &self,
        books: &Books,
        order: &Order,
        credits: Option<Amount>,
        by: &Authorship,
    ) -> Result<ChangeResult, Error> {
        let (change, refused) = OrderChange::accept(order, &self.payment, self.confirmed, credits, now());
        let changed = write(books, &change, by).await?;
        changed.ok_or_else(|| Error::NotAccepted(order.number.clone(), refused))
    }
}
