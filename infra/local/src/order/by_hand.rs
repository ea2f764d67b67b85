//! What a person changes of an order by hand: an entry of the journal, over the order as it was read, that happens once under its name.

use clap::Args;
use ledger::{
    Backlog as _, CommitError, Committed, Decision, Effect, Entry, EventKey, Fact, Facts, Fingerprint, Heading,
    Ledger as _, Order, Receipt,
};

use super::PATIENCE;
use crate::books::Books;
use crate::by::By;
use crate::error::Error;
use crate::seed::delivery;
use crate::{manual, print};

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[command(flatten)]
    pub(crate) by: By,
    /// A name for this change, so that doing it again does nothing [default: a new one, which is printed first]
    #[arg(long)]
    id: Option<String>,
}

/// A change of an order, and who makes it.
pub(super) struct ByHand<'c> {
    pub(super) kind: &'static str,
    pub(super) order: &'c Order,
    pub(super) author: &'c str,
    pub(super) by: &'c Named,
    /// What makes it this change and no other.
    pub(super) what: Vec<(&'static str, String)>,
}

impl Named {
    /// The receipt of the change. A name that cannot be one makes nothing.
    pub(super) fn receipt(&self) -> Result<EventKey, Error> {
        let id = self.id.clone().unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)));
        Ok(EventKey::new(manual::SOURCE, &id)?)
    }
}

impl ByHand<'_> {
    /// Books the effects; or says that the change was made before under this name. `Ok(false)`: there is nothing of this name.
    pub(super) async fn write(&self, books: &Books, receipt: &EventKey, effects: Vec<Effect>) -> Result<bool, Error> {
        if effects.is_empty() {
            let known = books.ledger.known(&[receipt.clone()].into(), &delivery(PATIENCE)).await?;
            if known.is_empty() {
                return Ok(false);
            }
        }
        if let Some(id) = receipt.as_str().strip_prefix("manual#").filter(|_| self.by.id.is_none()) {
            // Before the call: a command that is interrupted must not take the name with it.
            print::error(format_args!("--id {id} names this change"));
        }
        match books.ledger.commit(&self.decision(receipt, effects), &delivery(PATIENCE)).await {
            Ok(Committed::Now(Receipt { key, .. })) => print::line(format_args!("done: {key}")),
            Ok(Committed::Earlier(Receipt { key, processed_at })) => {
                print::line(format_args!("already done: {key}, at {processed_at}"));
            }
            Ok(Committed::Ignored { .. }) | Err(CommitError::Stale) => return Err(Error::OrderOvertaken),
            Err(CommitError::Conflict) => return Err(Error::IdTaken(receipt.to_string())),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn decision(&self, receipt: &EventKey, effects: Vec<Effect>) -> Decision {
        let number = self.order.number.to_string();
        let mut fields = vec![("kind", self.kind), ("order", number.as_str())];
        fields.extend(self.what.iter().map(|(name, value)| (*name, value.as_str())));
        let signed = [("author", self.author), ("reason", self.by.by.reason.as_str())];
        let signed = signed.into_iter().map(|(name, fact)| (name, Fact::from(fact)));
        let what = self.what.iter().map(|(name, value)| (*name, Fact::Text(value.clone())));
        let facts: Facts = signed.chain(what).collect();
        Decision::Record(Entry {
            heading: Heading {
                receipt: receipt.clone(),
                source: manual::SOURCE,
                kind: self.kind,
                facts,
                fingerprints: Fingerprint::of(1, &fields).into(),
                order: Some(self.order.number.clone()),
            },
            effects,
            keeps_body: false,
            alarm: None,
        })
    }
}
