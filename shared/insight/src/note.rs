//! The row of the journal about something that a person does and that moves nothing by itself: who, why, and with what.

use ledger::{Decision, Entry, EventKey, Fact, Facts, Fingerprint, JournalHeader, Writer};

/// The same note under the same receipt is committed once; another one is a conflict.
pub fn note(
    receipt: EventKey,
    writer: Writer,
    (author, reason): (&str, &str),
    kind: &'static str,
    what: Vec<(&'static str, String)>,
) -> Decision {
    let fields: Vec<(&str, &str)> =
        [("kind", kind)].into_iter().chain(what.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let fingerprints = Fingerprint::of(1, &fields).into();
    let signed = [("author", Fact::from(author)), ("reason", Fact::from(reason))];
    let facts: Facts =
        signed.into_iter().chain(what.into_iter().map(|(name, value)| (name, Fact::Text(value)))).collect();
    let header = JournalHeader { receipt, writer, kind, facts, fingerprints, order: None };
    Decision::Record(Entry { header, effects: Vec::new(), keeps_body: false, alarm: None })
}
