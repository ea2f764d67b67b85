//! Queries the operator and the custodian about a top-up or transfer whose result is still missing.

use std::time::Duration;

use edge::Invocation;
use ledger::{Ledger, Order, OrderNumber, TopUpState, Transfer};

use crate::operator::report_of;
use crate::{Fulfil, FulfilError, SOURCE, WRITER};

/// The part of the time that is reserved for the commit after a query. A replay, which queries a transfer too, has no
/// more than five seconds in all.
const COMMIT_MARGIN: Duration = Duration::from_secs(1);

/// The result of a query about an order's pending parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingOutcome {
    /// Every part has ended.
    Settled,
    /// A part is still pending, and can be queried again.
    Open,
    /// No (further) query is possible: a person has to decide.
    NeedsDecision,
}

impl<L: Ledger> Fulfil<L> {
    /// Queries the providers of the order's pending parts.
    pub async fn query_pending(&self, order: &Order, invocation: &Invocation) -> Result<PendingOutcome, FulfilError> {
        let is_open = order.top_up_call.as_ref().is_some_and(ledger::TopUpCall::is_open);
        let can_be_queried = if is_open { self.query_operator(order, invocation).await? } else { false };
        let is_under_way = order.transfer.as_ref().is_some_and(Transfer::is_under_way);
        let is_found = if is_under_way { self.query_custodian(order, invocation).await? } else { false };
        Ok(match self.is_open(&order.number, invocation).await? {
            true if can_be_queried || is_found => PendingOutcome::Open,
            true => PendingOutcome::NeedsDecision,
            false => PendingOutcome::Settled,
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

    /// Whether the operator can be queried again.
    async fn query_operator(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let (Some(top_up_call), Some(phone)) = (&order.top_up_call, order.phone()) else {
            return Ok(false);
        };
        let operator = self.operator.as_ref().filter(|_| top_up_call.is_still_queried(invocation.now));
        let Some(operator) = operator.filter(|operator| operator.can_be_queried()) else {
            self.escalate(order, invocation).await?;
            return Ok(false);
        };
        let until = invocation.but_for(COMMIT_MARGIN).deadline;
        let (unitel, ready) = operator.ready(invocation, until).await.map_err(FulfilError::Operator)?;
        let (number, seq) = (order.number.as_str(), top_up_call.seq.as_deref());
        let result = unitel.check(&ready, phone, number, seq, until).await.map_err(FulfilError::Operator)?;
        // An unknown result adds nothing to the existing claim.
        if let Some(report) = result.map(report_of).filter(|report| report.state != TopUpState::Unknown) {
            self.apply_top_up_report(&order.number, &report, invocation).await?;
        }
        Ok(true)
    }

    async fn query_custodian(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let (custodian, allocation) =
            self.custodian.as_ref().zip(order.allocation()).ok_or(FulfilError::NoCustodian)?;
        let until = invocation.but_for(COMMIT_MARGIN).deadline;
        if let Some(sent) = custodian.find(&allocation, invocation, until).await.map_err(FulfilError::Custodian)? {
            self.apply_transfer_status(&order.number, &sent, invocation).await?;
        } else if let Some(released) =
            order.step(WRITER, "released", Vec::new(), order.release_transfer(invocation.now))
        {
            self.write(&released, invocation).await?;
        }
        Ok(true)
    }

    /// Flags the top-up for a person. If it is unknown, it is flagged already.
    async fn escalate(&self, order: &Order, invocation: &Invocation) -> Result<(), FulfilError> {
        let effects = order.flag_pending_top_up("the operator has the call, and cannot be queried".to_owned());
        if let Some(decision) = order.step(WRITER, "escalated", Vec::new(), effects) {
            self.write(&decision, invocation).await?;
            edge::alarm(SOURCE, "top_up_unknown", order.number.as_str());
        }
        Ok(())
    }
}
