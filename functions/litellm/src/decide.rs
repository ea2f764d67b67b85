//! Decides an event of LiteLLM. A use is decided as one that any gateway reports, at the credits of its dollars.

use catalog::RateCard;
use ledger::{Decision, EventKey, Fact, Fingerprint, JournalHeader, Source};
use usage::LoadedUse;

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
        (Event::Use(used), Some(loaded)) => usage::decide_in_dollars(&used.event, used.usd, header, loaded, card),
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

fn of_use(used: &Use) -> JournalHeader {
    let mut header = usage::header_in_dollars(&used.event, used.usd);
    let fact = |name, id: &str| (name, Fact::Text(id.to_owned()));
    header.facts.push(fact("response", &used.response_id));
    header.facts.extend(used.call_id.as_deref().map(|id| fact("call", id)));
    header
}
