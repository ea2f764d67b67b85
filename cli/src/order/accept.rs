//! `order accept`: a person books a payment that the order has refused.

use clap::Args;
use ledger::{AcceptError, Amount, Asset, Effect, Order};
use local::now;

use super::by_hand::ByHand;
use crate::books::Books;
use crate::by::{Named, Signed};
use crate::changed::Changed;
use crate::error::Error;
use crate::given;

#[derive(Debug, Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    pub(super) what: Acceptance,
    #[command(flatten)]
    pub(super) by: Named,
}

#[derive(Debug, Args)]
pub(super) struct Acceptance {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(super) number: String,
    /// The refused payment or invoice, as `order show` names it
    #[arg(long)]
    payment: String,
    /// So many credits in place of what was ordered
    #[arg(long, value_name = "AMOUNT")]
    credits: Option<String>,
    /// Its provider has not confirmed it to us, and a person has looked it up there
    #[arg(long)]
    confirmed: bool,
}

impl Acceptance {
    pub(super) fn credits(&self) -> Result<Option<Amount>, Error> {
        self.credits.as_deref().map(|text| given::moved(Asset::CREDITS, text)).transpose()
    }

    /// Over the order as it was read.
    pub(super) async fn write(
        &self,
        books: &Books,
        order: &Order,
        credits: Option<Amount>,
        by: &Signed,
    ) -> Result<Changed, Error> {
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
        let change = ByHand { kind: "accept", order, by, what };
        let changed = change.write(books, effects).await?;
        changed.ok_or_else(|| Error::NotAccepted(order.number.clone(), refused))
    }
}
