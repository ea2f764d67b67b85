//! `order clear`: closes anomalies that an operator has handled.

use clap::Args;
use ledger::{Clearing, Order, Reason};
use manual::OrderChange;

use super::by_hand::write;
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
        let change = OrderChange::clear(order, Clearing { reason, payment: self.payment.as_deref() });
        let changed = write(books, &change, by).await?;
        changed.ok_or_else(|| Error::NothingToClear(order.number.clone()))
    }
}

fn reason(text: &str) -> Result<Reason, Error> {
    let known = Reason::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    known.ok_or_else(|| Error::UnknownReason(text.to_owned()))
}
