//! A change of lots: what it writes, given both rows as they were read.

use std::cmp::Ordering;

use super::{
    AccountLots, ExpiredShare, LotChange, LotKind, LotShare, LotTerms, LotsRow, LotsSnapshot, TakenShares, total,
};
use crate::{Balance, House, MoneyKey, Movement, Timestamp};

/// What a movement does to the lots of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotMove<'m> {
    /// It reads no lot: a spend, or what moves nothing.
    Spend,
    /// A transfer to another account.
    TransferOut(&'m Movement),
    /// New credits.
    Give(&'m Movement),
    /// A clawback of the grant with this key.
    Take(&'m Movement, &'m MoneyKey),
    /// What clawbacks of the grant with this key took.
    GiveAgain(&'m Movement, &'m MoneyKey),
}

impl<'m> LotMove<'m> {
    pub fn of(movement: &'m Movement) -> Self {
        match (movement.posting.change().units().cmp(&0), movement.reverses.as_ref()) {
            (Ordering::Less, None) if movement.posting.house() == House::Transfers => Self::TransferOut(movement),
            (Ordering::Equal, _) | (Ordering::Less, None) => Self::Spend,
            (Ordering::Less, Some(grant)) => Self::Take(movement, grant),
            (Ordering::Greater, None) => Self::Give(movement),
            (Ordering::Greater, Some(grant)) => Self::GiveAgain(movement, grant),
        }
    }

    /// Whether it makes a lot that expires, so that a change of lots is due even if the account has none yet.
    pub fn is_dated(self) -> bool {
        match self {
            Self::Give(movement) => movement.lots.iter().any(|share| share.terms.expires_at.is_some()),
            Self::Spend | Self::TransferOut(_) | Self::Take(..) | Self::GiveAgain(..) => false,
        }
    }
}

/// What a change of lots writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedLots {
    pub row: LotsRow,
    /// What comes back from breakage, because a clawback takes it.
    pub returned: u128,
    pub next_expiry: Option<Timestamp>,
    /// The balance after a transfer to another account, which marks it: then balance and held amount must be those that
    /// were read. Otherwise the mark is the balance before the write, whatever that is.
    pub mark: Option<Balance>,
}

impl LotsSnapshot {
    /// The change of lots that these movements are, in their order. Condition: the version of lots is the one that was
    /// read.
    pub fn change<'m>(&self, moves: impl IntoIterator<Item = LotMove<'m>>, now: Timestamp) -> ChangedLots {
        let settled = self.settled();
        let mut row = LotsRow {
            version: self.account.version.saturating_add(1),
            // Before the first dated grant there is nothing but what its `mark` shows.
            lots: if self.account.version == 0 { Vec::new() } else { settled.lots },
            changes: Vec::new(),
            expired: self.row.expired.clone(),
            taken: settled.taken,
        };
        row.forget(now);
        let (mut returned, mut sent) = (0_u128, None);
        for lot_move in moves {
            match lot_move {
                LotMove::Spend => {}
                LotMove::TransferOut(movement) => {
                    let units = movement.posting.amount().units();
                    row.lots = self.transferred(std::mem::take(&mut row.lots), units).0;
                    sent = Some(units.saturating_add(sent.unwrap_or_default()));
                }
                LotMove::Give(movement) => row.changes.push(give(movement)),
                LotMove::Take(movement, grant) => {
                    returned = returned.saturating_add(row.take(movement, grant, now));
                }
                LotMove::GiveAgain(movement, grant) => row.give_again(movement, grant, now),
            }
        }
        row.taken.retain(|taken| taken.units > 0);
        row.expired.retain(|expired| expired.share.units > 0);
        let next_expiry = row.first_expiry();
        let mark = sent.map(|sent| after(self.account.balance, sent));
        ChangedLots { row, returned, next_expiry, mark }
    }
}

impl AccountLots {
    /// Whether a debit now would precede an expiry.
    pub fn is_fenced(&self, now: Timestamp) -> bool {
        self.next_expiry.is_some_and(|next_expiry| next_expiry <= now)
    }
}

fn after(balance: Balance, sent: u128) -> Balance {
    Balance::from_units(balance.units().saturating_sub(i128::try_from(sent).unwrap_or(i128::MAX)))
}

/// What the movement does not date is undated. What usage gives back was not bought, at least not now.
fn give(movement: &Movement) -> LotChange {
    let units = movement.posting.amount().units();
    let mut shares = movement.lots.clone();
    let undated = units.saturating_sub(total(shares.iter().map(|share| &share.units)));
    if undated > 0 {
        shares.push(LotShare { terms: LotTerms::undated(kind_of(&movement.key)), units: undated });
    }
    LotChange::Give { grant: Some(movement.key.clone()), shares }
}

impl LotsRow {
    /// Takes first what has expired of the grant. Returns how much that is; the rest is taken from the lots.
    fn take(&mut self, movement: &Movement, grant: &MoneyKey, now: Timestamp) -> u128 {
        let units = movement.posting.amount().units();
        let (mut left, mut shares) = (units, Vec::new());
        for expired in self.expired.iter_mut().filter(|expired| expired.grants.contains(grant)) {
            let back = expired.share.units.min(left);
            expired.share.units = expired.share.units.saturating_sub(back);
            left = left.saturating_sub(back);
            if back > 0 {
                shares.push(LotShare { units: back, ..expired.share });
            }
        }
        let is_undated = movement.lots.is_empty() || movement.lots.iter().any(|share| share.terms.expires_at.is_none());
        self.taken.push(TakenShares { key: movement.key.clone(), grant: grant.clone(), at: now, units, shares });
        let key = movement.key.clone();
        self.changes.push(LotChange::Take { key, grant: grant.clone(), is_undated, units: left });
        units.saturating_sub(left)
    }

    /// Gives again what the newest clawbacks took. What they took of dated lots of the grant is dated again, later by
    /// the time for which it was taken; the rest is undated.
    fn give_again(&mut self, movement: &Movement, grant: &MoneyKey, now: Timestamp) {
        let (mut left, mut shares, mut undated) = (movement.posting.amount().units(), Vec::new(), 0_u128);
        for taken in self.taken.iter_mut().rev().filter(|taken| taken.grant == *grant) {
            let mut part = taken.units.min(left);
            taken.units = taken.units.saturating_sub(part);
            left = left.saturating_sub(part);
            for share in &mut taken.shares {
                let dated = share.units.min(part);
                share.units = share.units.saturating_sub(dated);
                part = part.saturating_sub(dated);
                if dated > 0 {
                    let terms = share.terms.moved_by(now.seconds_apart(taken.at));
                    shares.push(LotShare { terms, units: dated });
                }
            }
            undated = undated.saturating_add(part);
        }
        undated = undated.saturating_add(left);
        if undated > 0 {
            shares.push(LotShare { terms: LotTerms::undated(kind_of(grant)), units: undated });
        }
        self.changes.push(LotChange::Give { grant: Some(grant.clone()), shares });
    }
}

/// What comes back for usage is free; what comes back for a payment is paid.
fn kind_of(grant: &MoneyKey) -> LotKind {
    if grant.as_str().starts_with("usage#") { LotKind::Free } else { LotKind::Paid }
}

impl ExpiredShare {
    /// Whether a payment can be taken back that bought one of these grants.
    pub(super) fn is_bought(grants: &[MoneyKey]) -> bool {
        grants.iter().any(|grant| grant.as_str().starts_with("payment#") || grant.as_str().starts_with("invoice#"))
    }
}
