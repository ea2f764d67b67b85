//! The JSON of an order: the members of the API, and more for operators.

use api::OrderJson;
use ledger::{Accepted, Anomaly, Asset, Flag, Money, Order, PaymentReversals, RefusedPayment, Resolution, Share};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::lines;
use crate::print::Facts;

/// An order as it was read.
pub(super) struct OrderFacts(pub(super) Order);

impl Facts for OrderFacts {
    fn print(&self) {
        lines::print(&self.0);
    }
}

impl Serialize for OrderFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let order = &self.0;
        let mut shown = match serde_json::to_value(OrderJson::of(order)) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let claims = || order.claims.iter();
        let refunds: Vec<Value> = claims().flat_map(|(payment, claims)| refunds(order, payment, claims)).collect();
        let reported: Vec<Value> = claims().filter_map(|(payment, claims)| reported(order, payment, claims)).collect();
        let disputes: Vec<Value> = claims().flat_map(|(payment, claims)| disputes(order, payment, claims)).collect();
        let more = [
            ("owner", json!(order.owner.to_string())),
            ("version", json!(order.version)),
            ("paidBy", json!(order.paid.as_ref().map(|paid| paid.by.to_string()))),
            ("grants", order.terms.grants.iter().map(lines::granted).collect()),
            ("lines", order.shares().iter().map(|share| line(order, share)).collect()),
            ("accepted", order.accepted.values().map(accepted).collect()),
            ("refunds", refunds.into()),
            ("reportedRefunds", reported.into()),
            ("disputes", disputes.into()),
            ("anomalies", order.anomalies.listed().map(|flag| anomaly(order, flag)).collect()),
            ("anomaliesUnlisted", json!(order.anomalies.unlisted().len())),
            ("transferId", json!(order.transfer.as_ref().and_then(|transfer| transfer.id.as_deref()))),
            ("topUpSeq", json!(order.top_up_call.as_ref().and_then(|call| call.seq.as_deref()))),
            ("topUpReceipt", json!(order.top_up_call.as_ref().and_then(|call| call.receipt.as_deref()))),
        ];
        shown.extend(more.map(|(name, value)| (name.to_owned(), value)));
        shown.serialize(serializer)
    }
}

fn line(order: &Order, share: &Share) -> Value {
    let asset = share.account.asset();
    let [stands, due] = [order.standing(share.line), order.due(share)].map(|amount| asset.format(amount));
    json!({ "line": share.line.to_string(), "account": share.account.to_string(), "stands": stands, "due": due })
}

fn accepted(accepted: &Accepted) -> Value {
    let Accepted { by, money, credits, posted, postings: _, pays_for } = accepted;
    json!({
        "payment": by.to_string(),
        "amount": money.priced(),
        "currency": money.currency.as_str(),
        "paysFor": pays_for.as_str(),
        "credits": credits.map(|credits| Asset::CREDITS.format(credits)),
        "stands": Asset::CREDITS.format(*posted),
    })
}

fn refunds<'o>(order: &'o Order, payment: &'o str, claims: &'o PaymentReversals) -> impl Iterator<Item = Value> + 'o {
    claims.refunds.by_id.iter().map(move |(id, refund)| {
        let Money { currency, .. } = order.terms.price;
        let amount = Money { amount: refund.amount, currency }.priced();
        json!({
            "payment": payment, "id": id, "amount": amount, "currency": currency.as_str(), "state": refund.state.as_str(),
        })
    })
}

/// The refunded sum that the provider reported.
fn reported(order: &Order, payment: &str, claims: &PaymentReversals) -> Option<Value> {
    let reported = claims.refunds.reported.as_ref()?;
    let money = Money { amount: reported.amount, ..order.terms.price };
    Some(json!({
        "payment": payment,
        "amount": money.priced(),
        "currency": money.currency.as_str(),
        "asOf": reported.as_of.to_string(),
    }))
}

fn disputes<'o>(order: &'o Order, payment: &'o str, claims: &'o PaymentReversals) -> impl Iterator<Item = Value> + 'o {
    claims.disputes.0.iter().map(move |(id, dispute)| {
        let money = |amount| Money { amount, ..order.terms.price }.priced();
        json!({
            "payment": payment,
            "id": id,
            // Null if the whole payment is disputed.
            "amount": dispute.amount.map(money),
            "currency": order.terms.price.currency.as_str(),
            "stage": dispute.stage.as_str(),
            "asOf": dispute.as_of.to_string(),
        })
    })
}

fn anomaly(order: &Order, flag: &Flag) -> Value {
    let Anomaly { reason, details, payment } = &flag.anomaly;
    let state = match flag.resolution {
        Resolution::Open if !order.needs_attention(flag) => "refunded",
        Resolution::Open | Resolution::Cleared | Resolution::Accepted => flag.resolution.as_str(),
    };
    let mut anomaly = json!({ "reason": reason.as_str(), "state": state, "details": details });
    if let (Some(payment), Some(anomaly)) = (payment, anomaly.as_object_mut()) {
        let RefusedPayment { by, money, is_confirmed, pays_for: _ } = payment;
        let refunded = Money { amount: order.refunded_part_of(payment), ..*money };
        let more = [
            ("payment", json!(by.to_string())),
            ("amount", json!(money.priced())),
            ("currency", json!(money.currency.as_str())),
            ("refunded", json!(refunded.priced())),
            ("confirmed", json!(is_confirmed)),
        ];
        anomaly.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    anomaly
}
