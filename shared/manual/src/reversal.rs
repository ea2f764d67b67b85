//! The step by which the charge of a usage event is given back, from its line and from that of its reversal.

use ledger::{AccountId, Amount, Balance, JournalLine, UsageReversal, UsageReversalError};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversalStep {
    /// It was reversed by the same amount.
    Earlier { receipt: String, account: AccountId },
    /// It was reversed by another amount.
    Other { amount: Balance },
    /// To be committed over the line as it was read.
    Book(UsageReversal),
}

/// Gives this amount of the charge back, or all of it.
pub fn reversal_of(
    charge: JournalLine,
    reversal: Option<JournalLine>,
    amount: Option<Amount>,
) -> Result<ReversalStep, UsageReversalError> {
    let Some(first) = reversal else { return UsageReversal::of(&charge, amount).map(ReversalStep::Book) };
    // Without its mark, the charge shows by how much it can be reversed.
    let same = UsageReversal::of(&JournalLine { reversed_by: None, ..charge }, amount)?;
    if !same.is_booked_by(&first) {
        return Ok(ReversalStep::Other { amount: first.change });
    }
    Ok(ReversalStep::Earlier { receipt: first.key, account: same.account().clone() })
}
