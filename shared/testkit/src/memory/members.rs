//! Members in memory.

use ledger::{
    CallerKey, Draws, MEMBERS_MAX, MemberChange, MemberKey, Members, Membership, Owner, StoredBudget, Timestamp,
    membership,
};

use super::State;

impl State {
    pub(super) fn draws_of(&self, key: &CallerKey) -> Draws {
        self.draws.get(key).cloned().unwrap_or_default()
    }

    /// The membership of a key that lasts.
    pub(super) fn member_key(&self, key: &CallerKey) -> Option<MemberKey> {
        let (owner, draws) = (self.keys.get(key)?.clone(), self.draws.get(key)?);
        Some(MemberKey { owner, team: draws.open()?.payer.clone() })
    }

    pub(super) fn members_of(&self, owner: &Owner) -> Members {
        self.members.get(owner).cloned().unwrap_or_default()
    }

    /// A key of another owner, or a revoked one, is refused and not stale.
    pub(super) fn draws_otherwise(&self, key: &CallerKey, owner: &Owner, draws: &Draws) -> bool {
        self.keys.get(key) == Some(owner) && self.draws_of(key) != *draws
    }

    pub(super) fn is_member_stale(&self, change: &MemberChange) -> bool {
        let MemberChange { key, owner, from, to: _, budget } = change;
        let is_other = |from: StoredBudget| from.is_ok_and(|from| self.limits.get(key) != from.as_ref());
        let is_budget_other = budget.is_some_and(|(from, _)| is_other(from));
        if self.keys.get(key) != Some(owner) || self.draws_of(key) != *from || is_budget_other {
            return true;
        }
        let Membership::Joins(team) = change.membership() else { return false };
        let (own, of_team) = (self.members_of(owner), self.members_of(team));
        let is_circle = !own.drawn_by.is_empty() || !of_team.drawing.is_empty();
        is_circle || own.drawing.len() >= MEMBERS_MAX || of_team.drawn_by.len() >= MEMBERS_MAX
    }

    pub(super) fn revoke(&mut self, key: &CallerKey, owner: &Owner, draws: &Draws, at: Timestamp) {
        self.draw(key, owner, draws, &draws.left(at));
        self.keys.remove(key);
        self.owner_keys.get_mut(key).unwrap().revoked_at = Some(at);
        self.revoked.insert(key.clone());
    }

    pub(super) fn change_member(&mut self, change: &MemberChange) {
        let MemberChange { key, owner, from, to, budget } = change;
        self.draw(key, owner, from, to);
        if let Some((_, to)) = budget {
            self.damaged_limits.remove(key);
            self.limits.remove(key);
            self.limits.extend(to.iter().map(|budget| (key.clone(), *budget)));
        }
    }

    /// The periods of a key, and the lists of both owners.
    pub(super) fn draw(&mut self, key: &CallerKey, owner: &Owner, from: &Draws, to: &Draws) {
        self.draws.remove(key);
        if *to != Draws::default() {
            self.draws.insert(key.clone(), to.clone());
        }
        let (team, is_member) = match membership(from, to) {
            Membership::Joins(team) => (team, true),
            Membership::Leaves(team) => (team, false),
            Membership::Stays => return,
        };
        self.members.entry(owner.clone()).or_default().set_drawing(key, is_member);
        self.members.entry(team.clone()).or_default().set_drawn_by(key, is_member);
    }
}
