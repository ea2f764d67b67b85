//! Transfers between two accounts of one asset: two movements over `house/transfers` in one transaction. A transfer of
//! tokens on chain is another thing: `transfer.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    AccountId, Amount, Effect, EventKey, Guard, House, LotMove, LotShare, LotsSnapshot, MoneyKey, Movement, Posting,
};

/// An amount that one owner's account gives to another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTransfer {
    from: AccountId,
    to: AccountId,
    amount: Amount,
}

impl AccountTransfer {
    pub fn new(from: AccountId, to: AccountId, amount: Amount) -> Result<Self, AccountTransferError> {
        if from.asset() != to.asset() {
            return Err(AccountTransferError::OtherAsset);
        }
        if from == to {
            return Err(AccountTransferError::Oneself);
        }
        if [&from, &to].into_iter().any(|account| account.owner().as_str() == House::NAME) {
            return Err(AccountTransferError::House);
        }
        if amount.is_zero() {
            return Err(AccountTransferError::Nothing);
        }
        Ok(Self { from, to, amount })
    }

    pub fn from(&self) -> &AccountId {
        &self.from
    }

    pub fn to(&self) -> &AccountId {
        &self.to
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The debit on the receipt's own row, and the credit under a key that follows from it. The store gives the credit
    /// the terms of the lots that the debit takes.
    pub fn effects(&self, receipt: &EventKey) -> Vec<Effect> {
        let (sent, amount) = (MoneyKey::of_event(receipt), self.amount);
        let received = MoneyKey::of_received(&sent);
        let debit = Posting::from_customer(self.from.clone(), House::Transfers, amount);
        let credit = Posting::to_customer(self.to.clone(), House::Transfers, amount);
        let movement =
            |key, posting, guard| Effect::Move(Movement { key, posting, guard, reverses: None, lots: Vec::new() });
        vec![movement(sent, debit, Guard::SufficientFunds), movement(received, credit, Guard::Always)]
    }
}

/// These movements, in which each transferred credit has the terms of the lots that it leaves. Of a sender without lots it
/// has none.
pub fn with_terms_of_senders<'e>(
    movements: impl Iterator<Item = &'e Movement>,
    lots: &BTreeMap<AccountId, LotsSnapshot>,
) -> Vec<Cow<'e, Movement>> {
    let mut movements: Vec<Cow<'e, Movement>> = movements.map(Cow::Borrowed).collect();
    let transfers = movements.iter().filter_map(|movement| {
        let LotMove::TransferOut(sent) = LotMove::of(movement) else { return None };
        let read = lots.get(sent.posting.account()).filter(|read| read.account.version > 0)?;
        Some((MoneyKey::of_received(&sent.key), read.carried_by(sent.posting.amount().units())))
    });
    let transfers: Vec<(MoneyKey, Vec<LotShare>)> = transfers.collect();
    for (received, shares) in transfers {
        for movement in movements.iter_mut().filter(|movement| movement.key == received) {
            movement.to_mut().lots.clone_from(&shares);
        }
    }
    movements
}

/// Why there is no such transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccountTransferError {
    #[error("both accounts are the same")]
    Oneself,
    #[error("both accounts must have the same asset")]
    OtherAsset,
    #[error("the name house is the house's own, which neither sends nor receives")]
    House,
    #[error("an amount of 0 moves nothing")]
    Nothing,
}
