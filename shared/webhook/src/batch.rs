//! Booking of several events under one signature. Each has its own header, receipt and outcome; they are committed
//! together.

use std::collections::BTreeMap;

use edge::Invocation;
use ledger::{CallContext, CommitError, Committed, Decision, EventKey, JournalHeader, Ledger};

use crate::book::{book_event, context, keep_unparsed, outside_window, raise_alarm, settle, unparsed, unparsed_header};
use crate::stages::{BatchForm, BatchedEvent};
use crate::{Admission, Endpoint, Outcome, ParseError, Received, Webhook};

/// The form of this route, if it takes several events at once.
pub(crate) fn batch_form<W: Webhook>(method: &str, path: &str) -> Option<BatchForm> {
    match edge::find(W::ROUTES, method, path).ok()?.endpoint {
        Endpoint::Batch(form) => Some(form),
        Endpoint::Foreign(form) => Some(form.batch),
        Endpoint::Event | Endpoint::Page(_) | Endpoint::Health(_) | Endpoint::Status(_) => None,
    }
}

/// The outcome of each event in the order of the body. `Err` is the one outcome of a body without such an order.
pub(crate) async fn book_batch<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    received: &Received<'_>,
    form: &BatchForm,
    invocation: &Invocation,
) -> Result<Vec<BatchedEvent>, Outcome> {
    let parts = match received.parts(W::SOURCE, form) {
        Ok(parts) => parts,
        Err(error) => {
            let context = context(received, invocation);
            return Err(keep_unparsed::<W, L>(ledger, received, error, &context).await.outcome);
        }
    };
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    let events = parts.iter().map(|part| BatchItem::of(source, part)).collect();
    Ok(book_items(source, ledger, admission, events, &context(first, invocation)).await)
}

/// An event of a body.
pub(crate) struct BatchItem<W: Webhook> {
    event: Result<W::Event, ParseError>,
    header: JournalHeader,
}

impl<W: Webhook> BatchItem<W> {
    pub(crate) fn of(source: &W, part: &Received<'_>) -> Self {
        match source.parse(part) {
            Ok(event) => Self { header: source.header(&event), event: Ok(event) },
            Err(error) => Self { header: unparsed_header::<W>(part, &error), event: Err(error) },
        }
    }

    fn event_id(&self, source: &W) -> Option<String> {
        match &self.event {
            Ok(event) => Some(source.event_id(event).to_owned()),
            Err(error) => error.event_id.clone(),
        }
    }
}

/// How an event relates to those before it in the body.
#[derive(Clone, Copy)]
enum Standing {
    First,
    /// The same event as that one.
    Same(usize),
    /// The id of that one with other facts.
    Differs(usize),
}

pub(crate) async fn book_items<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    items: Vec<BatchItem<W>>,
    context: &CallContext<'_>,
) -> Vec<BatchedEvent> {
    let standings = standings(&items);
    let ids: Vec<Option<String>> = items.iter().map(|item| item.event_id(source)).collect();
    let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
    let mut decisions = Vec::new();
    for (n, item) in items.iter().enumerate().filter(|(n, _)| matches!(standings.get(*n), Some(Standing::First))) {
        match decide(source, ledger, admission, item, context).await {
            Ok(decision) => decisions.push((n, decision)),
            Err(outcome) => set(&mut outcomes, n, outcome),
        }
    }
    let (places, decisions): (Vec<usize>, Vec<Decision>) = decisions.into_iter().unzip();
    let results = ledger.commit_together(&decisions, context).await;
    for ((n, decision), result) in places.into_iter().zip(&decisions).zip(results) {
        let Some(item) = items.get(n) else { continue };
        set(&mut outcomes, n, committed(source, ledger, item, decision, result, context).await);
    }
    for (n, (item, standing)) in items.into_iter().zip(standings).enumerate() {
        let before = |first: usize| outcomes.get(first).cloned().flatten().unwrap_or(Outcome::Unavailable);
        let outcome = match (standing, item.event) {
            (Standing::First, _) => continue,
            (Standing::Same(first), _) => {
                let outcome = before(first);
                if outcome == Outcome::Booked { Outcome::Repeat } else { outcome }
            }
            // Without a row of the first, this one would be booked in its place.
            (Standing::Differs(first), _) if !before(first).is_final() => Outcome::Unavailable,
            (Standing::Differs(_), Ok(event)) => {
                book_event(source, ledger, admission, event, item.header, context).await.outcome
            }
            // A receipt from the bytes themselves has no other facts.
            (Standing::Differs(_), Err(error)) => Outcome::Unparsed(error),
        };
        set(&mut outcomes, n, outcome);
    }
    let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Unavailable));
    outcomes.zip(ids).map(|(outcome, event_id)| BatchedEvent { outcome, event_id }).collect()
}

fn standings<W: Webhook>(items: &[BatchItem<W>]) -> Vec<Standing> {
    let mut firsts: BTreeMap<&EventKey, (usize, &JournalHeader)> = BTreeMap::new();
    let mut all = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let found = match firsts.get(&item.header.receipt) {
            None => Standing::First,
            Some((first, of_first)) if of_first.fingerprints.contain(item.header.fingerprints.current().as_str()) => {
                Standing::Same(*first)
            }
            Some((first, _)) => Standing::Differs(*first),
        };
        firsts.entry(&item.header.receipt).or_insert((n, &item.header));
        all.push(found);
    }
    all
}

fn set(outcomes: &mut [Option<Outcome>], n: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(n) {
        *place = Some(outcome);
    }
}

/// The decision about an event, or its outcome if it needs none.
async fn decide<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    admission: &Admission,
    item: &BatchItem<W>,
    context: &CallContext<'_>,
) -> Result<Decision, Outcome> {
    let BatchItem { event: Ok(event), header } = item else { return Ok(unparsed(item.header.clone())) };
    if ledger.recall(&header.receipt, &header.fingerprints).is_some() {
        return Err(Outcome::Repeat);
    }
    if !admission.is_within_window(source.sent_at(event), context.received_at) {
        return Ok(outside_window(header.clone()));
    }
    let loaded = source.load(event, ledger, context).await.map_err(|error| Outcome::of_error(&error))?;
    Ok(source.decide(event, header.clone(), loaded))
}

/// The outcome of a commit. An event whose rows have changed since they were read is decided on again, alone.
async fn committed<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    item: &BatchItem<W>,
    decision: &Decision,
    result: Result<Committed, CommitError>,
    context: &CallContext<'_>,
) -> Outcome {
    edge::record_commit(W::SOURCE.as_str(), decision, &result);
    match (&item.event, result) {
        (Ok(event), Err(CommitError::Stale)) => {
            Outcome::of_commit(settle(source, ledger, event, &item.header, context).await)
        }
        (Err(error), Err(CommitError::Rejected(_))) => Outcome::Unparsed(error.clone()),
        (_, result) => {
            raise_alarm(W::SOURCE.as_str(), decision, &result, context);
            Outcome::of_commit(result)
        }
    }
}
