//! CloudRun's interface: always status 200, with the result in the body.

use serde_json::{Value, json};

use super::{State, Trade, WechatMerchant, code_url};
use crate::{Answered, Call};

pub(super) fn answer(state: &mut State, merchant: &WechatMerchant, operation: &str, call: &Call<'_>) -> Answered {
    let body: Value = serde_json::from_str(call.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let order = text("out_trade_no").unwrap_or_default();
    let is_ours = text("sub_mch_id").as_deref() == Some(merchant.mch_id.as_str());
    let data = match operation {
        _ if !is_ours => failed("PARAM_ERROR"),
        "unifiedorder" => match body.get("total_fee").and_then(Value::as_u64) {
            Some(fen) => create(state, &order, fen, text("attach"), text("openid").is_some()),
            None => failed("PARAM_ERROR"),
        },
        "queryorder" => state
            .trades
            .get(&order)
            .map_or_else(|| failed("ORDERNOTEXIST"), |trade| order_json(merchant, &order, trade)),
        "closeorder" => match state.trades.get_mut(&order) {
            None => failed("ORDERNOTEXIST"),
            Some(trade) if trade.state == "NOTPAY" => {
                trade.state = "CLOSED";
                json!({ "return_code": "SUCCESS", "result_code": "SUCCESS" })
            }
            Some(trade) if trade.state == "CLOSED" => failed("ORDERCLOSED"),
            Some(_) => failed("ORDERPAID"),
        },
        _ => failed("PARAM_ERROR"),
    };
    let body = json!({ "errcode": 0, "errmsg": "ok", "respdata": data }).to_string();
    let headers = vec![("content-type", "application/json".to_owned())];
    Answered { status: 200, headers, body, events: Vec::new() }
}

fn failed(code: &str) -> Value {
    json!({ "return_code": "SUCCESS", "result_code": "FAIL", "err_code": code, "err_code_des": "refused" })
}

fn create(state: &mut State, order: &str, fen: u64, attach: Option<String>, in_app: bool) -> Value {
    let trade = state.trades.entry(order.to_owned()).or_insert_with(|| Trade::new(fen, attach));
    match trade.state {
        "NOTPAY" if trade.fen == fen && in_app => json!({
            "return_code": "SUCCESS",
            "result_code": "SUCCESS",
            "payment": {
                "timeStamp": "1767225600",
                "nonceStr": format!("nonce{order}"),
                "package": format!("prepay_id=wx{order}"),
                "signType": "MD5",
                "paySign": "0123456789ABCDEF0123456789ABCDEF",
            },
        }),
        "NOTPAY" if trade.fen == fen => {
            let code_url = code_url(order);
            json!({ "return_code": "SUCCESS", "result_code": "SUCCESS", "code_url": code_url })
        }
        "NOTPAY" => failed("OUT_TRADE_NO_USED"),
        "CLOSED" => failed("ORDERCLOSED"),
        _ => failed("ORDERPAID"),
    }
}

fn order_json(merchant: &WechatMerchant, order: &str, trade: &Trade) -> Value {
    json!({
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": "wx0000000000000000",
        "mch_id": "1800000000",
        "sub_appid": merchant.app_id,
        "sub_mch_id": merchant.mch_id,
        "out_trade_no": order,
        "transaction_id": trade.transaction.clone().unwrap_or_default(),
        "trade_state": trade.state,
        "total_fee": trade.fen,
        "fee_type": "CNY",
        "attach": trade.attach.clone().unwrap_or_default(),
        // `20260101080000`
        "time_end": trade.paid_at.chars().take_while(|of| *of != '+').filter(char::is_ascii_digit).collect::<String>(),
    })
}
