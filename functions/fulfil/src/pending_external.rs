//! What is in somebody else's hands and has not been heard of: whoever has it is asked.

use edge::Invocation;
use ledger::{Ledger, Order, OrderNumber, TopUpState, Transfer};

use crate::operator::heard;
use crate::{FOR_THE_BOOKS, Fulfil, FulfilError, SOURCE};

/// What has come of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It has an end.
    Settled,
    /// It goes on, and may be asked about again.
    Open,
    /// Nobody can be asked, or not any more: it is left to a person.
    Left,
}

impl<L: Ledger> Fulfil<L> {
    /// Whoever has a part of this order is asked what has become of it.
    pub async fn ask(&self, order: &Order, invocation: &Invocation) -> Result<Asked, FulfilError> {
        let is_open = order.top_up_call.as_ref().is_some_and(ledger::TopUpCall::is_open);
        let can_be_asked = if is_open { self.ask_operator(order, invocation).await? } else { false };
        let is_under_way = order.transfer.as_ref().is_some_and(Transfer::is_under_way);
        let is_found = if is_under_way { self.ask_custodian(order, invocation).await? } else { false };
        Ok(match self.is_open(&order.number, invocation).await? {
            true if can_be_asked || is_found => Asked::Open,
            true => Asked::Left,
            false => Asked::Settled,
        })
    }

    async fn is_open(&self, number: &OrderNumber, invocation: &Invocation) -> Result<bool, FulfilError> {
        let order = self.ledger.order(number, &invocation.context()).await?;
        let is_open = |order: &Order| {
            order.top_up_call.as_ref().is_some_and(ledger::TopUpCall::is_open)
                || order.transfer.as_ref().is_some_and(Transfer::is_under_way)
        };
        Ok(order.as_ref().is_some_and(is_open))
    }

    /// Whether the operator can be asked once more.
    async fn ask_operator(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let (Some(top_up_call), Some(top_up)) = (&order.top_up_call, order.top_up()) else {
            return Ok(false);
        };
        let operator = self.operator.as_ref().filter(|_| top_up_call.is_still_queried(invocation.now));
        let Some(operator) = operator.filter(|operator| operator.can_be_asked()) else {
            self.leave(order, invocation).await?;
            return Ok(false);
        };
        let until = invocation.but_for(FOR_THE_BOOKS).deadline;
        let (unitel, ready) = operator.ready(invocation, until).await.map_err(FulfilError::Operator)?;
        let (phone, number, seq) = (&top_up.phone, order.number.as_str(), top_up_call.seq.as_deref());
        let said = unitel.check(&ready, phone, number, seq, until).await.map_err(FulfilError::Operator)?;
        // What it does not say now it did not say before.
        if let Some(heard) = said.map(heard).filter(|heard| heard.state != TopUpState::Unknown) {
            self.apply_top_up_report(&order.number, &heard, invocation).await?;
        }
        Ok(true)
    }

    async fn ask_custodian(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let (custodian, allocation) =
            self.custodian.as_ref().zip(order.allocation()).ok_or(FulfilError::NoCustodian)?;
        let until = invocation.but_for(FOR_THE_BOOKS).deadline;
        if let Some(sent) = custodian.find(&allocation, invocation, until).await.map_err(FulfilError::Custodian)? {
            self.apply_transfer_status(&order.number, &sent, invocation).await?;
        }
        Ok(true)
    }

    /// What is unknown is flagged already.
    async fn leave(&self, order: &Order, invocation: &Invocation) -> Result<(), FulfilError> {
        let effects = order.flag_pending_top_up("the operator has it, and cannot be asked".to_owned());
        if let Some(decision) = order.step(SOURCE, "escalated", Vec::new(), effects) {
            self.write(&decision, invocation).await?;
            edge::alarm(SOURCE, "top_up_unknown", order.number.as_str());
        }
        Ok(())
    }
}
