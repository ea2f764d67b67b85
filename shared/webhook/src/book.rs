//! What becomes of an event whose sender is known: parsed, decided on, committed. The same for a delivery and for a replay.

use edge::Invocation;
use ledger::{
    CallContext, CommitError, Committed, Decision, Entry, EventKey, Fingerprint, JournalHeader, Ledger, OrderNumber,
    Reason, Refusal,
};

use crate::{Admission, Outcome, ParseError, Received, Webhook};

/// In each round somebody else has got through, and one payment has only so many events. Beyond that the sender comes again.
const ROUNDS_MAX: u32 = 8;

/// A verified event was refused, and no retry changes that: a person accepts it, clears it, or gives the money back.
const REFUSED: &str = "refused";

/// How a delivery ended, and the event that it carried.
#[derive(Debug)]
pub(crate) struct Booked {
    pub(crate) outcome: Outcome,
    /// By the sender's own name for it.
    pub(crate) event_id: Option<String>,
    pub(crate) order: Option<OrderNumber>,
    /// The store will not take it however often it is tried: a row that cannot be read, or a fault of ours.
    pub(crate) is_stuck: bool,
}

impl Booked {
    fn of_commit(committed: Result<Committed, CommitError>) -> Self {
        let is_stuck = matches!(committed, Err(CommitError::Refused(_)));
        Self { is_stuck, ..Outcome::of_commit(committed).into() }
    }
}

/// Of a delivery that ended before an event was read from it.
impl From<Outcome> for Booked {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, event_id: None, order: None, is_stuck: false }
    }
}

pub(crate) async fn book<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    received: &Received<'_>,
    context: &CallContext<'_>,
) -> Booked {
    match source.parse(received) {
        Ok(event) => {
            let header = source.header(&event);
            book_event(source, ledger, admission, event, header, context).await
        }
        Err(error) => {
            let event_id = error.event_id.clone();
            Booked { event_id, ..keep_unparsed::<W, L>(ledger, received, error, context).await }
        }
    }
}

/// What was parsed, and what the journal says of it.
pub(crate) async fn book_event<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    event: W::Event,
    header: JournalHeader,
    context: &CallContext<'_>,
) -> Booked {
    let (event_id, order) = (Some(source.event_id(&event).to_owned()), header.order.clone());
    let booked = if ledger.recall(&header.receipt, &header.fingerprints).is_some() {
        Outcome::Repeat.into()
    } else if admission.is_within_window(source.sent_at(&event), context.received_at) {
        Booked::of_commit(settle(source, ledger, &event, &header, context).await)
    } else {
        let refusal = Refusal { header, reason: Reason::OutsideClockWindow, effects: Vec::new() };
        Booked::of_commit(ledger.commit(&Decision::Refuse(refusal), context).await)
    };
    Booked { event_id, order, ..booked }
}

/// What the books are told of a request.
pub(crate) fn context<'r>(received: &'r Received<'_>, invocation: &Invocation) -> CallContext<'r> {
    CallContext { body: Some(received.raw(invocation.now)), ..invocation.context() }
}

/// Loads, decides and commits; and where that has changed which was decided on, once more.
async fn settle<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    event: &W::Event,
    header: &JournalHeader,
    context: &CallContext<'_>,
) -> Result<Committed, CommitError> {
    for _ in 0..ROUNDS_MAX {
        let loaded = source.load(event, ledger, context).await?;
        let decision = source.decide(event, header.clone(), loaded);
        let committed = ledger.commit(&decision, context).await;
        edge::record_commit(W::SOURCE.as_str(), &decision, &committed);
        match committed {
            Err(CommitError::Stale) => {}
            committed => {
                raise_alarm(W::SOURCE.as_str(), &decision, &committed, context);
                return committed;
            }
        }
    }
    Err(CommitError::Stale)
}

/// The sender proved itself and we did not understand it: that is ours to mend, so nothing of it may be lost.
async fn keep_unparsed<W: Webhook, L: Ledger>(
    ledger: &L,
    received: &Received<'_>,
    error: ParseError,
    context: &CallContext<'_>,
) -> Booked {
    let receipt = EventKey::unparsed(W::SOURCE.as_str(), received.bytes());
    let header = JournalHeader {
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
        receipt,
        source: W::SOURCE.as_str(),
        kind: "unparsed",
        facts: vec![("field", error.field.as_str().into()), ("problem", error.problem.as_str().into())],
    };
    let decision = Decision::Refuse(Refusal { header, reason: Reason::Unparsed, effects: Vec::new() });
    match ledger.commit(&decision, context).await {
        Err(CommitError::Rejected(_)) => Outcome::Unparsed(error).into(),
        other => Booked::of_commit(other),
    }
}

/// A bank waits for an answer, and it is not known to which payment.
const DISPUTE_OPENED: &str = "dispute_opened";

/// Raised after the commit, so that nobody is called for what did not happen; and for a repeat too, since the one before may have
/// died in between.
fn raise_alarm(
    source: &'static str,
    decision: &Decision,
    committed: &Result<Committed, CommitError>,
    context: &CallContext<'_>,
) {
    let (alarm, header) = match (decision, committed) {
        (Decision::Record(Entry { alarm: Some(alarm), header, .. }), Ok(_)) => (*alarm, header),
        // Once, and not each time that it is tried again.
        (Decision::Refuse(Refusal { header, .. }), Err(CommitError::Rejected(Reason::DisputeUnknown)))
            if !context.is_replay() =>
        {
            (DISPUTE_OPENED, header)
        }
        (
            Decision::Record(Entry { header, .. }) | Decision::Refuse(Refusal { header, .. }),
            Err(CommitError::Rejected(reason)),
        ) if reason.needs_decision() => (REFUSED, header),
        _ => return,
    };
    edge::alarm(source, alarm, header.order.as_ref().map_or(header.receipt.as_str(), |order| order.as_str()));
}
