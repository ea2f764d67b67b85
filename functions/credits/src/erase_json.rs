//! What an erasure has done: as its receipt keeps it for a repeat, and as JSON.

use api::openapi::{KeptBecauseWord, OwnerName, TimeText};
use ledger::{Owner, Receipt};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const KIND: &str = "erase";
const ERASED: &str = "erased";
const KEPT: &str = "kept";
const KEYS: &str = "keys";
const NEXT: &str = "next";
/// No order number and no id of a key contains it.
const BETWEEN: char = ' ';
/// Between the number of an order and why it is kept.
const BECAUSE: char = ':';

/// What a call has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Made {
    pub erased: Vec<String>,
    /// The number of an order, and why it is kept.
    pub kept: Vec<(String, String)>,
    /// The short ids of keys whose names are removed.
    pub keys: Vec<String>,
    pub next: Option<String>,
}

impl Made {
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let between = BETWEEN.to_string();
        let kept: Vec<String> =
            self.kept.iter().map(|(number, because)| format!("{number}{BECAUSE}{because}")).collect();
        vec![
            (ERASED, self.erased.join(&between)),
            (KEPT, kept.join(&between)),
            (KEYS, self.keys.join(&between)),
            (NEXT, self.next.clone().unwrap_or_default()),
        ]
    }

    pub(crate) fn of_facts(facts: &[(String, String)]) -> Self {
        let fact = |name: &str| facts.iter().find(|(known, _)| known == name).map_or("", |(_, fact)| fact.as_str());
        let list = |name: &str| fact(name).split(BETWEEN).filter(|text| !text.is_empty()).map(str::to_owned);
        let pair = |text: String| text.split_once(BECAUSE).map(|(one, other)| (one.to_owned(), other.to_owned()));
        Self {
            erased: list(ERASED).collect(),
            kept: list(KEPT).filter_map(pair).collect(),
            keys: list(KEYS).collect(),
            next: Some(fact(NEXT)).filter(|next| !next.is_empty()).map(str::to_owned),
        }
    }
}

/// The receipt of an erasure, and what it has done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erasure)]
pub(crate) struct ErasedJson<'b> {
    receipt: &'b str,
    #[schema(value_type = TimeText)]
    processed_at: String,
    kind: &'static str,
    #[schema(value_type = OwnerName)]
    owner: &'b str,
    /// The orders of the page that name no person any more, by their numbers.
    erased: &'b [String],
    /// Those that keep what names a person.
    kept: Vec<KeptJson<'b>>,
    /// The keys whose names are removed, by their short ids.
    keys: &'b [String],
    /// When the last stored delivery that may name a person is removed.
    #[schema(value_type = TimeText)]
    bodies_removed_by: &'b str,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    next: Option<&'b str>,
}

/// An order that keeps what names a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeptOrder)]
struct KeptJson<'b> {
    order_number: &'b str,
    #[schema(value_type = KeptBecauseWord)]
    because: &'b str,
}

impl<'b> ErasedJson<'b> {
    pub(crate) fn of(receipt: &'b Receipt, owner: &'b Owner, made: &'b Made, bodies_removed_by: &'b str) -> Self {
        let kept = made.kept.iter().map(|(order_number, because)| KeptJson { order_number, because });
        Self {
            receipt: receipt.key.as_str(),
            processed_at: receipt.processed_at.to_string(),
            kind: KIND,
            owner: owner.as_str(),
            erased: &made.erased,
            kept: kept.collect(),
            keys: &made.keys,
            bodies_removed_by,
            next: made.next.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_keep_what_was_done() {
        let text = str::to_owned;
        let all = Made {
            erased: vec![text("HL1"), text("HL2")],
            kept: vec![(text("HL3"), text("unpaid")), (text("HL4"), text("flagged"))],
            keys: vec![text("api-3f9c0a12be45"), text("gateway-tok:1")],
            next: Some(text("b3JkZXJz")),
        };
        for made in [Made::default(), all] {
            let facts: Vec<_> = made.facts().into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect();
            assert_eq!(Made::of_facts(&facts), made);
        }
    }
}
