//! The audit of redeem codes: the uses that were taken from each, against its redemptions in the journal.

use std::collections::BTreeMap;

use super::{Difference, DifferenceKind, RepairError, Suspect};
use crate::{Balance, Code, CodeChange, CodeHash, CodeUses, Owner, Word};

const CAMPAIGN: &str = "redeem#campaign.";
const CODE: &str = "redeem#";

/// Codes to read once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodesToRead {
    Campaign(Word),
    /// A code without a row, and an owner who redeemed it.
    Code(CodeHash, Owner),
}

/// By the start of their receipts: a code, or all codes of a campaign of which an owner redeems one. Such a receipt does
/// not name its code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CodesAudit {
    counted: BTreeMap<String, Counted>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Counted {
    codes: BTreeMap<CodeHash, Taken>,
    redemptions: u64,
    /// The last owner among them.
    owner: Option<Owner>,
}

/// The uses that were taken before the journal was read, and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    campaign: Word,
    before: i128,
    after: i128,
}

impl CodesAudit {
    /// A row, read before the journal.
    pub(super) fn add(&mut self, code: &Code) {
        let taken = Taken { campaign: code.campaign, before: code.taken(), after: code.taken() };
        self.counted.entry(code.receipts()).or_default().codes.insert(code.hash.clone(), taken);
    }

    /// A row, read after the journal. One that is new had no use taken before.
    pub(super) fn add_again(&mut self, code: &Code) {
        let codes = &mut self.counted.entry(code.receipts()).or_default().codes;
        let new = Taken { campaign: code.campaign, before: 0, after: 0 };
        codes.entry(code.hash.clone()).or_insert(new).after = code.taken();
    }

    pub(super) fn add_line(&mut self, key: &str) {
        let Some((receipts, owner)) = key.rsplit_once('#').filter(|_| key.starts_with(CODE)) else { return };
        let counted = self.counted.entry(receipts.to_owned()).or_default();
        counted.redemptions = counted.redemptions.saturating_add(1);
        counted.owner = Owner::new(owner).ok().or_else(|| counted.owner.take());
    }

    /// Where something differs: an owner may have redeemed a code after its row was read.
    pub(super) fn to_read_again(&self) -> Vec<CodesToRead> {
        let differing = self.counted.iter().filter(|(receipts, counted)| counted.difference(receipts).is_some());
        differing.filter_map(|(receipts, counted)| counted.to_read(receipts)).collect()
    }

    pub(super) fn differences(&self) -> impl Iterator<Item = Difference> {
        self.counted.iter().filter_map(|(receipts, counted)| counted.difference(receipts))
    }
}

impl Counted {
    fn to_read(&self, receipts: &str) -> Option<CodesToRead> {
        let campaign = receipts.strip_prefix(CAMPAIGN).and_then(|name| Word::new(name).ok());
        if let Some(campaign) = campaign.or_else(|| self.codes.values().next().map(|taken| taken.campaign)) {
            return Some(CodesToRead::Campaign(campaign));
        }
        let hash = receipts.strip_prefix(CODE).and_then(|hash| CodeHash::new(hash).ok());
        Some(CodesToRead::Code(hash?, self.owner.clone()?))
    }

    /// Of redemptions while the journal was read, it may have some: no number between both readings is a difference.
    fn difference(&self, receipts: &str) -> Option<Difference> {
        let sum = |of: fn(&Taken) -> i128| self.codes.values().map(of).fold(0, i128::saturating_add);
        let (before, after) = (sum(|taken| taken.before), sum(|taken| taken.after));
        let (least, most) = (before.min(after), before.max(after));
        let found = i128::from(self.redemptions);
        let recorded = found.clamp(least, most);
        let suspect = if self.codes.is_empty() { Suspect::CodeRow } else { Suspect::Code };
        (found != recorded).then(|| Difference {
            difference_kind: DifferenceKind::Uses,
            suspect,
            account: self.place(receipts),
            order: None,
            line: None,
            recorded: Balance::from_units(recorded),
            found: Balance::from_units(found),
            missing: 0,
        })
    }

    /// `spring/0123456789ab`, or the campaign alone. No row names the campaign of a code that was lost.
    fn place(&self, receipts: &str) -> String {
        let name = receipts.strip_prefix(CODE).and_then(|hash| CodeHash::new(hash).ok());
        let name = name.as_ref().map(CodeHash::short);
        match (receipts.strip_prefix(CAMPAIGN), self.codes.values().next(), name) {
            (None, Some(taken), Some(name)) => format!("{}/{name}", taken.campaign),
            (Some(campaign), _, _) => campaign.to_owned(),
            (None, None, Some(name)) => name.to_owned(),
            (None, _, None) => receipts.to_owned(),
        }
    }
}

impl Code {
    fn taken(&self) -> i128 {
        i128::from(self.uses).saturating_sub(i128::from(self.uses_left))
    }

    /// The code as after so many redemptions. One that was redeemed more often than it allows has no use left.
    pub fn redeemed_times(&self, times: u32) -> Result<CodeChange, RepairError> {
        let from = CodeUses { uses: self.uses, left: self.uses_left };
        let uses = self.uses.max(times);
        let to = CodeUses { uses, left: uses.saturating_sub(times) };
        let change = || CodeChange::Repair { hash: self.hash.clone(), from, to };
        (from != to).then(change).ok_or(RepairError::Agrees)
    }
}
