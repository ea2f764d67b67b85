//! The audit of members: the periods on the rows of keys, against the lists of both owners. A difference is of the list of
//! one owner, and its line is the row of a key.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, DifferenceKind, Suspect};
use crate::{Balance, CallerKey, Members, Owner};

/// A key that draws on another owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberKey {
    pub owner: Owner,
    pub team: Owner,
}

/// Keys and lists, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MembersAudit {
    /// The keys that draw on another owner's account.
    pub keys: BTreeMap<CallerKey, MemberKey>,
    pub listed: BTreeMap<Owner, Members>,
}

/// An entry of an owner's list: a key of others that draws on the owner, or one of the owner's that draws on others.
type Entry = (Owner, bool, CallerKey);

impl MembersAudit {
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

    /// The keys that a list lacks, by the owner whose list it is.
    pub fn unlisted(&self) -> BTreeMap<Owner, BTreeSet<CallerKey>> {
        let mut unlisted: BTreeMap<Owner, BTreeSet<CallerKey>> = BTreeMap::new();
        for (owner, _, key) in self.drawing().difference(&self.listed()).cloned() {
            unlisted.entry(owner).or_default().insert(key);
        }
        unlisted
    }

    /// Owners who draw and are drawn on.
    fn in_circles(&self) -> impl Iterator<Item = &Owner> {
        let is_both = |(_, members): &(&Owner, &Members)| !members.drawing.is_empty() && !members.drawn_by.is_empty();
        self.listed.iter().filter(is_both).map(|(owner, _)| owner)
    }

    /// Whose lists differ.
    pub fn differing(&self) -> BTreeSet<Owner> {
        let (drawing, listed) = (self.drawing(), self.listed());
        let owners = drawing.symmetric_difference(&listed).map(|(owner, _, _)| owner);
        owners.chain(self.in_circles()).cloned().collect()
    }

    /// The differences of this owner's list.
    pub fn differences_of(&self, owner: &Owner) -> Vec<Difference> {
        let id = Members::row_of(owner);
        self.differences().into_iter().filter(|difference| difference.account == id).collect()
    }

    pub(super) fn differences(&self) -> Vec<Difference> {
        let (drawing, listed) = (self.drawing(), self.listed());
        let of = |(owner, _, key): &Entry, is_listed: bool| {
            let number = |is_there: bool| Balance::from_units(i128::from(is_there));
            difference(owner, Some(key.to_string()), number(is_listed), number(!is_listed))
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
        account: Members::row_of(owner),
        order: None,
        line,
        recorded,
        found,
        missing: 0,
    }
}
