//! Proof of payment: the journal row of the payment that pays an order. Only roles that verify payments may write it.

use crate::{Amount, Anomaly, Effect, Money, MoneyKey, Order, OrderNumber, Reason, Transition};

/// The journal row of the payment that pays an order. The payment's transaction writes it once and nothing overwrites
/// it. Everything that the order buys requires this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentProof {
    pub key: MoneyKey,
    pub order: OrderNumber,
    /// The amount paid.
    pub money: Money,
}

/// How one transaction uses the proof of its order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofUse {
    /// This transaction pays the order and writes the proof.
    Write(PaymentProof),
    /// The order was paid earlier and this transaction moves money for it, so the proof must exist.
    Require(PaymentProof),
}

impl ProofUse {
    /// `None` if no effect depends on a payment.
    pub fn of(effects: &[Effect], has_movements: bool) -> Option<Self> {
        let (order, transition) = effects.iter().find_map(|effect| {
            let Effect::Order { order, transition, .. } = effect else { return None };
            Some((order, *transition))
        })?;
        let proof = order.proof()?;
        match transition {
            Transition::Pay => Some(Self::Write(proof)),
            Transition::Claim => Some(Self::Require(proof)),
            Transition::Create | Transition::Close(_) | Transition::Fulfil | Transition::Amend => {
                has_movements.then_some(Self::Require(proof))
            }
        }
    }
}

impl Order {
    /// The proof that must exist for this order; `None` if the order names no payment.
    pub fn proof(&self) -> Option<PaymentProof> {
        let paid = self.paid.as_ref()?;
        let (key, order) = (MoneyKey::of_payment(&paid.by), self.number.clone());
        Some(PaymentProof { key, order, money: self.paid_money() })
    }

    /// Flags an order that claims to be paid while the journal has no row of that payment. Nothing is settled or
    /// delivered for it until a person clears the flag.
    pub fn flag_unproven(&self) -> Vec<Effect> {
        if self.is_flagged_for(Reason::PaymentUnproven) {
            return Vec::new();
        }
        let mut after = self.clone();
        let by = self.paid.as_ref().map_or_else(|| "no payment".to_owned(), |paid| paid.by.to_string());
        let details = format!("the journal has no row of {} by {by}", self.paid_money());
        after.anomalies.leave(Reason::PaymentUnproven);
        after.anomalies.apply(Anomaly { reason: Reason::PaymentUnproven, details, payment: None });
        after.version = self.version.saturating_add(1);
        vec![Effect::Order { order: Box::new(after), transition: Transition::Amend, refunded: Amount::ZERO }]
    }
}
