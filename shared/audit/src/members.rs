//! The audit of members: the lists of each owner, against the keys that they name and the keys that must be on them.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{AccountPage, Audit, CallerKey, CommitError, MemberKey, Members, MembersAudit, Owner, Subject};

use crate::auditor::{Auditor, ROUNDS_MAX, RunState};

/// Each names up to four hundred keys, which one call of a few reads together.
const LISTS_AT_ONCE: usize = 10;

type Keys = BTreeMap<CallerKey, MemberKey>;
type Lists = BTreeMap<Owner, Members>;

impl<L: Audit> Auditor<'_, L> {
    /// The lists in these rows, against the keys that they name; and the lists of others, which must name the keys in
    /// these rows.
    pub(crate) async fn compare_members_in(&mut self, page: &AccountPage) -> Result<RunState, CommitError> {
        let of_keys = page.member_keys.values().flat_map(|member| [&member.owner, &member.team]);
        let owners: BTreeSet<&Owner> = page.members.iter().chain(of_keys).collect();
        let owners: Vec<&Owner> = owners.into_iter().collect();
        for owners in owners.chunks(LISTS_AT_ONCE) {
            for (owner, keys) in self.lists_to_compare(owners, page).await? {
                if self.is_out_of_time() {
                    return Ok(RunState::OutOfTime);
                }
                self.compare_members(owner, keys).await?;
            }
        }
        Ok(RunState::Continues)
    }

    /// Those that seem to differ, with the keys that they lack, and those with open findings. The others agree.
    async fn lists_to_compare<'o>(
        &mut self,
        owners: &[&'o Owner],
        page: &AccountPage,
    ) -> Result<Vec<(&'o Owner, BTreeSet<CallerKey>)>, CommitError> {
        let listed = self.lists_of(&owners.iter().copied().collect()).await?;
        let of_page = listed.iter().filter(|(owner, _)| page.members.contains(*owner));
        let named = of_page.flat_map(|(_, lists)| lists.drawing.union(&lists.drawn_by)).cloned().collect();
        let mut keys = page.member_keys.clone();
        keys.extend(self.members_among(&named).await?);
        let members = MembersAudit { keys, listed };
        let (differing, mut unlisted) = (members.differing(), members.unlisted());
        let mut to_compare = Vec::new();
        for owner in owners {
            let subject = Subject::Account(Members::row_of(owner));
            let keys = unlisted.remove(*owner).unwrap_or_default();
            let differs = !keys.is_empty() || (page.members.contains(*owner) && differing.contains(*owner));
            if differs || !self.check.lines_of(&subject).is_empty() {
                to_compare.push((*owner, keys));
            } else if page.members.contains(*owner) {
                self.record_check(&subject, Vec::new());
            }
        }
        Ok(to_compare)
    }

    /// The lists of an owner, against the keys that they name, those that must be on them, and those of open findings.
    pub(crate) async fn compare_members(
        &mut self,
        owner: &Owner,
        mut keys: BTreeSet<CallerKey>,
    ) -> Result<(), CommitError> {
        let subject = Subject::Account(Members::row_of(owner));
        keys.extend(self.check.lines_of(&subject).iter().filter_map(|key| CallerKey::of_row(key)));
        let owners = BTreeSet::from([owner]);
        for _ in 0..ROUNDS_MAX {
            let listed = self.lists_of(&owners).await?;
            let named = listed.values().flat_map(|lists| lists.drawing.union(&lists.drawn_by));
            let keys = self.members_among(&keys.iter().chain(named).cloned().collect()).await?;
            let members = MembersAudit { keys, listed };
            let found = members.differences_of(owner);
            // A key that joins or leaves changes the list too.
            if found.is_empty() || self.lists_of(&owners).await? == members.listed {
                self.record_check(&subject, found);
                return Ok(());
            }
        }
        self.report.unsettled_accounts = self.report.unsettled_accounts.saturating_add(1);
        Ok(())
    }

    async fn lists_of(&self, owners: &BTreeSet<&Owner>) -> Result<Lists, CommitError> {
        if owners.is_empty() { Ok(Lists::new()) } else { self.ledger.stored_members(owners, &self.call()).await }
    }

    async fn members_among(&self, keys: &BTreeSet<CallerKey>) -> Result<Keys, CommitError> {
        if keys.is_empty() { Ok(Keys::new()) } else { self.ledger.member_keys(keys, &self.call()).await }
    }
}
