//! Uses whose gateway reports dollars: the rate card turns them into credits, or prices the tokens.

use catalog::{RateCard, Usd};
use ledger::{Decision, Fact, Fingerprint, JournalHeader};

use crate::{LoadedUse, UsageEvent, decide, header};

/// `usd` is `None` for a use whose cost the gateway does not know.
pub(crate) fn decide_in_dollars(
    event: &UsageEvent,
    usd: Option<Usd>,
    header: JournalHeader,
    loaded: LoadedUse,
    card: Option<&RateCard>,
) -> Decision {
    let in_credits = |usd| card?.of_usd(&event.model, usd, loaded.used_at);
    let cost = usd.and_then(in_credits);
    // Dollars that no card turns into credits wait for one, and are not priced by their tokens.
    let consumption = event.consumption.filter(|_| cost.is_some() || usd.is_none());
    decide(&UsageEvent { cost, consumption, ..event.clone() }, header, loaded, card)
}

/// The fingerprint of a use with a cost is over its dollars, which a later card does not change.
pub(crate) fn header_in_dollars(event: &UsageEvent, usd: Option<Usd>) -> JournalHeader {
    let mut header = header(event);
    if let Some(usd) = usd {
        let usd = usd.decimal();
        let facts = [("event", event.id.as_str()), ("key", event.key.as_str()), ("usd", &usd)];
        header.fingerprints = Fingerprint::of(1, &facts).into();
        header.facts.push(("usd", Fact::Text(usd)));
    }
    header
}
