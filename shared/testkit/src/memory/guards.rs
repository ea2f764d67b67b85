//! The guards of the in-memory ledger: sufficient funds, unchanged terms, free keys and places.

use std::collections::BTreeMap;

use ledger::{AccountId, Balance, Effect, Net, OrderNumber, Owner, Reason};

use super::State;

impl State {
    pub(super) fn guarded(&self, nets: &BTreeMap<AccountId, Net>, effects: &[Effect]) -> Option<Reason> {
        for (id, net) in nets {
            let account = self.accounts.get(id).cloned().unwrap_or_default();
            if net.overdraft.is_some_and(|(from, _)| from != account.terms()) {
                return Some(Reason::Overtaken);
            }
            if net.required.is_some_and(|required| account.available < Balance::from(required).units()) {
                return Some(Reason::InsufficientCredits);
            }
        }
        let taken = |effect: &Effect| matches!(effect, Effect::Bind { key, owner } if self.is_taken(key, owner));
        let overtaken = |effect: &Effect| matches!(effect, Effect::Refer { owner, from, .. } if self.referrers.get(owner) != from.as_ref());
        if effects.iter().any(overtaken) {
            return Some(Reason::Overtaken);
        }
        let unknown =
            |effect: &Effect| matches!(effect, Effect::Revoke { key, owner, .. } if self.keys.get(key) != Some(owner));
        if effects.iter().any(unknown) {
            return Some(Reason::UnknownKey);
        }
        let refused = effects.iter().any(taken).then_some(Reason::KeyTaken);
        refused.or_else(|| self.key_refusal(effects)).or_else(|| self.budget_refusal(effects))
    }

    pub(super) fn has_place(&self, owner: &Owner, replaces: Option<&OrderNumber>, places: usize) -> bool {
        let Some(held_by) = self.places.get(owner) else { return places > 0 };
        let is_replaced = replaces.is_some_and(|replaced| held_by.contains(replaced));
        held_by.len() < places || (is_replaced && held_by.len() == places)
    }
}
