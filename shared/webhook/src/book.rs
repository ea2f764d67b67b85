//! Booking of a verified delivery or replay: parse, decide, and commit with optimistic locking.

use edge::Invocation;
use ledger::{
    CallContext, CommitError, Committed, Decision, Entry, EventKey, Fingerprint, JournalHeader, Ledger, OrderNumber,
    Reason, Refusal,
};

use crate::{Admission, Outcome, ParseError, Received, Webhook};

/// Attempts after stale reads (optimistic locking). In each round another commit succeeded, and one payment has few
/// events; after that the sender retries.
const ROUNDS_MAX: u32 = 8;

/// Alarm: a verified event is refused and not retryable. A person accepts it, clears it, or refunds the payment.
const REFUSED: &str = "refused";

/// The outcome of a delivery, and its event.
#[derive(Debug)]
pub(crate) struct Booked {
    pub(crate) outcome: Outcome,
    /// The sender's id of the event.
    pub(crate) event_id: Option<String>,
    pub(crate) order: Option<OrderNumber>,
    /// Not retryable: a row that cannot be read, or a defect of ours.
    pub(crate) is_stuck: bool,
}

impl Booked {
    fn of_commit(committed: Result<Committed, CommitError>) -> Self {
        let is_stuck = matches!(committed, Err(CommitError::Refused(_)));
        Self { is_stuck, ..Outcome::of_commit(committed).into() }
    }
}

/// For a delivery that ended before an event was parsed.
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

/// Books a parsed event under its journal header.
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
        Booked::of_commit(ledger.commit(&outside_window(header), context).await)
    };
    Booked { event_id, order, ..booked }
}

pub(crate) fn outside_window(header: JournalHeader) -> Decision {
    Decision::Refuse(Refusal { header, reason: Reason::OutsideClockWindow, effects: Vec::new() })
}

/// The context of a ledger call for a request, with the body to keep.
pub(crate) fn context<'r>(received: &'r Received<'_>, invocation: &Invocation) -> CallContext<'r> {
    CallContext { body: Some(received.raw(invocation.now)), ..invocation.context() }
}

/// Loads, decides and commits; starts again if a row changed after it was loaded.
pub(crate) async fn settle<W: Webhook, L: Ledger>(
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

/// Keeps a delivery that is verified but does not parse. The defect may be ours, so the delivery waits for a replay.
pub(crate) async fn keep_unparsed<W: Webhook, L: Ledger>(
    ledger: &L,
    received: &Received<'_>,
    error: ParseError,
    context: &CallContext<'_>,
) -> Booked {
    let decision = unparsed(unparsed_header::<W>(received, &error));
    match ledger.commit(&decision, context).await {
        Err(CommitError::Rejected(_)) => Outcome::Unparsed(error).into(),
        other => Booked::of_commit(other),
    }
}

pub(crate) fn unparsed_header<W: Webhook>(received: &Received<'_>, error: &ParseError) -> JournalHeader {
    let receipt = EventKey::unparsed(W::SOURCE, received.bytes());
    JournalHeader {
        fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
        order: None,
        receipt,
        writer: W::SOURCE.into(),
        kind: "unparsed",
        facts: vec![("field", error.field.as_str().into()), ("problem", error.problem.as_str().into())],
    }
}

pub(crate) fn unparsed(header: JournalHeader) -> Decision {
    Decision::Refuse(Refusal { header, reason: Reason::Unparsed, effects: Vec::new() })
}

/// Alarm: a dispute is open, and its payment is unknown. The bank waits for evidence.
const DISPUTE_OPENED: &str = "dispute_opened";

/// Raises the alarm after the commit, so that there is no alarm without an event. A repeat raises it again, since the
/// first attempt may have ended between commit and alarm.
pub(crate) fn raise_alarm(
    source: &'static str,
    decision: &Decision,
    committed: &Result<Committed, CommitError>,
    context: &CallContext<'_>,
) {
    let (alarm, header) = match (decision, committed) {
        (Decision::Record(Entry { alarm: Some(alarm), header, .. }), Ok(_)) => (*alarm, header),
        // Once, and not at each replay.
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
