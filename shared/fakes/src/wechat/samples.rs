//! Applies a sample notification to the fake's state, so that later queries confirm it.

use serde_json::Value;

use super::{WechatPaid, WechatPay, WechatRefund};

impl WechatPay {
    /// Applies a sample in any form; a sample without a payment has no effect.
    pub fn hear(&self, sample: &str) {
        let Ok(sample) = serde_json::from_str::<Value>(sample) else { return };
        let resource = sample.get("resource").unwrap_or(&sample);
        let refund = sample.get("req_info").or_else(|| resource.get("refund_id").map(|_| resource));
        match refund {
            Some(refund) => self.apply_refund(refund),
            None => self.apply_payment(resource),
        }
    }

    fn apply_payment(&self, notification: &Value) {
        let state = ["trade_state", "result_code", "resultCode"].iter().find_map(|name| text(notification, name));
        let order = text(notification, "out_trade_no").or_else(|| text(notification, "outTradeNo"));
        let transaction = text(notification, "transaction_id").or_else(|| text(notification, "transactionId"));
        let fen = notification
            .pointer("/amount/total")
            .or_else(|| notification.get("total_fee"))
            .or_else(|| notification.get("totalFee"));
        if let (Some("SUCCESS"), Some(order), Some(transaction), Some(fen)) =
            (state, order, transaction, fen.and_then(count))
        {
            let attach = text(notification, "attach").map(str::to_owned);
            self.pay(order, WechatPaid { transaction: transaction.to_owned(), fen, attach });
        } else if let (Some("SUCCESS"), Some(order), None) = (state, order, transaction) {
            // The sample names only the order, so the order is paid as created here.
            let _ = self.pay_open(order);
        }
    }

    fn apply_refund(&self, notification: &Value) {
        const STATUSES: [(&str, &str); 6] = [
            ("SUCCESS", "SUCCESS"),
            ("CLOSED", "CLOSED"),
            ("REFUNDCLOSE", "CLOSED"),
            ("ABNORMAL", "ABNORMAL"),
            ("CHANGE", "ABNORMAL"),
            ("PROCESSING", "PROCESSING"),
        ];
        let status = text(notification, "refund_status")
            .and_then(|status| STATUSES.iter().find(|(word, _)| *word == status).map(|(_, status)| *status));
        let fen = notification.pointer("/amount/refund").or_else(|| notification.get("refund_fee")).and_then(count);
        let texts =
            ["out_refund_no", "refund_id", "out_trade_no", "transaction_id"].map(|name| text(notification, name));
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

/// A number, or a string of digits: the forms differ.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
