//! The invariants of redeem codes and of reversals.

use std::collections::BTreeMap;

use ledger::{Code, OncePer};
use serde_json::Value;

use super::{Books, number, word};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeRow {
    pub campaign: String,
    pub uses: i128,
    pub uses_left: i128,
    /// An owner redeems one code of the campaign, and not each.
    pub is_once_per_campaign: bool,
}

impl CodeRow {
    pub(super) fn read(row: &Value) -> Self {
        Self {
            campaign: word(row, "campaign").unwrap(),
            uses: number(row, "uses"),
            uses_left: number(row, "uses_left"),
            is_once_per_campaign: word(row, "once_per").as_deref() == Some("campaign"),
        }
    }

    pub(crate) fn of(code: &Code) -> Self {
        Self {
            campaign: code.campaign.to_string(),
            uses: code.uses.into(),
            uses_left: code.uses_left.into(),
            is_once_per_campaign: code.once_per == OncePer::Campaign,
        }
    }
}

impl Books {
    /// Each use that a code has lost has a receipt, and no reversal gives back more than its event has charged.
    pub(super) fn check_credits(&self) {
        let redemptions = |of: &str| {
            let prefix = format!("redeem#{of}#");
            i128::try_from(self.journal.keys().filter(|id| id.starts_with(&prefix)).count()).unwrap()
        };
        let mut campaigns: BTreeMap<&str, i128> = BTreeMap::new();
        for (hash, code) in &self.codes {
            let used = code.uses.checked_sub(code.uses_left).unwrap();
            assert!((0..=code.uses).contains(&code.uses_left), "the code {hash} has as many uses as it was made with");
            if code.is_once_per_campaign {
                let sum = campaigns.entry(&code.campaign).or_default();
                *sum = sum.checked_add(used).unwrap();
            } else {
                assert_eq!(redemptions(hash), used, "each use of the code {hash} has a receipt");
            }
        }
        for (campaign, used) in campaigns {
            let receipts = redemptions(&format!("campaign.{campaign}"));
            assert_eq!(receipts, used, "each use of a code of the campaign {campaign} has a receipt");
        }
        for (id, row) in self.journal.iter().filter(|(id, _)| id.starts_with("reversed#")) {
            let usage = id.trim_start_matches("reversed#");
            let charged = self.journal.get(usage).map_or(0, |usage| usage.change);
            assert_eq!(row.reverses.as_deref(), Some(usage), "{id} names the event that it reverses");
            let most = charged.checked_neg().unwrap();
            assert!(row.change > 0 && row.change <= most, "{id} gives back no more than {usage} has charged");
        }
    }
}
