//! `order resolve`: records the result of a top-up call that the operator's API did not report.

use clap::{Args, ValueEnum};
use ledger::{
    Amount, CommitError, Committed, Decision, Effect, Fact, Facts, Fingerprint, Fingerprints, Order, TopUpState,
    Transition, Verdict, Writer,
};
use local::{context, now};
use manual::{SEQ_CHARS_MAX, is_seq};

use super::PATIENCE;
use crate::authorship::AuthorArgs;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::parse;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    #[arg(value_name = "ORDER_NUMBER")]
    pub(crate) number: String,
    /// The result of the call
    #[arg(long = "as", value_enum)]
    verdict: VerdictArg,
    /// The operator's number of the top-up
    #[arg(long)]
    seq: Option<String>,
    /// The order version to resolve; a version is resolved once [default: the current one, which is printed first]
    #[arg(long, value_name = "VERSION", value_parser = parse::version)]
    order_version: Option<u64>,
    #[command(flatten)]
    pub(crate) by: AuthorArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum VerdictArg {
    /// The telephone was topped up
    Done,
    /// It was not, and you refund the buyer
    Failed,
    /// It was not: call the operator once more
    Again,
}

impl VerdictArg {
    const fn verdict(self) -> (Verdict, &'static str) {
        match self {
            Self::Done => (Verdict::Done, "done"),
            Self::Failed => (Verdict::Failed, "failed"),
            Self::Again => (Verdict::Again, "again"),
        }
    }
}

impl Resolve {
    /// Commits over the version of the order that was read (optimistic locking).
    pub(super) async fn write(&self, books: &Books, order: &Order, author: &str) -> Result<ChangeResult, Error> {
        let (verdict, name) = self.verdict.verdict();
        let seq = self.seq.as_deref().map(str::trim);
        if let Some(text) = seq.filter(|seq| verdict != Verdict::Done || !is_seq(seq)) {
            return Err(Error::Seq { text: text.to_owned(), max: SEQ_CHARS_MAX });
        }
        let version = self.order_version.unwrap_or(order.version);
        let retry_option = format!("--order-version {version}");
        let (read, effects) = if version < order.version {
            // A retry: only the receipt matters, since no commit succeeds over a version that is gone.
            let read = Order { version, ..order.clone() };
            let after = Box::new(Order { version: version.saturating_add(1), ..order.clone() });
            (read, vec![Effect::Order { order: after, transition: Transition::Amend, refunded: Amount::ZERO }])
        } else {
            let effects = order.resolve(verdict, seq.map(str::to_owned), now());
            let nothing = || Error::NothingToResolve(order.number.to_string(), why_not(order));
            (order.clone(), effects.filter(|_| version == order.version).ok_or_else(nothing)?)
        };
        let facts = [("author", author), ("reason", &self.by.reason), ("verdict", name)];
        let facts = facts.map(|(key, fact)| (key, Fact::from(fact))).into_iter();
        let facts = facts.chain(seq.map(|seq| ("seq", Fact::from(seq)))).collect();
        let decision = decision(&read, facts, effects, name, seq).ok_or(Error::OrderOvertaken)?;
        if self.order_version.is_none() {
            print::error(format_args!("{retry_option} names the version that this resolves"));
        }
        match books.commit(&decision, &context(PATIENCE)).await {
            Ok(Committed::Ignored { .. }) | Err(CommitError::Stale | CommitError::Conflict) => {
                Err(Error::OrderOvertaken)
            }
            // Includes an earlier commit of the same version: a retry, or another operator with the same verdict.
            Ok(committed) => Ok(ChangeResult::of(&committed)),
            Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { retry_option, cause }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The step, with the verdict in its fingerprint: another verdict on the same version is a conflict.
fn decision(order: &Order, facts: Facts, effects: Vec<Effect>, name: &str, seq: Option<&str>) -> Option<Decision> {
    let Decision::Record(mut entry) = order.step(Writer::Manual, "resolve", facts, effects)? else {
        return None;
    };
    // Version 1 of the fingerprint does not cover the verdict; stored rows with it must still match.
    let step = entry.header.fingerprints.current().clone();
    let fields = [("step", step.as_str()), ("verdict", name), ("seq", seq.unwrap_or_default())];
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
