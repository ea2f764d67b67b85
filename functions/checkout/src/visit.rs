//! One click: its caller, its deadline, and its calls to the ledger and to Stripe.

use std::time::Duration;

use api::{Api as _, ApiCall, Failure};
use catalog::Product;
use edge::Invocation;
use ledger::{
    CallContext, CommitError, Committed, Deadline, Decision, Effect, Ledger, Order, OrderNumber, Owner, PaymentState,
    Provider, Writer,
};
use providers::{CallError, NewSession, Session, Stripe};

use crate::parse::{EpayOptions, WechatOptions};
use crate::{Checkout, Pay};

/// Each retry means that a concurrent click has committed, and one buyer makes few clicks at once.
pub(crate) const ROUNDS_MAX: u32 = 6;

/// The part of the reply deadline that is reserved for the commit after Stripe's answer.
const COMMIT_WITHIN: Duration = Duration::from_millis(1_500);

#[derive(Debug)]
pub(crate) struct Visit<'v, L> {
    pub(crate) checkout: &'v Checkout,
    pub(crate) caller: &'v Owner,
    pub(crate) invocation: &'v Invocation,
    pub(crate) ledger: &'v L,
    pub(crate) way: Way,
    pub(crate) context: CallContext<'static>,
}

/// The click's provider, with its options.
#[derive(Debug)]
pub(crate) enum Way {
    Stripe,
    Epay(EpayOptions),
    Wechat(WechatOptions),
}

impl Way {
    pub(crate) const fn provider(&self) -> Provider {
        match self {
            Self::Stripe => Provider::Stripe,
            Self::Epay(_) => Provider::Epay,
            Self::Wechat(_) => Provider::Wechat,
        }
    }
}

/// A call of Stripe's sessions API.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionCall<'a> {
    Create(&'a NewSession),
    Read(&'a str),
    Expire(&'a str),
}

/// The status of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitStatus {
    Now,
    /// An earlier click has committed the same.
    Earlier,
    /// Nothing was committed: a row has changed since it was read.
    Stale,
}

impl<'v, L: Ledger> Visit<'v, L> {
    pub(crate) fn new(checkout: &'v Checkout, call: &'v ApiCall<'_, Pay>, ledger: &'v L, way: Way) -> Self {
        Self { checkout, caller: &call.caller, invocation: call.invocation, ledger, way, context: call.context() }
    }

    /// The deadline of a provider's call.
    pub(crate) fn provider_deadline(&self) -> Deadline {
        self.invocation.deadline.0.checked_sub(COMMIT_WITHIN).map_or(self.invocation.deadline, Deadline)
    }

    /// The order's product, as it is sold now.
    pub(crate) fn product(&self, order: &Order) -> Result<&'v Product, Failure> {
        let unavailable = || Failure::new(409, "product_unavailable", "This product is no longer sold.");
        self.checkout.catalog.product(&order.terms.product).ok_or_else(unavailable)
    }

    /// An order that a pointer leads to and that must exist.
    pub(crate) async fn existing_order(&self, number: &OrderNumber) -> Result<Order, Failure> {
        let order = self.ledger.order(number, &self.context).await?;
        order.ok_or_else(|| Failure::unavailable().about(number))
    }

    pub(crate) async fn commit(&self, decision: Decision) -> Result<CommitStatus, Failure> {
        let committed = self.ledger.commit(&decision, &self.context).await;
        edge::record_commit(Checkout::NAME, &decision, &committed);
        match committed {
            Ok(Committed::Now(_)) => Ok(CommitStatus::Now),
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) => Ok(CommitStatus::Earlier),
            Err(CommitError::Stale) => Ok(CommitStatus::Stale),
            // A refusal is committed as such: it is kept.
            Err(CommitError::Rejected(_)) if matches!(decision, Decision::Refuse(_)) => Ok(CommitStatus::Now),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the order's payment page. It moves no money, and the provider's answer is no event: it has no receipt.
    pub(crate) async fn amend(&self, effects: &[Effect]) -> Result<CommitStatus, Failure> {
        match self.ledger.amend(effects, &self.context).await {
            Ok(()) => Ok(CommitStatus::Now),
            Err(CommitError::Stale) => Ok(CommitStatus::Stale),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends an order, if it is still as it was read.
    pub(crate) async fn close(
        &self,
        order: &Order,
        state: PaymentState,
        why: &'static str,
    ) -> Result<CommitStatus, Failure> {
        match order.closed(Writer::Checkout, state, why) {
            Some(decision) => self.commit(decision).await,
            None => Ok(CommitStatus::Earlier),
        }
    }

    pub(crate) async fn session_call(&self, call: SessionCall<'_>) -> Result<Session, CallError> {
        let until = self.provider_deadline();
        let session = self.stripe(|stripe| async move {
            match call {
                SessionCall::Create(new) => stripe.create_session(new, until).await,
                SessionCall::Read(id) => stripe.session(id, until).await,
                SessionCall::Expire(id) => stripe.expire(id, until).await,
            }
        });
        session.await
    }

    /// Calls Stripe, and once more if the key has been replaced.
    pub(crate) async fn stripe<T, F>(&self, call: impl Fn(Stripe) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let Checkout { http, config, keys, .. } = self.checkout;
        let call = |key| call(Stripe::new(http.clone(), &config.stripe, key));
        keys.call(self.invocation.now, CallError::is_of_the_key, call).await
    }
}
