//! Members: a key of one owner draws on the account of another, their team. The key's row has every period in which it
//! did, so that a use is paid by the one who paid at its time, however late it is reported.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::{Budget, CallRate, CallerKey, Owner, StoredBudget, Timestamp};

/// The keys that draw on one account, and those of one owner that draw on others. It bounds the row that lists them.
pub const MEMBERS_MAX: usize = 200;
/// The periods that a key's row keeps. It bounds the row that each function caches.
const DRAWS_MAX: usize = 32;
/// Longer than any event is tried again. A period that ended before is dropped when the key joins or leaves.
const KEPT_SECONDS: i64 = 400 * 24 * 60 * 60;

/// A period in which another owner's account pays for the uses of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    pub payer: Owner,
    pub since: Timestamp,
    /// `None` while it lasts.
    pub until: Option<Timestamp>,
}

/// The periods of a key, the oldest first. Only the last one may last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draws(Vec<Draw>);

impl Draws {
    /// `None` if they overlap, or one without an end is not the last.
    pub fn new(draws: Vec<Draw>) -> Option<Self> {
        let is_in_order = |pair: &[Draw]| {
            let [one, next] = pair else { return true };
            one.until.is_some_and(|until| until <= next.since)
        };
        let ends_after_start = draws.iter().all(|draw| draw.until.is_none_or(|until| draw.since <= until));
        (ends_after_start && draws.windows(2).all(is_in_order)).then_some(Self(draws))
    }

    pub fn all(&self) -> &[Draw] {
        &self.0
    }

    /// The period that lasts.
    pub fn open(&self) -> Option<&Draw> {
        self.0.last().filter(|draw| draw.until.is_none())
    }

    fn payer_at(&self, at: Timestamp) -> Option<&Owner> {
        let is_within = |draw: &&Draw| draw.since <= at && draw.until.is_none_or(|until| at < until);
        self.0.iter().find(is_within).map(|draw| &draw.payer)
    }

    fn joined(&self, payer: &Owner, now: Timestamp) -> Result<Self, MemberError> {
        if let Some(open) = self.open() {
            return Err(MemberError::Member(open.payer.clone()));
        }
        let mut kept: Vec<Draw> = self.kept(now);
        if kept.len() >= DRAWS_MAX {
            return Err(MemberError::TooOften);
        }
        // The clock of another machine may have written the last end.
        let now = second_of(now);
        let since = kept.last().and_then(|last| last.until).map_or(now, |until| until.max(now));
        kept.push(Draw { payer: payer.clone(), since, until: None });
        Ok(Self(kept))
    }

    /// Without the period that lasts: it ends.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Self {
        let mut kept = self.kept(now);
        if let Some(last) = kept.last_mut().filter(|last| last.until.is_none()) {
            last.until = Some(second_of(now).max(last.since));
        }
        Self(kept)
    }

    fn kept(&self, now: Timestamp) -> Vec<Draw> {
        let is_kept = |draw: &&Draw| draw.until.is_none_or(|until| until.plus_seconds(KEPT_SECONDS) > now);
        self.0.iter().filter(is_kept).cloned().collect()
    }
}

/// Periods begin and end with a second: gateways report in seconds, and what is used in the second of the joining is the
/// team's.
fn second_of(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(at.unix_s().saturating_mul(1_000)).unwrap_or(at)
}

/// Who uses what another owner pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub owner: Owner,
    pub key: CallerKey,
}

impl Member {
    /// The facts of a use. They are no part of its fingerprint: who pays for an event does not decide which event it is.
    pub fn fact(&self) -> (&'static str, &str) {
        ("member", self.owner.as_str())
    }
}

/// A key with what its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundKey {
    pub owner: Owner,
    pub budget: StoredBudget,
    /// The periods in which another owner's account pays for it.
    pub draws: Draws,
    pub rate: Option<CallRate>,
    /// When a key that was rotated stops working.
    pub ends_at: Option<Timestamp>,
}

/// A key at the time of a use: whom it names, who pays, and what limits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedKey {
    pub payer: Owner,
    /// Only if the payer is another than the owner.
    pub member: Option<Member>,
    pub budget: StoredBudget,
    pub used_at: Timestamp,
}

impl BoundKey {
    /// A key of this owner without any settings.
    pub fn of(owner: Owner) -> Self {
        Self { owner, budget: Ok(None), draws: Draws::default(), rate: None, ends_at: None }
    }

    /// Whether it works at this time: a key that was rotated may still.
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.ends_at.is_none_or(|ends_at| at < ends_at)
    }

    /// A use is no later than its first receipt: a sender's clock that is ahead begins no window of tomorrow, and names no
    /// payer of tomorrow.
    pub fn used(self, key: &CallerKey, sent_at: Timestamp, first_received_at: Timestamp) -> UsedKey {
        let Self { owner, budget, draws, .. } = self;
        let used_at = sent_at.min(first_received_at);
        let Some(payer) = draws.payer_at(used_at).cloned() else {
            return UsedKey { payer: owner, member: None, budget, used_at };
        };
        UsedKey { payer, member: Some(Member { owner, key: key.clone() }), budget, used_at }
    }

    /// All who may have to pay for a use: the owner, and each team of one of its periods.
    pub fn payers(&self) -> BTreeSet<&Owner> {
        std::iter::once(&self.owner).chain(self.draws.all().iter().map(|draw| &draw.payer)).collect()
    }
}

