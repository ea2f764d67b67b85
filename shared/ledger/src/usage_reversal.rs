//! The reversal of a usage event: its owner gets the charge back, whole or in part, once.

use thiserror::Error;

use crate::{
    AccountId, Amount, Asset, Balance, Effect, Guard, House, JournalLine, MoneyKey, Movement, Owner, Posting, Repair,
};

/// The reversal of the usage event that charged this line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReversal {
    line: JournalLine,
    account: AccountId,
    amount: Amount,
}

impl UsageReversal {
    /// The key of the one reversal of a usage event.
    pub fn key_of(usage: &MoneyKey) -> MoneyKey {
        MoneyKey::of_row(&format!("reversed#{usage}"))
    }

    /// Reverses this amount of the charge, or all of it.
    pub fn of(line: &JournalLine, amount: Option<Amount>) -> Result<Self, UsageReversalError> {
        let account = credits_of(&line.account).filter(|_| !line.is_failed && is_usage(&line.key));
        let account = account.ok_or(UsageReversalError::NotUsage)?;
        if line.reversed_by.is_some() {
            return Err(UsageReversalError::Reversed);
        }
        let charged = Amount::owed(line.change).ok_or(UsageReversalError::Free)?;
        let amount = amount.unwrap_or(charged);
        if amount.is_zero() {
            return Err(UsageReversalError::Nothing);
        }
        if amount > charged {
            return Err(UsageReversalError::TooMuch { charged });
        }
        Ok(Self { line: line.clone(), account, amount })
    }

    /// The key of the reversed event.
    pub fn usage(&self) -> MoneyKey {
        MoneyKey::of_row(&self.line.key)
    }

    pub fn account(&self) -> &AccountId {
        &self.account
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The credit under its own money key, and the mark on the line that it reverses, which must be as it was read: so no
    /// more is given back than was charged, and only once.
    pub fn effects(&self) -> Vec<Effect> {
        let key = Self::key_of(&self.usage());
        let posting = Posting::to_customer(self.account.clone(), House::Usage, self.amount);
        let movement = Movement {
            key: key.clone(),
            posting,
            guard: Guard::Always,
            reverses: Some(self.usage()),
            lots: Vec::new(),
        };
        vec![Effect::Move(movement), Effect::Repair(Repair::Reversed { line: self.line.clone(), by: key })]
    }

    /// Whether this line is the reversal of the same amount.
    pub fn is_booked_by(&self, line: &JournalLine) -> bool {
        line.change == Balance::from(self.amount)
    }
}

fn is_usage(key: &str) -> bool {
    key.split_once('#').is_some_and(|(kind, id)| kind == "usage" && !id.contains('#'))
}

fn credits_of(account: &str) -> Option<AccountId> {
    let (owner, asset) = account.split_once('/')?;
    let asset = Asset::named(asset).filter(|asset| *asset == Asset::CREDITS)?;
    Some(Owner::new(owner).ok()?.account(asset))
}

/// Why a usage event cannot be reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UsageReversalError {
    #[error("it is not a booked usage event")]
    NotUsage,
    #[error("it is reversed already")]
    Reversed,
    #[error("it cost nothing")]
    Free,
    #[error("an amount of 0 reverses nothing")]
    Nothing,
    #[error("it charged {}", Asset::CREDITS.format(*charged))]
    TooMuch { charged: Amount },
}
