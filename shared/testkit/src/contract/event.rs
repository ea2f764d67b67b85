//! How a line of the contract becomes an event: the header, the facts and the amounts that it writes.

use ledger::{Amount, Asset, Decision, Effect, Entry, EventKey, Fact, Fingerprint, Heading};

pub(crate) fn record(event: &str, facts: &[&str], effects: Vec<Effect>) -> Decision {
    Decision::Record(Entry { heading: heading(event, facts), effects, keeps_body: false, alarm: None })
}

pub(crate) fn heading(event: &str, facts: &[&str]) -> Heading {
    Heading {
        receipt: EventKey::new("usage", event).unwrap(),
        source: "usage",
        kind: "usage",
        facts: vec![("words", Fact::Text(facts.join(" ")))],
        fingerprints: Fingerprint::of(1, &[("facts", &facts.join(" "))]).into(),
        order: None,
    }
}

pub(crate) fn amount(text: &str) -> Amount {
    Asset::CREDITS.parse(text).unwrap()
}
