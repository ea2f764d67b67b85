//! Events of contract lines: header, facts and amounts.

use ledger::{Amount, Asset, Decision, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Source};

pub(crate) fn record(event: &str, facts: &[&str], effects: Vec<Effect>) -> Decision {
    Decision::Record(Entry { header: header(event, facts), effects, keeps_body: false, alarm: None })
}

pub(crate) fn header(event: &str, facts: &[&str]) -> JournalHeader {
    JournalHeader {
        receipt: EventKey::new(Source::Usage, event).unwrap(),
        writer: Source::Usage.into(),
        kind: "usage",
        facts: vec![("words", Fact::Text(facts.join(" ")))],
        fingerprints: Fingerprint::of(1, &[("facts", &facts.join(" "))]).into(),
        order: None,
    }
}

pub(crate) fn amount(text: &str) -> Amount {
    Asset::CREDITS.parse(text).unwrap()
}
