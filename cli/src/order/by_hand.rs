//! A manual change of an order: one journal entry under its idempotency key, over the order as it was read.

use ledger::{
    Backlog as _, CommitError, Committed, Decision, Effect, Entry, EventKey, Fact, Facts, Fingerprint, JournalHeader,
    Ledger as _, Order, Writer,
};
use local::context;

use super::PATIENCE;
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;

/// A change of an order, with its author.
pub(super) struct ByHand<'c> {
    pub(super) kind: &'static str,
    pub(super) order: &'c Order,
    pub(super) by: &'c Authorship,
    /// The values that the fingerprint covers: others under the same id are a conflict.
    pub(super) what: Vec<(&'static str, String)>,
}

impl ByHand<'_> {
    /// Commits the effects, or returns the earlier commit under this id. `None` if there is nothing to commit and there was no commit.
    pub(super) async fn write(&self, books: &Books, effects: Vec<Effect>) -> Result<Option<ChangeResult>, Error> {
        let receipt = self.by.receipt()?;
        if effects.is_empty() {
            let known = books.ledger.already_journaled(&[receipt.clone()].into(), &context(PATIENCE)).await?;
            if known.is_empty() {
                return Ok(None);
            }
        }
        self.by.print_id("change");
        match books.ledger.commit(&self.decision(&receipt, effects), &context(PATIENCE)).await {
            Ok(Committed::Ignored { .. }) | Err(CommitError::Stale) => Err(Error::OrderOvertaken),
            Ok(committed) => Ok(Some(ChangeResult::of(&committed))),
            Err(CommitError::Conflict) => Err(Error::IdTaken(self.by.id.clone())),
            Err(cause @ CommitError::Unavailable(_)) => {
                Err(Error::Unanswered { retry_option: self.by.retry_option(), cause })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn decision(&self, receipt: &EventKey, effects: Vec<Effect>) -> Decision {
        let number = self.order.number.to_string();
        let mut fields = vec![("kind", self.kind), ("order", number.as_str())];
        fields.extend(self.what.iter().map(|(name, value)| (*name, value.as_str())));
        let signed = [("author", self.by.author.as_str()), ("reason", self.by.reason.as_str())];
        let signed = signed.into_iter().map(|(name, fact)| (name, Fact::from(fact)));
        let what = self.what.iter().map(|(name, value)| (*name, Fact::Text(value.clone())));
        let facts: Facts = signed.chain(what).collect();
        Decision::Record(Entry {
            header: JournalHeader {
                receipt: receipt.clone(),
                writer: Writer::Manual,
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
