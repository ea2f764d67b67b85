//! `order resolve`: a person has found out what became of a call to an operator, and says it.

use clap::{Args, ValueEnum};
use ledger::{
    CommitError, Committed, Decision, Effect, Fact, Facts, Fingerprint, Fingerprints, Ledger as _, Order, TopUpState,
    Transition, Verdict,
};
use local::{MANUAL_SOURCE, context, now};

use super::PATIENCE;
use crate::books::Books;
use crate::by::By;
use crate::changed::Changed;
use crate::error::Error;
use crate::print;

/// As long as what operators give.
const SEQ_CHARS_MAX: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(crate) number: String,
    /// What became of it
    #[arg(long = "as", value_enum)]
    verdict: Said,
    /// The operator's own number of it
    #[arg(long)]
    seq: Option<String>,
    /// The order's version that this is about, so that doing it again does nothing [default: the current one, which is printed first]
    #[arg(long, value_name = "VERSION")]
    order_version: Option<u64>,
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
    pub(super) async fn write(&self, books: &Books, order: &Order, author: &str) -> Result<Changed, Error> {
        let (verdict, said) = self.verdict.verdict();
        let seq = self.seq.as_deref().map(str::trim);
        let is_seq = |seq: &str| {
            verdict == Verdict::Done
                && (1..=SEQ_CHARS_MAX).contains(&seq.len())
                && seq.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let Some(text) = seq.filter(|seq| !is_seq(seq)) {
            return Err(Error::Seq { text: text.to_owned(), max: SEQ_CHARS_MAX });
        }
        let version = self.order_version.unwrap_or(order.version);
        let again = format!("--order-version {version}");
        let (read, effects) = if version < order.version {
            // Only the receipt matters: no order is written over a version that is gone.
            let read = Order { version, ..order.clone() };
            let after = Box::new(Order { version: version.saturating_add(1), ..order.clone() });
            (read, vec![Effect::Order { order: after, transition: Transition::Amend }])
        } else {
            let effects = order.resolve(verdict, seq.map(str::to_owned), now());
            let nothing = || Error::NothingToResolve(order.number.to_string(), why_not(order));
            (order.clone(), effects.filter(|_| version == order.version).ok_or_else(nothing)?)
        };
        let facts = [("author", author), ("reason", &self.by.reason), ("said", said)];
        let facts = facts.map(|(name, fact)| (name, Fact::from(fact))).into_iter();
        let facts = facts.chain(seq.map(|seq| ("seq", Fact::from(seq)))).collect();
        let decision = decision(&read, facts, effects, said, seq).ok_or(Error::OrderOvertaken)?;
        if self.order_version.is_none() {
            print::error(format_args!("{again} names what this resolves"));
        }
        match books.ledger.commit(&decision, &context(PATIENCE)).await {
            Ok(Committed::Ignored { .. }) | Err(CommitError::Stale | CommitError::Conflict) => {
                Err(Error::OrderOvertaken)
            }
            // What was made before of the same version: by a call whose answer was lost, or by another person.
            Ok(committed) => Ok(Changed::of(&committed)),
            Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { again, cause }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The step, with what was said of it: another word about the same version contradicts it.
fn decision(order: &Order, facts: Facts, effects: Vec<Effect>, said: &str, seq: Option<&str>) -> Option<Decision> {
    let Decision::Record(mut entry) = order.step(MANUAL_SOURCE, "resolve", facts, effects)? else {
        return None;
    };
    // The first version says nothing of the verdict.
    let step = entry.header.fingerprints.current().clone();
    let fields = [("step", step.as_str()), ("said", said), ("seq", seq.unwrap_or_default())];
    entry.header.fingerprints = Fingerprints::new(Fingerprint::of(2, &fields), vec![step]);
    Some(Decision::Record(entry))
}

fn why_not(order: &Order) -> &'static str {
    match order.top_up_call.as_ref().map(|top_up_call| top_up_call.state) {
        None => "no operator has been called",
        Some(TopUpState::Claimed) => "the call may still be under way: wait two minutes",
        Some(TopUpState::Done) => "it is done",
        Some(TopUpState::Failed) => "it has failed",
        Some(TopUpState::Pending | TopUpState::Unknown) => "it has changed",
    }
}
