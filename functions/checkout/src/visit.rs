//! One click: who it is by, until when it is to be answered, and the two places that are asked on the way.

use std::time::Duration;

use api::{Api as _, ApiCall, Failure};
use catalog::Product;
use edge::Invocation;
use ledger::{
    CallContext, CommitError, Committed, Deadline, Decision, KeyError, Ledger, Order, OrderNumber, Owner, PaymentState,
    Provider,
};
use providers::{CallError, NewSession, Payer, Session, Stripe};

use crate::parse::EpayWish;
use crate::{Checkout, Pay};

/// In each round somebody else has written, and one buyer has only so many fingers.
pub(crate) const ROUNDS_MAX: u32 = 6;

/// What is kept of the time for writing down what Stripe has said.
const FOR_THE_BOOKS: Duration = Duration::from_millis(1_500);

#[derive(Debug)]
pub(crate) struct Visit<'v, L> {
    pub(crate) checkout: &'v Checkout,
    pub(crate) caller: &'v Owner,
    pub(crate) invocation: &'v Invocation,
    pub(crate) ledger: &'v L,
    pub(crate) way: Way,
    pub(crate) context: CallContext<'static>,
}

/// Where a click wants to pay, and what it says of that.
#[derive(Debug)]
pub(crate) enum Way {
    Stripe,
    Epay(EpayWish),
    Wechat(Payer),
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

/// What Stripe is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask<'a> {
    Create(&'a NewSession),
    Read(&'a str),
    Expire(&'a str),
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Now,
    /// By an earlier click.
    Earlier,
    /// Nothing: somebody else has written what it rests on.
    Stale,
}

impl<'v, L: Ledger> Visit<'v, L> {
    pub(crate) fn new(checkout: &'v Checkout, asked: &'v ApiCall<'_, Pay>, ledger: &'v L, way: Way) -> Self {
        Self { checkout, caller: &asked.caller, invocation: asked.invocation, ledger, way, context: asked.context() }
    }

    /// Until when a provider may take its time.
    pub(crate) fn for_asking(&self) -> Deadline {
        self.invocation.deadline.0.checked_sub(FOR_THE_BOOKS).map_or(self.invocation.deadline, Deadline)
    }

    /// What the order is of, as it is sold now.
    pub(crate) fn product(&self, order: &Order) -> Result<&'v Product, Failure> {
        let unavailable = || Failure::new(409, "product_unavailable", "This product is no longer sold.");
        self.checkout.catalog.product(&order.terms.product).ok_or_else(unavailable)
    }

    /// An order that something of ours leads to.
    pub(crate) async fn known(&self, number: &OrderNumber) -> Result<Order, Failure> {
        let order = self.ledger.order(number, &self.context).await?;
        order.ok_or_else(|| Failure::unavailable().about(number))
    }

    pub(crate) async fn commit(&self, decision: Result<Decision, KeyError>) -> Result<Written, Failure> {
        let decision = decision.map_err(|error| CommitError::Refused(Box::new(error)))?;
        let committed = self.ledger.commit(&decision, &self.context).await;
        edge::record_commit(Checkout::NAME, &decision, &committed);
        match committed {
            Ok(Committed::Now(_)) => Ok(Written::Now),
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) => Ok(Written::Earlier),
            Err(CommitError::Stale) => Ok(Written::Stale),
            // That is what a refusal is to come to: it is kept.
            Err(CommitError::Rejected(_)) if matches!(decision, Decision::Refuse(_)) => Ok(Written::Now),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends an order, if it still is as it was read.
    pub(crate) async fn close(
        &self,
        order: &Order,
        state: PaymentState,
        why: &'static str,
    ) -> Result<Written, Failure> {
        match order.closed(Checkout::NAME, state, why) {
            Some(decision) => self.commit(Ok(decision)).await,
            None => Ok(Written::Earlier),
        }
    }

    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Session, CallError> {
        let until = self.for_asking();
        let asked = self.stripe(|stripe| async move {
            match ask {
                Ask::Create(new) => stripe.create_session(new, until).await,
                Ask::Read(id) => stripe.session(id, until).await,
                Ask::Expire(id) => stripe.expire(id, until).await,
            }
        });
        asked.await
    }

    /// Calls Stripe, and once more where the key has changed.
    pub(crate) async fn stripe<T, F>(&self, call: impl Fn(Stripe) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let Checkout { http, config, keys, .. } = self.checkout;
        let call = |key| call(Stripe::new(http.clone(), &config.stripe, key));
        keys.asked(self.invocation.now, CallError::is_of_the_key, call).await
    }
}
