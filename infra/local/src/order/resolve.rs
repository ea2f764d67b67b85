//! `order resolve`: a person has found out what became of a call to an operator, and says it.

use clap::{Args, ValueEnum};
use ledger::{CommitError, Committed, Fact, Ledger as _, Order, RechargeState, Verdict};

use super::PATIENCE;
use crate::books::Books;
use crate::by::By;
use crate::error::Error;
use crate::seed::delivery;
use crate::{manual, now, print};

/// As long as what operators give.
const SEQ_CHARS_MAX: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    pub(crate) number: String,
    /// What became of it
    #[arg(long = "as", value_enum)]
    verdict: Said,
    /// The operator's own number of it
    #[arg(long)]
    seq: Option<String>,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Said {
    /// The telephone was topped up
    Done,
    /// It was not, and the buyer gets the money back
    Failed,
    /// It was not, and is to be: the operator is called once more
    Again,
}

impl Said {
    const fn verdict(self) -> (Verdict, &'static str) {
        match self {
            Self::Done => (Verdict::Done, "done"),
            Self::Failed => (Verdict::Failed, "failed"),
            Self::Again => (Verdict::Again, "again"),
        }
    }
}

impl Resolve {
    /// Over the order as the person has seen it.
    pub(super) async fn write(&self, books: &Books, order: &Order, author: &str) -> Result<(), Error> {
        let (verdict, said) = self.verdict.verdict();
        let seq = self.seq.as_deref().map(str::trim);
        let is_seq = |seq: &str| {
            verdict == Verdict::Done
                && (1..=SEQ_CHARS_MAX).contains(&seq.len())
                && seq.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if seq.is_some_and(|seq| !is_seq(seq)) {
            return Err(Error::Seq(SEQ_CHARS_MAX));
        }
        let effects = order.resolve(verdict, seq.map(str::to_owned), now());
        let effects = effects.ok_or_else(|| Error::NothingToResolve(order.number.to_string(), why_not(order)))?;
        let facts = [("author", author), ("reason", &self.by.reason), ("said", said)];
        let facts = facts.map(|(name, fact)| (name, Fact::from(fact))).into_iter();
        let facts = facts.chain(seq.map(|seq| ("seq", Fact::from(seq)))).collect();
        let decision = order.step(manual::SOURCE, "resolve", facts, effects).ok_or(Error::OrderOvertaken)?;
        match books.ledger.commit(&decision, &delivery(PATIENCE)).await {
            Ok(Committed::Now(receipt)) => {
                print::line(format_args!("done: {}", receipt.key));
                Ok(())
            }
            // Somebody else has said something of the same version, and perhaps something else.
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) | Err(CommitError::Stale) => {
                Err(Error::OrderOvertaken)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn why_not(order: &Order) -> &'static str {
    match order.recharge.as_ref().map(|recharge| recharge.state) {
        None => "no operator has been called",
        Some(RechargeState::Claimed) => "the call may still be under way: wait two minutes",
        Some(RechargeState::Done) => "it is done",
        Some(RechargeState::Failed) => "it has failed",
        Some(RechargeState::Pending | RechargeState::Unknown) => "it has changed",
    }
}
