//! Decides a span of OpenRouter. A generation is decided as a use that any gateway reports, at the credits of its
//! dollars.

use catalog::RateCard;
use ledger::{Decision, EventKey, Fingerprint, JournalHeader, Source};
use usage::LoadedUse;

use crate::Event;

/// Reason: a request that failed costs nothing.
const FAILURE: &str = "failure";
/// Reason: only a generation is a use.
const NO_GENERATION: &str = "no_generation";

pub(crate) fn decide(
    event: &Event,
    header: JournalHeader,
    loaded: Option<LoadedUse>,
    card: Option<&RateCard>,
) -> Decision {
    match (event, loaded) {
        (Event::Use(used), Some(loaded)) => usage::decide_in_dollars(&used.event, used.usd, header, loaded, card),
        (Event::Use(_) | Event::Failure(_), _) => Decision::Ignore { reason: FAILURE },
        (Event::Other(_), _) => Decision::Ignore { reason: NO_GENERATION },
    }
}

pub(crate) fn header(event: &Event) -> JournalHeader {
    match event {
        Event::Use(used) => usage::header_in_dollars(&used.event, used.usd),
        Event::Failure(_) | Event::Other(_) => JournalHeader {
            receipt: EventKey::of_row(&format!("{}#{}", Source::Openrouter.as_str(), event.id())),
            writer: Source::Openrouter.into(),
            kind: FAILURE,
            facts: Vec::new(),
            fingerprints: Fingerprint::of(1, &[("event", event.id())]).into(),
            order: None,
        },
    }
}
