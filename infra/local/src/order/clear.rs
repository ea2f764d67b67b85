//! `order clear`: a person has seen to what is wrong with an order, and closes its flag.

use clap::Args;
use ledger::{Clearing, Order, Reason};

use super::by_hand::{ByHand, Named};
use crate::books::Books;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Clear {
    pub(crate) number: String,
    /// Only what is flagged for this reason, as `order show` names it
    #[arg(long, value_name = "REASON")]
    kind: Option<String>,
    /// Only what is about this payment
    #[arg(long)]
    payment: Option<String>,
    #[command(flatten)]
    pub(crate) by: Named,
}

impl Clear {
    /// Over the order as it was read.
    pub(super) async fn write(&self, books: &Books, order: &Order, author: &str) -> Result<(), Error> {
        let receipt = self.by.receipt()?;
        let reason = self.kind.as_deref().map(reason).transpose()?;
        let payment = self.payment.as_deref();
        let effects = order.clear(Clearing { reason, payment });
        let kind = reason.map(|reason| ("anomaly", reason.as_str().to_owned()));
        let payment = payment.map(|payment| ("payment", payment.to_owned()));
        let what = kind.into_iter().chain(payment).collect();
        let change = ByHand { kind: "clear", order, author, by: &self.by, what };
        let is_done = change.write(books, &receipt, effects).await?;
        if is_done { Ok(()) } else { Err(Error::NothingToClear(order.number.clone())) }
    }
}

fn reason(text: &str) -> Result<Reason, Error> {
    let known = Reason::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| Error::UnknownReason(text.to_owned()))
}
