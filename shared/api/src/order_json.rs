//! An order as JSON, as the API shows it to the owner and the command line to an operator.

use std::collections::BTreeMap;

use ledger::{Asset, Flag, Line, Money, Order, PaymentState, Resolution, Share};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::{AmountText, FulfilmentWord, PaymentWord, ProviderWord, TimeText};

/// An order as it was created.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreatedOrder)]
pub struct CreatedOrderJson<'b> {
    #[schema(examples("HL7VX1FHR69WDBFEX0175E2T522E"))]
    order_number: &'b str,
    #[schema(value_type = PaymentWord)]
    status: &'b str,
    #[schema(value_type = ProviderWord)]
    provider: &'b str,
    /// The id of a product of the catalog.
    product: &'b str,
    quantity: u64,
    /// The price of the whole order, in its currency.
    #[schema(value_type = AmountText)]
    amount: String,
    #[schema(examples("USD"))]
    currency: &'b str,
    /// The price in the currency's smallest unit.
    amount_minor: u64,
    #[schema(value_type = TimeText)]
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Exchange<'_>)]
    exchange: Option<Exchange<'b>>,
}

/// An order as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderJson<'b> {
    #[serde(flatten)]
    terms: CreatedOrderJson<'b>,
    #[serde(flatten)]
    progress: Progress<'b>,
}

/// The price in the catalog's currency, and the rate at which it was exchanged.
#[derive(Debug, Serialize, ToSchema)]
struct Exchange<'b> {
    #[schema(value_type = AmountText)]
    amount: String,
    currency: &'b str,
    /// How many units of the order's currency one unit of this one is.
    rate: &'b str,
}

/// What became of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderProgress)]
struct Progress<'b> {
    #[schema(value_type = PaymentWord)]
    payment: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimeText)]
    paid_at: Option<String>,
    #[schema(value_type = FulfilmentWord)]
    fulfilment: &'b str,
    #[schema(value_type = AmountText)]
    refunded: String,
    disputed: bool,
    /// The amount that open disputes contest.
    #[schema(value_type = AmountText)]
    disputed_amount: String,
    /// The amount that lost disputes took.
    #[schema(value_type = AmountText)]
    lost_amount: String,
    /// The credits that stand delivered.
    #[schema(value_type = AmountText)]
    credits: String,
    /// The delivered grants beside credits, by code: tokens, access to reports.
    delivered: BTreeMap<String, String>,
    /// The state of the call that tops up a phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    top_up: Option<&'b str>,
    /// The status of the tokens' transfer to a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    transfer: Option<&'b str>,
    /// The order's anomalies, each refused payment separately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anomalies: Vec<Anomaly<'b>>,
    /// The number of further anomalies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = usize)]
    anomalies_unlisted: Option<usize>,
}

/// Something unexpected about an order: a reason that a person looks at it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Anomaly<'b> {
    reason: &'static str,
    state: &'static str,
    /// The refused payment, at its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    payment: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    currency: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AmountText)]
    refunded: Option<String>,
}

impl<'b> CreatedOrderJson<'b> {
    /// The order as it was created: a retry under the same idempotency key gets the same reply, whatever has happened
    /// since.
    pub fn of(order: &'b Order) -> Self {
        Self::with(order, PaymentState::Unpaid)
    }

    fn with(order: &'b Order, status: PaymentState) -> Self {
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
        }
    }
}

impl<'b> OrderJson<'b> {
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
        Self { terms: CreatedOrderJson::with(order, order.payment), progress }
    }
}

/// Without the details, which are for operators: they may name merchants.
fn anomaly<'b>(order: &'b Order, flag: &'b Flag) -> Anomaly<'b> {
    let state = match flag.resolution {
        Resolution::Open if !order.needs_attention(flag) => "refunded",
        Resolution::Open | Resolution::Cleared | Resolution::Accepted => flag.resolution.as_str(),
    };
    let payment = flag.anomaly.payment.as_ref();
    let refunded = |payment| Money { amount: order.refunded_part_of(payment), ..payment.money }.priced();
    Anomaly {
        reason: flag.anomaly.reason.as_str(),
        state,
        payment: payment.map(|payment| payment.by.id()),
        amount: payment.map(|payment| payment.money.priced()),
        currency: payment.map(|payment| payment.money.currency.as_str()),
        refunded: payment.map(refunded),
    }
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
