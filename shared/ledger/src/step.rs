//! A step of an order's fulfilment, as a journal entry.

use crate::{Decision, Effect, Entry, EventKey, Facts, Fingerprint, JournalHeader, Order, Writer};

impl Order {
    /// The receipt contains the kind and the version, so that two runs which read the same order and reach the same
    /// step write the same row, and the second finds it written. `None` if there is nothing to write.
    pub fn step(&self, writer: Writer, kind: &'static str, facts: Facts, effects: Vec<Effect>) -> Option<Decision> {
        let version = self.version.saturating_add(1).to_string();
        let fields = [("order", self.number.as_str()), ("version", &version), ("kind", kind)];
        let header = JournalHeader {
            receipt: EventKey::of_step(kind, self),
            writer,
            kind,
            facts,
            fingerprints: Fingerprint::of(1, &fields).into(),
            order: Some(self.number.clone()),
        };
        let entry = Entry { header, effects, keeps_body: false, alarm: None };
        (!entry.effects.is_empty()).then_some(Decision::Record(entry))
    }
}
