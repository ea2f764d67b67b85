//! The JSON of an answer.

use insight::{Commands, Explained, Halt, Kind, Lang, Link};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Asked;

/// An answer, in one language.
pub(super) struct ExplainFacts<'e> {
    pub(super) explained: &'e Explained,
    pub(super) asked: &'e Asked,
    /// What the answer of a provider leads to.
    pub(super) led: Option<(&'e str, &'e Explained)>,
    pub(super) text: &'e str,
    pub(super) lang: Lang,
    pub(super) commands: Commands<'e>,
}

impl Serialize for ExplainFacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = Self::kind_of(self.explained);
        let value = match self.explained {
            Explained::Missing => {
                let seen = self
                    .asked
                    .sightings
                    .iter()
                    .map(|(provider, sighting)| format!("{provider}: {}", sighting.text(self.lang)));
                let asked = (!self.asked.sightings.is_empty()).then(|| seen.collect::<Vec<_>>().join("; "));
                let leads_to = self.led.map(|(other, _)| other);
                let lines = self.explained.lines(self.text, self.lang, &self.commands);
                let looks: Vec<&str> = lines.iter().skip(1).map(|line| line.trim()).collect();
                json!({ "found": found, "well": false, "where": looks, "asked": asked, "leadsTo": leads_to })
            }
            Explained::Several(named) => {
                let one = |(kind, exact): &(Kind, String)| json!({ "kind": kind.word(Lang::En), "name": exact });
                json!({ "found": found, "well": false, "names": named.iter().map(one).collect::<Vec<_>>() })
            }
            Explained::One(one) => json!({
                "found": found,
                "well": one.chain.is_well(),
                "kind": one.headline.kind().word(Lang::En),
                "headline": one.headline.text(self.lang),
                "chain": one.chain.links.iter().map(|link| self.link(link)).collect::<Vec<_>>(),
                "asked": self.asked.about_order.as_ref().map(|(_, answer)| answer.text(self.lang)),
                "stopped": one.chain.halts.iter().map(|halt| self.halt(halt)).collect::<Vec<_>>(),
            }),
        };
        value.serialize(serializer)
    }
}

impl ExplainFacts<'_> {
    fn link(&self, link: &Link) -> Value {
        json!({
            "at": link.at.map(|at| at.to_string()),
            "stage": link.stage.as_str(),
            "what": link.what.text(self.lang),
        })
    }

    fn halt(&self, halt: &Halt) -> Value {
        let fix = |fix: &insight::Fix| {
            json!({
                "when": fix.when().in_lang(self.lang),
                "command": self.commands.written(fix),
            })
        };
        json!({
            "before": halt.before.as_str(),
            "reason": halt.cause.word(),
            "why": halt.cause.text(self.lang),
            "details": halt.details,
            "nextRetry": halt.next.map(|at| at.to_string()),
            "fixes": halt.fixes.iter().map(fix).collect::<Vec<_>>(),
        })
    }
}
