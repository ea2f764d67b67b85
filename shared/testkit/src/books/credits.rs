//! The invariants of redeem codes and of reversals.

use std::collections::BTreeMap;

use ledger::{Code, Hold, HoldState, OncePer};
use serde_json::Value;

use super::{Books, number, word};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeRow {
    pub campaign: String,
    pub uses: i128,
    pub uses_left: i128,
    /// An owner redeems one code of the campaign, and not each.
    pub is_once_per_campaign: bool,
    pub is_revoked: bool,
}

impl CodeRow {
    pub(super) fn read(row: &Value) -> Self {
        Self {
            campaign: word(row, "campaign").unwrap(),
            uses: number(row, "uses"),
            uses_left: number(row, "uses_left"),
            is_once_per_campaign: word(row, "once_per").as_deref() == Some("campaign"),
            is_revoked: word(row, "revoked_at").is_some(),
        }
    }

    pub(crate) fn of(code: &Code) -> Self {
        Self {
            campaign: code.campaign.to_string(),
            uses: code.uses.into(),
            uses_left: code.uses_left.into(),
            is_once_per_campaign: code.once_per == OncePer::Campaign,
            is_revoked: code.revoked_at.is_some(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoldRow {
    pub account: String,
    pub amount: i128,
    pub usage: String,
    pub state: String,
    /// What it charged itself.
    pub charged: Option<i128>,
    /// It counts among the open calls of its key.
    pub is_call: bool,
}

impl HoldRow {
    pub(super) fn read(row: &Value) -> Self {
        let is_before = row.pointer("/charged_before/BOOL").and_then(Value::as_bool).unwrap_or_default();
        let of = |name: &str| row.get(name).map(|_| number(row, name));
        Self {
            account: word(row, "account").unwrap(),
            amount: number(row, "amount_units"),
            usage: word(row, "use_key").unwrap(),
            state: word(row, "status").unwrap(),
            charged: of("charged_units").or_else(|| of("cost_units").filter(|_| !is_before)),
            is_call: row.get("calls_max").is_some(),
        }
    }

    pub(crate) fn of(hold: &Hold) -> Self {
        let charged = match hold.state {
            HoldState::Settled { cost, is_charged_before: false, .. } => Some(cost),
            HoldState::Expired { charged, .. } => charged,
            HoldState::Open | HoldState::Settled { .. } | HoldState::Released { .. } => None,
        };
        Self {
            account: hold.account.to_string(),
            amount: i128::try_from(hold.amount.units()).unwrap(),
            usage: hold.usage.to_string(),
            state: hold.state.as_str().to_owned(),
            charged: charged.map(|charged| i128::try_from(charged.units()).unwrap()),
            is_call: hold.calls_max.is_some(),
        }
    }
}

/// All that an account lists, by key.
pub(super) fn open_calls(account: &Value) -> usize {
    let attributes = account.as_object().into_iter().flatten();
    let lists = attributes.filter(|(name, _)| name.starts_with("calls_of_"));
    lists.map(|(_, list)| list.pointer("/SS").and_then(Value::as_array).unwrap().len()).sum()
}

impl Books {
    /// An account holds what its open holds set aside, and what a hold has charged is in the journal.
    pub(super) fn check_holds(&self) {
        let mut held: BTreeMap<&str, i128> = BTreeMap::new();
        let is_open_call = |hold: &&HoldRow| hold.is_call && hold.state == "open";
        for (id, hold) in &self.holds {
            if hold.state == "open" {
                let sum = held.entry(&hold.account).or_default();
                *sum = sum.checked_add(hold.amount).unwrap();
            }
            if let Some(charged) = hold.charged {
                let row = self.journal.get(&hold.usage).filter(|row| row.account.as_ref() == Some(&hold.account));
                let booked = row.map(|row| row.change);
                assert_eq!(booked, charged.checked_neg(), "the hold {id} has charged its use");
            }
        }
        for (id, account) in &self.accounts {
            let open = held.remove(id.as_str()).unwrap_or_default();
            assert_eq!(account.held, open, "{id} holds what its open holds set aside");
            let calls = self.holds.values().filter(is_open_call).filter(|hold| hold.account == *id).count();
            assert_eq!(account.calls, calls, "{id} lists the open calls");
        }
        assert_eq!(held, BTreeMap::new(), "each open hold has an account");
    }

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
