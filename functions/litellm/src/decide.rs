//! Decides an event of LiteLLM. A use is decided as one that any gateway reports, at the credits of its dollars.

use catalog::{RateCard, Usd};
use ledger::{Decision, EventKey, Fact, Fingerprint, JournalHeader, Source};
use usage::{LoadedUse, UsageEvent};

use crate::{Event, Use};

/// Reason: a request that failed costs nothing.
const FAILURE: &str = "failure";
/// Reason, with an alarm: LiteLLM could not build an event, so that its use is not known.
const LOST: &str = "event_lost";

pub(crate) fn decide(
    event: &Event,
    header: JournalHeader,
    loaded: Option<LoadedUse>,
    card: Option<&RateCard>,
) -> Decision {
    match (event, loaded) {
        (Event::Use(used), Some(loaded)) => {
            let in_credits = |usd| card?.of_usd(&used.event.model, usd, loaded.used_at);
            let cost = used.usd.and_then(in_credits);
            // Dollars that no card turns into credits wait for one, and are not priced by their tokens.
            let consumption = used.event.consumption.filter(|_| cost.is_some() || used.usd.is_none());
            usage::decide(&UsageEvent { cost, consumption, ..used.event.clone() }, header, loaded, card)
        }
        (Event::Use(_) | Event::Failure(_), _) => Decision::Ignore { reason: FAILURE },
        (Event::Lost, _) => Decision::Ignore { reason: LOST },
    }
}

pub(crate) fn header(event: &Event) -> JournalHeader {
    match event {
        Event::Use(used) => of_use(used),
        Event::Failure(_) | Event::Lost => JournalHeader {
            receipt: EventKey::of_row(&format!("{}#{}", Source::Litellm.as_str(), event.id())),
            writer: Source::Litellm.into(),
            kind: FAILURE,
            facts: Vec::new(),
            fingerprints: Fingerprint::of(1, &[("event", event.id())]).into(),
            order: None,
        },
    }
}

/// Of a use with a cost that is its dollars, which a later card does not change.
fn of_use(Use { event, usd, call_id, response_id }: &Use) -> JournalHeader {
    let mut header = usage::header(event);
    let fact = |name, id: &str| (name, Fact::Text(id.to_owned()));
    header.facts.push(fact("response", response_id));
    header.facts.extend(call_id.as_deref().map(|id| fact("call", id)));
    if let Some(usd) = usd.map(Usd::decimal) {
        header.fingerprints =
            Fingerprint::of(1, &[("event", &event.id), ("key", event.key.as_str()), ("usd", &usd)]).into();
        header.facts.push(("usd", Fact::Text(usd)));
    }
    header
}
