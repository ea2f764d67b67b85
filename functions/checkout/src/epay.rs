//! Starts payments by epay: a signed address of the gateway's page, and the link or code that V1's API creates.

use api::Failure;
use catalog::Product;
use ledger::{Ledger, Order};
use providers::{Epay, EpayMerchant, NewEpayPayment};

use crate::page::PageOutcome;
use crate::parse::EpayOptions;
use crate::visit::{CommitStatus, Visit};
use crate::{EpaySettings, reply};

/// The gateways' limit of a product name. They cut a longer one, even within a character.
const NAME_BYTES_MAX: usize = 127;

impl<L: Ledger> Visit<'_, L> {
    /// The payment of an unpaid order. The order's number identifies it at the gateway, so every click gets the same
    /// payment.
    pub(crate) async fn start_epay(&self, order: &Order, options: &EpayOptions) -> Result<PageOutcome, Failure> {
        let payments = self.checkout.epay.as_ref().ok_or_else(|| reply::not_offered(order))?;
        let settings = &payments.settings;
        let merchant = match &order.session {
            None => &settings.merchant,
            Some(session) => settings.started_with(session).ok_or_else(|| merchant_gone(order))?,
        };
        let new = new_payment(order, self.product(order)?, settings, options);
        // The gateway refuses a signature under a replaced key on its own page, where only the buyer sees it.
        let keys = payments.keys.recent(self.invocation.now).await;
        let client = Epay::new(self.checkout.http.clone(), &settings.gateway, merchant.clone(), keys);
        let url = client.page(&new, self.invocation.now).map_err(|error| reply::failure(&error, order))?;
        // Recorded before the buyer can pay, so that only this merchant's notification pays the order.
        let is_first = order.session.is_none();
        if is_first && self.record_session(order, merchant, settings).await? != CommitStatus::Now {
            return Ok(PageOutcome::Retry);
        }
        let link = if settings.mapi && options.way.is_some() {
            let link = client.create(&new, self.invocation.now, self.provider_deadline()).await;
            Some(link.map_err(|error| reply::failure(&error, order))?)
        } else {
            None
        };
        Ok(PageOutcome::ApiOutcome(reply::started_epay(order, &url, link.as_ref(), is_first)))
    }

    async fn record_session(
        &self,
        order: &Order,
        merchant: &EpayMerchant,
        settings: &EpaySettings,
    ) -> Result<CommitStatus, Failure> {
        self.amend(&order.open(settings.session(merchant, order))).await
    }
}

fn merchant_gone(order: &Order) -> Failure {
    let message = "This order's merchant is no longer configured; create another order.";
    Failure::new(409, "merchant_unavailable", message).about(&order.number)
}

/// Only names from the catalog: a buyer's text in the signed parameters could inject another parameter.
fn new_payment(order: &Order, product: &Product, settings: &EpaySettings, options: &EpayOptions) -> NewEpayPayment {
    let name = product.name("zh");
    let is_plain = name.len() <= NAME_BYTES_MAX && !name.contains(['&', '=']);
    NewEpayPayment {
        order: order.number.clone(),
        money: order.terms.price,
        name: if is_plain { name } else { product.id() }.to_owned(),
        way: options.way,
        client_ip: options.client_ip,
        notify_url: settings.notify_url.clone(),
        return_url: settings.return_url.clone(),
    }
}
