//! Where an order is paid by epay: the gateway's page, which is an address that we sign, and what V1 gives beside it.

use api::Failure;
use catalog::Product;
use ledger::{Ledger, Order};
use providers::{Epay, EpayMerchant, NewEpayPayment};

use crate::page::Looked;
use crate::parse::EpayWish;
use crate::visit::{Visit, Written};
use crate::{EpaySettings, decide, reply};

/// What gateways take as a name. A longer one would be cut off somewhere in a character.
const NAME_BYTES_MAX: usize = 127;

impl<L: Ledger> Visit<'_, L> {
    /// Of an order that is still to be paid. The same order is the same payment at the gateway, however often it is begun.
    pub(crate) async fn begin_epay(&self, order: &Order, wish: &EpayWish) -> Result<Looked, Failure> {
        let till = self.checkout.epay.as_ref().ok_or_else(|| reply::not_offered(order))?;
        let settings = &till.settings;
        let merchant = match &order.session {
            None => &settings.merchant,
            Some(session) => settings.begun_with(session).ok_or_else(|| merchant_gone(order))?,
        };
        let new = new_payment(order, self.product(order)?, settings, wish);
        let client = Epay::new(self.checkout.http.clone(), &settings.gateway, merchant.clone(), till.keys.current());
        let url = client.page(&new, self.invocation.now).map_err(|error| reply::failure(&error, order))?;
        // Before anybody can pay: with this merchant, and no other.
        let is_first = order.session.is_none();
        if is_first && self.begun(order, merchant, settings).await? != Written::Now {
            return Ok(Looked::Again);
        }
        let link = if settings.mapi && wish.way.is_some() {
            let link = client.create(&new, self.invocation.now, self.for_asking()).await;
            Some(link.map_err(|error| reply::failure(&error, order))?)
        } else {
            None
        };
        Ok(Looked::ApiOutcome(reply::begun(order, &url, link.as_ref(), is_first)))
    }

    async fn begun(&self, order: &Order, merchant: &EpayMerchant, settings: &EpaySettings) -> Result<Written, Failure> {
        let session = settings.session(merchant, order);
        let id = session.id.clone();
        self.commit(decide::opened(order, &id, order.open(session))).await
    }
}

fn merchant_gone(order: &Order) -> Failure {
    let message = "This order was begun with a merchant that is no longer here; make another.";
    Failure::new(409, "merchant_unavailable", message).about(&order.number)
}

/// In the catalog's words: what a buyer could write into a signed text would be read as another order by somebody.
fn new_payment(order: &Order, product: &Product, settings: &EpaySettings, wish: &EpayWish) -> NewEpayPayment {
    let name = product.name("zh");
    let is_plain = name.len() <= NAME_BYTES_MAX && !name.contains(['&', '=']);
    NewEpayPayment {
        order: order.number.clone(),
        money: order.terms.price,
        name: if is_plain { name } else { product.id() }.to_owned(),
        way: wish.way,
        client_ip: wish.client_ip,
        notify_url: settings.notify_url.clone(),
        return_url: settings.return_url.clone(),
    }
}
