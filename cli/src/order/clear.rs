//! `order clear`: closes anomalies that an operator has handled.

use clap::Args;
use ledger::{Clearing, Order, Reason};

use super::by_hand::ByHand;
use crate::authorship::{Authorship, ChangeArgs};
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(super) what: Flagged,
    #[command(flatten)]
    pub(super) by: ChangeArgs,
}

#[derive(Debug, Args)]
pub(super) struct Flagged {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(super) number: String,
    /// Only anomalies of this name, such as `duplicate_payment`, as `order show` prints it
    #[arg(long)]
    anomaly: Option<String>,
    /// Only anomalies of this payment
    #[arg(long)]
    payment: Option<String>,
}

impl Flagged {
    pub(super) fn reason(&self) -> Result<Option<Reason>, Error> {
        self.anomaly.as_deref().map(reason).transpose()
    }

    /// Commits over the order as it was read (optimistic locking).
    pub(super) async fn write(
        &self,
        books: &Books,
        order: &Order,
        reason: Option<Reason>,
        by: &Authorship,
    ) -> Result<ChangeResult, Error> {
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
