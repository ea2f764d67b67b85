//! What becomes of an event whose sender is known: parsed, decided on, committed. The same for a delivery and for a replay.

use edge::Moment;
use ledger::{
    CommitError, Committed, Decision, Delivery, Entry, EventKey, Fingerprint, Heading, Ledger, OrderNumber, Reason,
    Refusal,
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
    delivery: &Delivery<'_>,
) -> Booked {
    match source.parse(received) {
        Ok(event) => {
            let heading = source.heading(&event);
            book_event(source, ledger, admission, event, heading, delivery).await
        }
        Err(error) => {
            let event_id = error.event_id.clone();
            Booked { event_id, ..keep_unparsed::<W, L>(ledger, received, error, delivery).await }
        }
    }
}

/// What was parsed, and what the journal says of it.
pub(crate) async fn book_event<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    event: W::Event,
    heading: Heading,
    delivery: &Delivery<'_>,
) -> Booked {
    let (event_id, order) = (Some(source.event_id(&event).to_owned()), heading.order.clone());
    let booked = if ledger.recall(&heading.receipt, &heading.fingerprints).is_some() {
        Outcome::Repeat.into()
    } else if admission.is_within_window(source.sent_at(&event), delivery.received_at) {
        Booked::of_commit(settle(source, ledger, &event, &heading, delivery).await)
    } else {
        let refusal = Refusal { heading, reason: Reason::OutsideClockWindow, effects: Vec::new() };
        Booked::of_commit(ledger.commit(&Decision::Refuse(refusal), delivery).await)
    };
    Booked { event_id, order, ..booked }
}

/// What the books are told of a request.
pub(crate) fn delivery<'r>(received: &'r Received<'_>, moment: &Moment) -> Delivery<'r> {
    Delivery { body: Some(received.raw(moment.now)), ..moment.delivery() }
}

/// Loads, decides and commits; and where that has changed which was decided on, once more.
async fn settle<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    event: &W::Event,
    heading: &Heading,
    delivery: &Delivery<'_>,
) -> Result<Committed, CommitError> {
    for _ in 0..ROUNDS_MAX {
        let loaded = source.load(event, ledger, delivery).await?;
        let decision = source.decide(event, heading.clone(), loaded);
        let committed = ledger.commit(&decision, delivery).await;
        edge::moved(W::SOURCE, &decision, &committed);
        match committed {
            Err(CommitError::Stale) => {}
            committed => {
                raise_alarm(W::SOURCE, &decision, &committed, delivery);
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
    delivery: &Delivery<'_>,
) -> Booked {
    let receipt = EventKey::unparsed(W::SOURCE, received.bytes());
    let heading = Heading {
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
        receipt,
        source: W::SOURCE,
        kind: "unparsed",
        facts: vec![("field", error.field.as_str().into()), ("problem", error.problem.as_str().into())],
    };
    let decision = Decision::Refuse(Refusal { heading, reason: Reason::Unparsed, effects: Vec::new() });
    match ledger.commit(&decision, delivery).await {
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
    delivery: &Delivery<'_>,
) {
    let (alarm, heading) = match (decision, committed) {
        (Decision::Record(Entry { alarm: Some(alarm), heading, .. }), Ok(_)) => (*alarm, heading),
        // Once, and not each time that it is tried again.
        (Decision::Refuse(Refusal { heading, .. }), Err(CommitError::Rejected(Reason::DisputeUnknown)))
            if !delivery.is_replay() =>
        {
            (DISPUTE_OPENED, heading)
        }
        (
            Decision::Record(Entry { heading, .. }) | Decision::Refuse(Refusal { heading, .. }),
            Err(CommitError::Rejected(reason)),
        ) if reason.needs_a_person() => (REFUSED, heading),
        _ => return,
    };
    edge::alarm(source, alarm, heading.order.as_ref().map_or(heading.receipt.as_str(), |order| order.as_str()));
}