/// A key joins a team or leaves it, provided that it is the owner's and its row is still as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberChange {
    pub key: CallerKey,
    pub owner: Owner,
    pub from: Draws,
    pub to: Draws,
    /// The key's budget, which is the limit of the member, if it changes with it: as it was read, and as it becomes.
    pub budget: Option<(StoredBudget, Option<Budget>)>,
}

/// What a change does to the lists of both owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership<'c> {
    /// The key draws on this owner from now on.
    Joins(&'c Owner),
    Leaves(&'c Owner),
    /// No period begins or ends.
    Stays,
}

impl MemberChange {
    /// The key joins the team with this budget, over the row that was read.
    pub fn join(
        key: &CallerKey,
        bound: &BoundKey,
        team: &Owner,
        budget: Option<Budget>,
        now: Timestamp,
    ) -> Result<Self, MemberError> {
        if bound.owner == *team {
            return Err(MemberError::Oneself);
        }
        let to = bound.draws.joined(team, now)?;
        Ok(Self { to, budget: Some((bound.budget, budget)), ..Self::unchanged(key, bound) })
    }

    /// The key leaves the team; its budget stays with it.
    pub fn leave(key: &CallerKey, bound: &BoundKey, team: &Owner, now: Timestamp) -> Result<Self, MemberError> {
        if bound.draws.open().is_none_or(|open| open.payer != *team) {
            return Err(MemberError::NoMember);
        }
        Ok(Self { to: bound.draws.left(now), ..Self::unchanged(key, bound) })
    }

    /// Over the key as it is, for a request that was perhaps carried out: only its receipt decides.
    pub fn unchanged(key: &CallerKey, bound: &BoundKey) -> Self {
        let BoundKey { owner, draws, .. } = bound.clone();
        Self { key: key.clone(), owner, from: draws.clone(), to: draws, budget: None }
    }

    pub fn membership(&self) -> Membership<'_> {
        membership(&self.from, &self.to)
    }
}

/// From the periods that were read to those that are written.
pub fn membership<'c>(from: &'c Draws, to: &'c Draws) -> Membership<'c> {
    match (from.open(), to.open()) {
        (None, Some(open)) => Membership::Joins(&open.payer),
        (Some(open), None) => Membership::Leaves(&open.payer),
        (None, None) | (Some(_), Some(_)) => Membership::Stays,
    }
}

/// The keys that tie an owner to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// The owner's keys that draw on others. An owner who has any is drawn on by none, so there is neither a circle nor a
    /// chain.
    pub drawing: BTreeSet<CallerKey>,
    /// Keys of others that draw on the owner's account.
    pub drawn_by: BTreeSet<CallerKey>,
}

/// No account's id contains a `#`.
const ROW: &str = "members#";

impl Members {
    /// The id of the row that has the lists of this owner.
    pub fn row_of(owner: &Owner) -> String {
        format!("{ROW}{owner}")
    }

    /// Whose lists a row has, by its id.
    pub fn owner_of(id: &str) -> Option<Owner> {
        Owner::new(id.strip_prefix(ROW)?).ok()
    }

    /// Whether one more of the owner's keys may draw on this team.
    pub fn may_join(&self, team: &Self) -> Result<(), MemberError> {
        if !self.drawn_by.is_empty() || !team.drawing.is_empty() {
            return Err(MemberError::Circle);
        }
        let is_full = self.drawing.len() >= MEMBERS_MAX || team.drawn_by.len() >= MEMBERS_MAX;
        if is_full { Err(MemberError::Full) } else { Ok(()) }
    }

    /// What a change of this owner's key does here. A member that is listed twice is listed once.
    pub fn set_drawing(&mut self, key: &CallerKey, is_member: bool) {
        set(&mut self.drawing, key, is_member);
    }

    pub fn set_drawn_by(&mut self, key: &CallerKey, is_member: bool) {
        set(&mut self.drawn_by, key, is_member);
    }
}

fn set(keys: &mut BTreeSet<CallerKey>, key: &CallerKey, is_member: bool) {
    if is_member {
        keys.insert(key.clone());
    } else {
        keys.remove(key);
    }
}

/// Why a key does not join or leave.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MemberError {
    #[error("an owner cannot be a member of themselves")]
    Oneself,
    #[error("an owner who draws on another is drawn on by none")]
    Circle,
    #[error("{MEMBERS_MAX} keys are the most")]
    Full,
    #[error("it is a member of {0} already")]
    Member(Owner),
    #[error("it is no member of this team")]
    NoMember,
    #[error("it joined and left {DRAWS_MAX} times in 400 days")]
    TooOften,
}
