//! `order accept`: a person books a payment that the order has refused.

use clap::Args;
use ledger::{AcceptError, Asset, Effect, Order};

use super::by_hand::{ByHand, Named};
use crate::books::Books;
use crate::error::Error;
use crate::now;

#[derive(Debug, Args)]
pub(crate) struct Accept {
    pub(crate) number: String,
    /// The refused payment or invoice, as `order show` names it
    #[arg(long)]
    payment: String,
    /// So many credits in place of what was ordered
    #[arg(long)]
    credits: Option<String>,
    /// Its provider has not confirmed it to us, and a person has looked it up there
    #[arg(long)]
    confirmed: bool,
    #[command(flatten)]
    pub(crate) by: Named,
}

impl Accept {
    /// Over the order as it was read.
    pub(super) async fn write(&self, books: &Books, order: &Order, author: &str) -> Result<(), Error> {
        let receipt = self.by.receipt()?;
        let credits = self.credits.as_deref().map(|text| Asset::CREDITS.parse(text)).transpose()?;
        let effects = order.acceptable(&self.payment, self.confirmed);
        let effects = effects.and_then(|payment| order.accept(&payment, credits, now()));
        let (effects, refused) = match effects {
            Ok(effects) => (effects, AcceptError::Booked),
            // The same command may have been carried out before, under the same name.
            Err(refused) => (Vec::<Effect>::new(), refused),
        };
        let id = self.payment.rsplit('#').next().unwrap_or_default().to_owned();
        let mut what = vec![("payment", id)];
        what.extend(credits.map(|credits| ("credits", Asset::CREDITS.format(credits))));
        let change = ByHand { kind: "accept", order, author, by: &self.by, what };
        if change.write(books, &receipt, effects).await? {
            Ok(())
        } else {
            Err(Error::NotAccepted(order.number.clone(), refused))
        }
    }
}
