//! Where an order is paid by WeChat Pay: begun there, inside of WeChat or by a code to scan.

use api::Failure;
use ledger::{Ledger, Order};
use providers::{CallError, NewPayment, Payer, PaymentApi as _, Wechat};

use crate::page::Looked;
use crate::reply;
use crate::visit::Visit;

/// What WeChat says of an order that was paid before it was begun once more.
const PAID: &str = "ORDERPAID";

impl<L: Ledger> Visit<'_, L> {
    /// Of an order that is still to be paid. Its number is the payment's at WeChat: begun again, it is the same payment.
    pub(crate) async fn begin_wechat(&self, order: &Order, payer: &Payer) -> Result<Looked, Failure> {
        let till = self.checkout.wechat.as_ref().ok_or_else(|| reply::not_offered(order))?;
        let new = NewPayment {
            order: order.number.clone(),
            money: order.terms.price,
            description: self.product(order)?.name("zh").to_owned(),
            payer: payer.clone(),
        };
        let new = &new;
        let begin = |keys| async move {
            let client = Wechat::new(self.checkout.http.clone(), &till.config, keys);
            client.create(new, self.invocation.now, self.for_asking()).await
        };
        match till.keys.asked(self.invocation.now, CallError::is_of_the_key, begin).await {
            Ok(payable) => Ok(Looked::ApiOutcome(reply::payable(order, &payable))),
            // The notification is on its way, and books it.
            Err(CallError::Refused { code, .. }) if code.as_deref() == Some(PAID) => {
                Ok(Looked::ApiOutcome(reply::state(order)))
            }
            Err(error) => Err(reply::failure(&error, order)),
        }
    }
}
