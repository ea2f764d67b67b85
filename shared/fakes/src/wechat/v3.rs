//! The APIv3 endpoints: status and body; the caller signs the response.

use serde_json::{Value, json};

use super::{State, Trade, WechatMerchant, WechatRefund, code_url};
use crate::Call;

pub(super) fn answer(state: &mut State, merchant: &WechatMerchant, path: &str, call: &Call<'_>) -> (u16, String) {
    let is_signed = call.authorization.is_some_and(|header| header.starts_with("WECHATPAY2-SHA256-RSA2048 mchid="));
    if !is_signed {
        return refused(401, "SIGN_ERROR");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| *part != "partner").collect();
    match (call.method, parts.as_slice()) {
        ("POST", ["", "v3", "pay", "transactions", kind @ ("jsapi" | "native")]) => create(state, kind, call.body),
        ("GET", ["", "v3", "pay", "transactions", "out-trade-no", order]) => match state.trades.get(*order) {
            None => refused(404, "ORDER_NOT_EXIST"),
            Some(trade) => (200, transaction(merchant, order, trade).to_string()),
        },
        ("GET", ["", "v3", "pay", "transactions", "id", id]) => {
            let found = state.trades.iter().find(|(_, trade)| trade.transaction.as_deref() == Some(*id));
            found.map_or_else(
                || refused(404, "ORDER_NOT_EXIST"),
                |(order, trade)| (200, transaction(merchant, order, trade).to_string()),
            )
        }
        ("POST", ["", "v3", "pay", "transactions", "out-trade-no", order, "close"]) => close(state, order),
        ("POST", ["", "v3", "refund", "domestic", "refunds"]) => refund(state, call.body),
        ("GET", ["", "v3", "refund", "domestic", "refunds", number]) => match state.refunds.get(*number) {
            None => refused(404, "RESOURCE_NOT_EXISTS"),
            Some(refund) => (200, refunded(number, refund).to_string()),
        },
        _ => refused(404, "RESOURCE_NOT_EXISTS"),
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, json!({ "code": code, "message": "refused" }).to_string())
}

fn create(state: &mut State, kind: &str, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let fen = body.pointer("/amount/total").and_then(Value::as_u64);
    let is_known = kind == "native" || body.pointer("/payer").is_some();
    let (Some(order), Some(fen), true, Some(_)) = (text("out_trade_no"), fen, is_known, text("notify_url")) else {
        return refused(400, "PARAM_ERROR");
    };
    let trade = state.trades.entry(order.clone()).or_insert_with(|| Trade::new(fen, text("attach")));
    match trade.state {
        _ if trade.fen != fen => refused(400, "INVALID_REQUEST"),
        "NOTPAY" if kind == "jsapi" => (200, json!({ "prepay_id": format!("wx{order}") }).to_string()),
        "NOTPAY" => (200, json!({ "code_url": code_url(&order) }).to_string()),
        "CLOSED" => refused(400, "ORDER_CLOSED"),
        _ => refused(400, "ORDERPAID"),
    }
}

/// The merchant gives a part of a paid order back, or all of it. The same number again is the same refund.
fn refund(state: &mut State, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let fen = body.pointer("/amount/refund").and_then(Value::as_u64);
    let (Some(number), Some(order), Some(fen)) = (text("out_refund_no"), text("out_trade_no"), fen) else {
        return refused(400, "PARAM_ERROR");
    };
    let Some(trade) = state.trades.get(&order) else { return refused(404, "RESOURCE_NOT_EXISTS") };
    let Some(transaction) = trade.transaction.clone().filter(|_| fen <= trade.fen) else {
        return refused(400, "INVALID_REQUEST");
    };
    let id = format!("{:028}", 50_000_000_000_u64.saturating_add(u64::try_from(state.refunds.len()).unwrap_or(0)));
    let new = WechatRefund { id, order, transaction, fen, status: "SUCCESS" };
    let refund = state.refunds.entry(number.clone()).or_insert(new);
    (200, refunded(&number, refund).to_string())
}

fn refunded(number: &str, refund: &WechatRefund) -> Value {
    json!({
        "refund_id": refund.id,
        "out_refund_no": number,
        "transaction_id": refund.transaction,
        "out_trade_no": refund.order,
        "status": refund.status,
        "amount": { "total": refund.fen, "refund": refund.fen, "currency": "CNY" },
    })
}

fn close(state: &mut State, order: &str) -> (u16, String) {
    match state.trades.get_mut(order) {
        None => refused(404, "ORDER_NOT_EXIST"),
        Some(trade) if trade.state == "NOTPAY" => {
            trade.state = "CLOSED";
            (204, String::new())
        }
        Some(trade) if trade.state == "CLOSED" => refused(400, "ORDER_CLOSED"),
        Some(_) => refused(400, "ORDERPAID"),
    }
}

/// The notification of a payment, before it is sealed.
pub(super) fn notification(merchant: &WechatMerchant, order: &str, trade: &Trade) -> Value {
    let mut resource = transaction(merchant, order, trade);
    if let Some(resource) = resource.as_object_mut() {
        resource.insert("original_type".to_owned(), json!("transaction"));
    }
    json!({
        "id": format!("EV-{order}"),
        "create_time": trade.paid_at,
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": resource,
    })
}

fn transaction(merchant: &WechatMerchant, order: &str, trade: &Trade) -> Value {
    let mut body = json!({
        "appid": merchant.app_id,
        "mchid": merchant.mch_id,
        "out_trade_no": order,
        "trade_state": trade.state,
        "trade_state_desc": trade.state,
        "attach": trade.attach.clone().unwrap_or_default(),
        "amount": { "total": trade.fen, "currency": "CNY" },
        "payer": {},
    });
    if let (Some(transaction), Some(body)) = (&trade.transaction, body.as_object_mut()) {
        body.insert("transaction_id".to_owned(), json!(transaction));
        body.insert("trade_type".to_owned(), json!("JSAPI"));
        body.insert("success_time".to_owned(), json!(trade.paid_at));
    }
    body
}
