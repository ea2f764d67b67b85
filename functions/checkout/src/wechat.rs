//! Starts payments by WeChat Pay: in the app, or by a code to scan.

use api::Failure;
use ledger::{Ledger, Order};
use providers::{CallError, NewPayment, PaymentApi as _, Wechat};

use crate::page::PageOutcome;
use crate::parse::WechatOptions;
use crate::reply;
use crate::visit::Visit;

/// WeChat's error code for an order that is already paid.
const PAID: &str = "ORDERPAID";

impl<L: Ledger> Visit<'_, L> {
    /// The payment of an unpaid order. The order's number identifies it at WeChat, so every click gets the same
    /// payment.
    pub(crate) async fn start_wechat(&self, order: &Order, options: &WechatOptions) -> Result<PageOutcome, Failure> {
        let payments = self.checkout.wechat.as_ref().ok_or_else(|| reply::not_offered(order))?;
        let new = NewPayment {
            order: order.number.clone(),
            money: order.terms.price,
            description: self.product(order)?.name("zh").to_owned(),
            payer: options.payer.clone(),
        };
        let new = &new;
        let create = |keys| async move {
            let client = Wechat::new(self.checkout.http.clone(), &payments.config, keys);
            client.create(new, self.invocation.now, self.provider_deadline()).await
        };
        match payments.keys.call(self.invocation.now, CallError::is_of_the_key, create).await {
            Ok(payable) => Ok(PageOutcome::ApiOutcome(reply::payable(order, &payable, options.is_drawn))),
            // The notification is on its way, and books it.
            Err(CallError::Refused { code, .. }) if code.as_deref() == Some(PAID) => {
                Ok(PageOutcome::ApiOutcome(reply::state(order)))
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }
}
