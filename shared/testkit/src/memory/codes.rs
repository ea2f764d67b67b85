//! Redeem codes in memory.

use ledger::{
    CallContext, Campaign, CampaignPage, Code, CodeChange, CodeHash, CodePage, Codes, CommitError, EventKey,
    LinePosition, Owner, Receipt, Timestamp, Word, WrongCodes,
};

use super::State;
use crate::MemoryLedger;

impl Codes for MemoryLedger {
    async fn code(
        &self,
        hash: &CodeHash,
        owner: &Owner,
        _: &CallContext<'_>,
    ) -> Result<(Option<Code>, WrongCodes), CommitError> {
        let state = self.0.lock().unwrap();
        Ok((state.codes.get(hash).cloned(), state.wrong_codes.get(owner).copied().unwrap_or_default()))
    }

    async fn redemption(&self, receipt: &EventKey, _: &CallContext<'_>) -> Result<Option<Receipt>, CommitError> {
        let state = self.0.lock().unwrap();
        let processed_at = state.journal.get(receipt.as_str()).and_then(|kept| kept.processed_at);
        Ok(processed_at.map(|processed_at| Receipt { key: receipt.clone(), processed_at, is_over_budget: false }))
    }

    async fn count_wrong_code(&self, owner: &Owner, context: &CallContext<'_>) -> Result<(), CommitError> {
        let hour = WrongCodes::hour_of(context.received_at);
        let mut state = self.0.lock().unwrap();
        let wrong = state.wrong_codes.entry(owner.clone()).or_default();
        let before = if wrong.hour == hour { wrong.count } else { 0 };
        *wrong = WrongCodes { hour, count: before.checked_add(1).unwrap() };
        Ok(())
    }

    async fn codes(&self, campaign: Word, _: &CallContext<'_>) -> Result<Vec<Code>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(state.codes.values().filter(|code| code.campaign == campaign).cloned().collect())
    }

    async fn campaigns(
        &self,
        after: Option<&LinePosition>,
        campaigns_max: u16,
        _: &CallContext<'_>,
    ) -> Result<CampaignPage, CommitError> {
        let state = self.0.lock().unwrap();
        let place = |of: &Campaign| LinePosition { key: format!("campaign#{}", of.name), at: of.since.to_string() };
        let order = |of: &Campaign| (of.since, of.name);
        let mut all: Vec<Campaign> =
            state.campaigns.iter().map(|(name, since)| Campaign { name: *name, since: *since }).collect();
        all.sort_by_key(order);
        all.retain(|campaign| {
            let LinePosition { key, at } = place(campaign);
            after.is_none_or(|after| (at, key) > (after.at.clone(), after.key.clone()))
        });
        let has_more = all.len() > usize::from(campaigns_max);
        all.truncate(campaigns_max.into());
        Ok(CampaignPage { next: all.last().map(place).filter(|_| has_more), campaigns: all })
    }

    async fn code_page(
        &self,
        campaign: Word,
        after: Option<&LinePosition>,
        codes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<CodePage, CommitError> {
        let mut codes = self.codes(campaign, context).await?;
        // Here no code has a time: their hashes are their order.
        let place = |code: &Code| LinePosition { key: format!("code#{}", code.hash), at: Timestamp::EPOCH.to_string() };
        codes.sort_by_key(|code| place(code).key);
        codes.retain(|code| after.is_none_or(|after| place(code).key > after.key));
        let has_more = codes.len() > usize::from(codes_max);
        codes.truncate(codes_max.into());
        Ok(CodePage { next: codes.last().map(place).filter(|_| has_more), codes })
    }
}

impl State {
    pub(super) fn is_code_stale(&self, change: &CodeChange) -> bool {
        let known = self.codes.get(change.hash());
        match change {
            CodeChange::Make(_) => known.is_some(),
            CodeChange::Redeem(_) => known.is_none_or(|code| code.uses_left == 0 || code.revoked_at.is_some()),
            CodeChange::Repair { from, .. } => {
                known.is_none_or(|code| (code.uses, code.uses_left) != (from.uses, from.left))
            }
            CodeChange::Revoke(_) => known.is_none_or(|code| code.revoked_at.is_some()),
        }
    }

    pub(super) fn change_code(&mut self, change: &CodeChange, at: Timestamp) {
        match change {
            CodeChange::Make(code) => {
                self.codes.insert(code.hash.clone(), (**code).clone());
                self.campaigns.entry(code.campaign).or_insert(at);
            }
            CodeChange::Redeem(hash) => {
                let code = self.codes.get_mut(hash).unwrap();
                code.uses_left = code.uses_left.checked_sub(1).unwrap();
            }
            CodeChange::Repair { hash, from: _, to } => {
                let code = self.codes.get_mut(hash).unwrap();
                (code.uses, code.uses_left) = (to.uses, to.left);
            }
            CodeChange::Revoke(hash) => self.codes.get_mut(hash).unwrap().revoked_at = Some(at),
        }
    }
}
