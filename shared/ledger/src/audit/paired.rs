//! Lines that follow from another line: the other side of a transfer, and the reversal of a charge.

use super::{Difference, DifferenceKind, JournalLine, Suspect};
use crate::{Balance, House, MoneyKey};

impl JournalLine {
    /// Whether the audit reads the row of a line with this key, and not only its entry in the statement.
    pub fn is_read(key: &str) -> bool {
        !matches!(key.split('#').next().unwrap_or_default(), "usage" | "redeem" | "expire")
    }

    /// The key of the line that this one must agree with.
    pub fn paired_with(&self) -> Option<String> {
        // A person has corrected it by a line of its own.
        if self.reversed_by.is_some() {
            return None;
        }
        if let Some(usage) = self.key.strip_prefix("reversed#") {
            return Some(usage.to_owned());
        }
        if let Some(sent) = self.key.strip_prefix("received#") {
            return Some(sent.to_owned());
        }
        let is_transfer = self.house == Some(House::Transfers) && self.key.starts_with("manual#");
        is_transfer.then(|| MoneyKey::of_received(&MoneyKey::of_row(&self.key)).to_string())
    }

    /// The difference from the line that it is paired with.
    pub fn differs_from_pair(&self, other: Option<&Self>) -> Option<Difference> {
        self.paired_with()?;
        let other_change = other.map_or(Balance::ZERO, |other| other.change);
        let back = other_change.checked_neg().unwrap_or_default();
        let asset = |line: &Self| line.account.split_once('/').map(|(_, asset)| asset.to_owned());
        let (kind, agrees) = if self.key.starts_with("reversed#") {
            let is_marked = other
                .is_some_and(|other| other.account == self.account && other.reversed_by.as_ref() == Some(&self.key));
            (DifferenceKind::Reversal, is_marked && self.change > Balance::ZERO && self.change <= back)
        } else {
            let is_same_asset = other.is_some_and(|other| asset(other) == asset(self));
            (DifferenceKind::Transfer, is_same_asset && self.change == back)
        };
        let suspect = if other.is_none() { Suspect::LostLine } else { Suspect::Line };
        (!agrees).then(|| Difference { order: None, suspect, ..self.differs(kind, back) })
    }
}
