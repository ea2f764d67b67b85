//! The audit of members: the periods on the rows of keys, against the lists of both owners.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, DifferenceKind, Suspect};
use crate::{Asset, Balance, CallerKey, Members, Owner};

/// A key that draws on another owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberKey {
    pub owner: Owner,
    pub team: Owner,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MembersAudit {
    keys: BTreeMap<CallerKey, MemberKey>,
    listed: BTreeMap<Owner, Members>,
}

/// An entry of an owner's list: a key of others that draws on the owner, or one of the owner's that draws on others.
type Entry = (Owner, bool, CallerKey);

impl MembersAudit {
    pub(super) fn set_key(&mut self, key: CallerKey, member: Option<MemberKey>) {
        self.keys.remove(&key);
        self.keys.extend(member.map(|member| (key, member)));
    }

    pub(super) fn set_members(&mut self, owner: Owner, members: Members) {
        self.listed.insert(owner, members);
    }

    fn drawing(&self) -> BTreeSet<Entry> {
        let of = |(key, MemberKey { owner, team }): (&CallerKey, &MemberKey)| {
            [(team.clone(), true, key.clone()), (owner.clone(), false, key.clone())]
        };
        self.keys.iter().flat_map(of).collect()
    }

    fn listed(&self) -> BTreeSet<Entry> {
        let of = |(owner, members): (&Owner, &Members)| {
            let drawn_by = members.drawn_by.iter().map(|key| (owner.clone(), true, key.clone()));
            let drawing = members.drawing.iter().map(|key| (owner.clone(), false, key.clone()));
            drawn_by.chain(drawing).collect::<Vec<_>>()
        };
        self.listed.iter().flat_map(of).collect()
    }

    /// Where something differs: a key may have joined or left while the table was read.
    pub(super) fn to_read_again(&self) -> (BTreeSet<CallerKey>, BTreeSet<Owner>) {
        let (drawing, listed) = (self.drawing(), self.listed());
        let differing: Vec<&Entry> = drawing.symmetric_difference(&listed).collect();
        let owners = differing.iter().map(|(owner, _, _)| owner.clone()).chain(self.in_circles().cloned());
        (differing.iter().map(|(_, _, key)| key.clone()).collect(), owners.collect())
    }

    /// Owners who draw and are drawn on.
    fn in_circles(&self) -> impl Iterator<Item = &Owner> {
        let is_both = |(_, members): &(&Owner, &Members)| !members.drawing.is_empty() && !members.drawn_by.is_empty();
        self.listed.iter().filter(is_both).map(|(owner, _)| owner)
    }

    pub(super) fn differences(&self) -> Vec<Difference> {
        let (drawing, listed) = (self.drawing(), self.listed());
        let of = |(owner, _, key): &Entry, is_listed: bool| {
            let number = |is_there: bool| Balance::from_units(i128::from(is_there));
            difference(owner, Some(key.short_id()), number(is_listed), number(!is_listed))
        };
        let unlisted = drawing.difference(&listed).map(|entry| of(entry, false));
        let lost = listed.difference(&drawing).map(|entry| of(entry, true));
        let circles = self.in_circles().filter_map(|owner| {
            let members = self.listed.get(owner)?;
            let count = |keys: &BTreeSet<CallerKey>| i128::try_from(keys.len()).map(Balance::from_units).ok();
            Some(difference(owner, None, count(&members.drawing)?, count(&members.drawn_by)?))
        });
        unlisted.chain(lost).chain(circles).collect()
    }
}

fn difference(owner: &Owner, line: Option<String>, recorded: Balance, found: Balance) -> Difference {
    Difference {
        difference_kind: DifferenceKind::Members,
        suspect: Suspect::Members,
        account: owner.account(Asset::CREDITS).to_string(),
        order: None,
        line,
        recorded,
        found,
        missing: 0,
    }
}
