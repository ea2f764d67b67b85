//! `order clear`: a person has seen to what is wrong with an order, and closes its flag.

use clap::Args;
use ledger::{Clearing, Order, Reason};

use super::by_hand::ByHand;
use crate::books::Books;
use crate::by::{Named, Signed};
use crate::changed::Changed;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(super) what: Flagged,
    #[command(flatten)]
    pub(super) by: Named,
}

#[derive(Debug, Args)]
pub(super) struct Flagged {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(super) number: String,
    /// Only anomalies of this name, such as `duplicate_payment`: `order show` has it
    #[arg(long)]
    anomaly: Option<String>,
    /// Only what is about this payment
    #[arg(long)]
    payment: Option<String>,
}

impl Flagged {
    pub(super) fn reason(&self) -> Result<Option<Reason>, Error> {
        self.anomaly.as_deref().map(reason).transpose()
    }

    /// Over the order as it was read.
    pub(super) async fn write(
        &self,
        books: &Books,
        order: &Order,
        reason: Option<Reason>,
        by: &Signed,
    ) -> Result<Changed, Error> {
        let payment = self.payment.as_deref();
        let effects = order.clear(Clearing { reason, payment });
        let anomaly = reason.map(|reason| ("anomaly", reason.as_str().to_owned()));
        let payment = payment.map(|payment| ("payment", payment.to_owned()));
        let what = anomaly.into_iter().chain(payment).collect();
        let changed = ByHand { kind: "clear", order, by, what }.write(books, effects).await?;
        changed.ok_or_else(|| Error::NothingToClear(order.number.clone()))
    }
}

fn reason(text: &str) -> Result<Reason, Error> {
    let known = Reason::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| Error::UnknownReason(text.to_owned()))
}
