//! A person's question to the provider of an order. Nothing is booked by the answer.

use edge::Invocation;
use insight::ProviderAnswer;
use ledger::{Backlog, Order, Payment};

use crate::Reconcile;
use crate::missing_credentials::QueryError;
use crate::query_provider::QueryOutcome;

impl<L: Backlog> Reconcile<L> {
    /// The query of the sweep of unpaid orders.
    pub async fn ask(&self, order: &Order, invocation: &Invocation) -> ProviderAnswer {
        let of = |payment: Payment| (payment.by.to_string(), payment.money);
        match self.query(order, invocation).await {
            Ok(QueryOutcome::Paid { payment, .. }) => {
                let (by, money) = of(payment);
                ProviderAnswer::Paid { by, money }
            }
            Ok(QueryOutcome::WrongMode { payment, .. }) => {
                let (by, money) = of(payment);
                ProviderAnswer::OtherMode { by, money }
            }
            Ok(QueryOutcome::Pending) => ProviderAnswer::Pending,
            Ok(QueryOutcome::Open) => ProviderAnswer::Open,
            Ok(QueryOutcome::Ended(state)) => ProviderAnswer::Ended(state),
            Ok(QueryOutcome::Unknown) => ProviderAnswer::Unknown,
            Err(QueryError::NoKey) => ProviderAnswer::NoKey,
            Err(QueryError::Call(_)) => ProviderAnswer::NoAnswer,
        }
    }
}
