//! Whether a subscription to the product runs already. A second one would be charged beside it, so it is not sold by a click.

use api::{ApiOutcome, Failure};
use ledger::{Ledger, Order, OrderNumber, PaymentState, Pointer};
use providers::{CallError, StripeSubscription};

use crate::reply;
use crate::visit::{Ask, Visit};

/// How Stripe names a subscription.
const SUBSCRIPTION: &str = "sub_";

pub(crate) enum Running {
    /// No subscription runs, and no page but the order's own is open on which one could be begun. The last order that had such a page
    /// is what the next page is written over.
    No {
        last: Option<OrderNumber>,
    },
    ApiOutcome(ApiOutcome),
}

impl<L: Ledger> Visit<'_, L> {
    /// Where it stands which order may have begun this buyer's subscription to a product; `None` of what is paid once.
    pub(crate) fn subscription_pointer(&self, product: &str) -> Option<Pointer> {
        let is_subscription = self.checkout.catalog.product(product).is_some_and(|product| product.every().is_some());
        is_subscription.then(|| Pointer::Subscription { owner: self.caller.clone(), product: product.to_owned() })
    }

    /// Stripe is asked, whose events may be late. `own` is the order that the click is about.
    pub(crate) async fn running(&self, product: &str, own: Option<&OrderNumber>) -> Result<Running, Failure> {
        let Some(pointer) = self.subscription_pointer(product) else {
            return Ok(Running::No { last: None });
        };
        let Some(number) = self.ledger.resolve_pointer(&pointer, &self.context).await? else {
            return Ok(Running::No { last: None });
        };
        let last = self.known(&number).await?;
        if last.paid.is_some() {
            if let Some(id) = self.begun_by(&last).await? {
                self.not_live(&last, &id).await?;
            }
        } else if let Some(session) = last.session.as_ref().filter(|_| own != Some(&number) && may_be_open(&last)) {
            if let Some(told) = self.retired(&last, &session.id).await? {
                return Ok(Running::ApiOutcome(told));
            }
            self.close(&last, PaymentState::Expired, "replaced").await?;
        }
        Ok(Running::No { last: Some(number) })
    }

    /// The subscription that a paid order has begun.
    async fn begun_by(&self, order: &Order) -> Result<Option<String>, Failure> {
        let by = order.paid.as_ref().map(|paid| paid.by.id()).filter(|id| id.starts_with(SUBSCRIPTION));
        let (Some(session), None) = (&order.session, by) else {
            return Ok(by.map(str::to_owned));
        };
        match self.ask(Ask::Read(&session.id)).await {
            Ok(session) => Ok(session.subscription),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    async fn not_live(&self, order: &Order, id: &str) -> Result<(), Failure> {
        let until = self.for_asking();
        match self.stripe(|stripe| async move { stripe.subscription(id, until).await }).await {
            Ok(subscription) if subscription.is_live() => Err(self.subscribed(order, &subscription).await),
            Ok(_) => Ok(()),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(reply::failure(&error, order)),
        }
    }

    /// With a link to the page on which the buyer can end it, where Stripe gives one: a shop that has not set that page up has none.
    pub(crate) async fn subscribed(&self, order: &Order, subscription: &StripeSubscription) -> Failure {
        let portal = match &subscription.customer {
            Some(customer) => {
                let (back, until) = (&self.checkout.config.cancel_url, self.for_asking());
                let asked = self.stripe(|stripe| async move { stripe.portal(customer, back, until).await }).await;
                asked.inspect_err(no_link).ok()
            }
            None => None,
        };
        reply::subscribed(order, portal)
    }
}

fn no_link(error: &CallError) {
    tracing::warn!(%error, "Stripe gives no link to its billing portal");
}

/// An order that has expired had its page closed.
fn may_be_open(order: &Order) -> bool {
    order.payment != PaymentState::Expired
}
