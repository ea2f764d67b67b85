//! Checks whether the buyer's subscription to the product already runs: a second one would be charged in addition, so
//! it is not sold.

use api::{ApiOutcome, Failure};
use ledger::{Ledger, Order, OrderNumber, PaymentState, Pointer};
use providers::{CallError, StripeSubscription};

use crate::reply;
use crate::visit::{SessionCall, Visit};

/// The prefix of Stripe's subscription ids.
const SUBSCRIPTION: &str = "sub_";

pub(crate) enum Running {
    /// No subscription runs, and no session but the order's own can start one. `last` is the order whose pointer the
    /// next session replaces.
    No {
        last: Option<OrderNumber>,
    },
    ApiOutcome(ApiOutcome),
}

impl<L: Ledger> Visit<'_, L> {
    /// The pointer to the order that may have started the buyer's subscription to this product; `None` if the product
    /// is paid once.
    pub(crate) fn subscription_pointer(&self, product: &str) -> Option<Pointer> {
        let is_subscription = self.checkout.catalog.product(product).is_some_and(|product| product.every().is_some());
        is_subscription.then(|| Pointer::Subscription { owner: self.caller.clone(), product: product.to_owned() })
    }

    /// Queries Stripe, since its events may be late. `own` is the click's order.
    pub(crate) async fn running(&self, product: &str, own: Option<&OrderNumber>) -> Result<Running, Failure> {
        let Some(pointer) = self.subscription_pointer(product) else {
            return Ok(Running::No { last: None });
        };
        let Some(number) = self.ledger.resolve_pointer(&pointer, &self.context).await? else {
            return Ok(Running::No { last: None });
        };
        let last = self.existing_order(&number).await?;
        if last.paid.is_some() {
            if let Some(id) = self.subscription_of(&last).await? {
                self.not_live(&last, &id).await?;
            }
        } else if let Some(session) = last.session.as_ref().filter(|_| own != Some(&number) && may_be_open(&last)) {
            if let Some(outcome) = self.retire(&last, &session.id).await? {
                return Ok(Running::ApiOutcome(outcome));
            }
            self.close(&last, PaymentState::Expired, "replaced").await?;
        }
        Ok(Running::No { last: Some(number) })
    }

    /// The subscription that a paid order has started.
    async fn subscription_of(&self, order: &Order) -> Result<Option<String>, Failure> {
        let by = order.paid.as_ref().map(|paid| paid.by.id()).filter(|id| id.starts_with(SUBSCRIPTION));
        let (Some(session), None) = (&order.session, by) else {
            return Ok(by.map(str::to_owned));
        };
        match self.session_call(SessionCall::Read(&session.id)).await {
            Ok(session) => Ok(session.subscription),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    async fn not_live(&self, order: &Order, id: &str) -> Result<(), Failure> {
        let until = self.provider_deadline();
        match self.stripe(|stripe| async move { stripe.subscription(id, until).await }).await {
            Ok(subscription) if subscription.is_live() => Err(self.subscribed(order, &subscription).await),
            Ok(_) => Ok(()),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    /// The failure, with a link to the billing portal if Stripe gives one: a shop that has not configured the portal
    /// has none.
    pub(crate) async fn subscribed(&self, order: &Order, subscription: &StripeSubscription) -> Failure {
        let portal = match &subscription.customer {
            Some(customer) => {
                let (back, until) = (&self.checkout.config.cancel_url, self.provider_deadline());
                let link = self.stripe(|stripe| async move { stripe.portal(customer, back, until).await }).await;
                link.inspect_err(no_link).ok()
            }
            None => None,
        };
        reply::subscribed(order, portal)
    }
}

fn no_link(error: &CallError) {
    tracing::warn!(%error, "Stripe created no link to its billing portal");
}

/// An expired order's session is closed already.
fn may_be_open(order: &Order) -> bool {
    order.payment != PaymentState::Expired
}
