//! An order as JSON, as the API shows it to the owner and the command line to an operator.

use std::collections::BTreeMap;

use ledger::{Asset, Flag, Line, Money, Order, PaymentState, Resolution, Share};
use serde::Serialize;

/// The members that the API documents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderJson<'b> {
    order_number: &'b str,
    status: &'b str,
    provider: &'b str,
    product: &'b str,
    quantity: u64,
    amount: String,
    currency: &'b str,
    /// In the currency's smallest unit.
    amount_minor: u64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<Exchange<'b>>,
    #[serde(flatten)]
    progress: Option<Progress<'b>>,
}

/// The price in the catalog's currency, and the rate at which it was exchanged.
#[derive(Debug, Serialize)]
struct Exchange<'b> {
    amount: String,
    currency: &'b str,
    rate: &'b str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress<'b> {
    payment: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<String>,
    fulfilment: &'b str,
    refunded: String,
    disputed: bool,
    /// The amount that open disputes contest.
    disputed_amount: String,
    /// The amount that lost disputes took.
    lost_amount: String,
    credits: String,
    /// The delivered grants beside credits, by code: tokens, access to reports.
    delivered: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_up: Option<&'b str>,
    /// The status of the tokens' transfer to a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<&'b str>,
    /// The order's anomalies, each refused payment separately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anomalies: Vec<Anomaly<'b>>,
    /// The number of further anomalies.
    #[serde(skip_serializing_if = "Option::is_none")]
    anomalies_unlisted: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Anomaly<'b> {
    reason: &'static str,
    state: &'static str,
    #[serde(flatten)]
    payment: Option<RefusedPayment<'b>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedPayment<'b> {
    payment: &'b str,
    amount: String,
    currency: &'b str,
    refunded: String,
}

impl<'b> OrderJson<'b> {
    /// The order as it was created: a retry under the same idempotency key gets the same reply, whatever has happened
    /// since.
    pub fn created(order: &'b Order) -> Self {
        Self::with(order, PaymentState::Unpaid, None)
    }

    /// The order as it is now.
    pub fn of(order: &'b Order) -> Self {
        let priced = |amount| Money { amount, ..order.paid_money() }.priced();
        let progress = Progress {
            payment: order.payment.as_str(),
            paid_at: order.paid.as_ref().map(|paid| paid.at.to_string()),
            fulfilment: order.fulfilment.as_str(),
            refunded: priced(order.refunded()),
            disputed: order.is_disputed(),
            disputed_amount: priced(order.disputed()),
            lost_amount: priced(order.lost()),
            credits: Asset::CREDITS.format(order.posted),
            delivered: delivered(order),
            top_up: order.top_up_call.as_ref().map(|top_up_call| top_up_call.state.as_str()),
            transfer: order.transfer.as_ref().map(|transfer| transfer.status.as_str()),
            anomalies: order.anomalies.listed().map(|flag| anomaly(order, flag)).collect(),
            anomalies_unlisted: Some(order.anomalies.unlisted().len()).filter(|count| *count > 0),
        };
        Self::with(order, order.payment, Some(progress))
    }

    fn with(order: &'b Order, status: PaymentState, progress: Option<Progress<'b>>) -> Self {
        let terms = &order.terms;
        let exchange = terms.exchange.as_ref().map(|exchange| Exchange {
            amount: exchange.price.priced(),
            currency: exchange.price.currency.as_str(),
            rate: &exchange.rate,
        });
        Self {
            order_number: order.number.as_str(),
            status: status.as_str(),
            provider: terms.provider.as_str(),
            product: &terms.product,
            quantity: terms.quantity,
            amount: terms.price.priced(),
            currency: terms.price.currency.as_str(),
            // The catalog's prices fit into a u64, since a provider must be able to count them.
            amount_minor: u64::try_from(terms.price.amount.units()).unwrap_or(u64::MAX),
            created_at: order.created_at.to_string(),
            exchange,
            progress,
        }
    }
}

/// Without the details, which are for operators: they may name merchants.
fn anomaly<'b>(order: &'b Order, flag: &'b Flag) -> Anomaly<'b> {
    let state = match flag.resolution {
        Resolution::Open if !order.needs_attention(flag) => "refunded",
        Resolution::Open | Resolution::Cleared | Resolution::Accepted => flag.resolution.as_str(),
    };
    let payment = flag.anomaly.payment.as_ref().map(|payment| RefusedPayment {
        payment: payment.by.id(),
        amount: payment.money.priced(),
        currency: payment.money.currency.as_str(),
        refunded: Money { amount: order.refunded_part_of(payment), ..payment.money }.priced(),
    });
    Anomaly { reason: flag.anomaly.reason.as_str(), state, payment }
}

/// The buyer's own grants; the commissions of referrers are not shown to the buyer.
fn delivered(order: &Order) -> BTreeMap<String, String> {
    let shares = order.shares().into_iter().filter(|share| matches!(share.line, Line::Grant(_)));
    let delivered_share = |share: Share| {
        let (asset, amount) = (share.account.asset(), order.standing(share.line));
        (!amount.is_zero()).then(|| (asset.to_string(), asset.format(amount)))
    };
    shares.filter_map(delivered_share).collect()
}
