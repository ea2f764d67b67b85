//! A step of an order's fulfilment, as an entry of the journal.

use crate::{Decision, Effect, Entry, EventKey, Facts, Fingerprint, Heading, Order};

impl Order {
    /// Under a receipt of this kind and version: whoever else read the same order and came to the same writes the same row, and finds
    /// it written. `None` where there is nothing to write.
    pub fn step(
        &self,
        source: &'static str,
        kind: &'static str,
        facts: Facts,
        effects: Vec<Effect>,
    ) -> Option<Decision> {
        let version = self.version.saturating_add(1).to_string();
        let fields = [("order", self.number.as_str()), ("version", &version), ("kind", kind)];
        let heading = Heading {
            receipt: EventKey::of_step(kind, self),
            source,
            kind,
            facts,
            fingerprints: Fingerprint::of(1, &fields).into(),
            order: Some(self.number.clone()),
        };
        let entry = Entry { heading, effects, keeps_body: false, alarm: None };
        (!entry.effects.is_empty()).then_some(Decision::Record(entry))
    }
}
