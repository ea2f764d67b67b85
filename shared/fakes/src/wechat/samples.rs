//! What a sample says has happened, taken as true: so that it is found to be when somebody asks.

use serde_json::Value;

use super::{WechatPaid, WechatPay, WechatRefund};

impl WechatPay {
    /// Of a sample in any form. One that says nothing was paid changes nothing.
    pub fn hear(&self, sample: &str) {
        let Ok(sample) = serde_json::from_str::<Value>(sample) else { return };
        let resource = sample.get("resource").unwrap_or(&sample);
        let refund = sample.get("req_info").or_else(|| resource.get("refund_id").map(|_| resource));
        match refund {
            Some(refund) => self.hear_refund(refund),
            None => self.hear_payment(resource),
        }
    }

    fn hear_payment(&self, said: &Value) {
        let state = ["trade_state", "result_code", "resultCode"].iter().find_map(|name| text(said, name));
        let order = text(said, "out_trade_no").or_else(|| text(said, "outTradeNo"));
        let transaction = text(said, "transaction_id").or_else(|| text(said, "transactionId"));
        let fen = said.pointer("/amount/total").or_else(|| said.get("total_fee")).or_else(|| said.get("totalFee"));
        if let (Some("SUCCESS"), Some(order), Some(transaction), Some(fen)) =
            (state, order, transaction, fen.and_then(count))
        {
            let attach = text(said, "attach").map(str::to_owned);
            self.pay(order, WechatPaid { transaction: transaction.to_owned(), fen, attach });
        } else if let (Some("SUCCESS"), Some(order), None) = (state, order, transaction) {
            self.pay_what_was_begun(order);
        }
    }

    /// The sample names the order alone: it is paid as it was begun here.
    fn pay_what_was_begun(&self, order: &str) {
        if let Some(trade) = self.state().trades.get_mut(order).filter(|trade| trade.state == "NOTPAY") {
            (trade.state, trade.transaction) = ("SUCCESS", Some(format!("42-{order}")));
        }
    }

    fn hear_refund(&self, said: &Value) {
        const STATUSES: [(&str, &str); 6] = [
            ("SUCCESS", "SUCCESS"),
            ("CLOSED", "CLOSED"),
            ("REFUNDCLOSE", "CLOSED"),
            ("ABNORMAL", "ABNORMAL"),
            ("CHANGE", "ABNORMAL"),
            ("PROCESSING", "PROCESSING"),
        ];
        let status = text(said, "refund_status")
            .and_then(|status| STATUSES.iter().find(|(word, _)| *word == status).map(|(_, status)| *status));
        let fen = said.pointer("/amount/refund").or_else(|| said.get("refund_fee")).and_then(count);
        let texts = ["out_refund_no", "refund_id", "out_trade_no", "transaction_id"].map(|name| text(said, name));
        if let ([Some(number), Some(id), Some(order), Some(transaction)], Some(fen), Some(status)) =
            (texts, fen, status)
        {
            let [id, order, transaction] = [id, order, transaction].map(str::to_owned);
            self.refund(number, WechatRefund { id, order, transaction, fen, status });
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// As a number or as digits: the forms differ.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
