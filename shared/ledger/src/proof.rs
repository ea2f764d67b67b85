//! What proves that an order is paid: the row of its payment in the journal, which only roles that prove payments may write.

use crate::{Anomaly, Effect, Money, MoneyKey, Order, OrderNumber, Reason, Transition};

/// The row of the payment that pays an order. It is written once, with the payment, and never written over; whatever the order
/// buys requires it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentProof {
    pub key: MoneyKey,
    pub order: OrderNumber,
    /// What was paid.
    pub money: Money,
}

/// What one transaction has to do with the proof of its order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofUse {
    /// The order is paid by this transaction.
    Write(PaymentProof),
    /// The order says that it was paid before, and moves something for it.
    Require(PaymentProof),
}

impl ProofUse {
    /// `None` where nothing rests on a payment.
    pub fn of(effects: &[Effect]) -> Option<Self> {
        let (order, transition) = effects.iter().find_map(|effect| {
            let Effect::Order { order, transition } = effect else { return None };
            Some((order, *transition))
        })?;
        let proof = order.proof()?;
        let moves = effects.iter().any(|effect| matches!(effect, Effect::Move(_)));
        match transition {
            Transition::Pay => Some(Self::Write(proof)),
            Transition::Claim => Some(Self::Require(proof)),
            Transition::Create | Transition::Close(_) | Transition::Fulfil | Transition::Amend => {
                moves.then_some(Self::Require(proof))
            }
        }
    }
}

impl Order {
    /// Of an order that names the payment that paid it.
    pub fn proof(&self) -> Option<PaymentProof> {
        let paid = self.paid.as_ref()?;
        let (key, order) = (MoneyKey::of_payment(&paid.by), self.number.clone());
        Some(PaymentProof { key, order, money: self.paid_money() })
    }

    /// It says that it is paid, and the journal has no row of that payment. Nothing is settled by it, and nothing delivered until a
    /// person clears the flag.
    pub fn flag_unproven(&self) -> Vec<Effect> {
        if self.is_flagged_for(Reason::PaymentUnproven) {
            return Vec::new();
        }
        let mut after = self.clone();
        let by = self.paid.as_ref().map_or_else(|| "no payment".to_owned(), |paid| paid.by.to_string());
        let details = format!("the journal has no row of {} by {by}", self.paid_money());
        after.anomalies.leave(Reason::PaymentUnproven);
        after.anomalies.learn(Anomaly { reason: Reason::PaymentUnproven, details, payment: None });
        after.version = self.version.saturating_add(1);
        vec![Effect::Order { order: Box::new(after), transition: Transition::Amend }]
    }
}
