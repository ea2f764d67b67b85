//! JSON responses of the gateway, always with status 200, and its error codes.

use serde_json::{Map, Value};
use signing::epay::Params;

use super::Answered;

/// The required parameters of a payment, with the message if one is missing.
pub(super) const REQUIRED: [(&str, &str); 5] = [
    ("out_trade_no", "订单号(out_trade_no)不能为空"),
    ("notify_url", "通知地址(notify_url)不能为空"),
    ("return_url", "回调地址(return_url)不能为空"),
    ("name", "商品名称(name)不能为空"),
    ("money", "金额(money)不能为空"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    code: i64,
    pub(super) message: &'static str,
}

impl Refusal {
    pub(super) const MISSING: Self = Self { code: -1, message: "订单号不存在" };
    pub(super) const FORBIDDEN: Self = Self { code: -3, message: "商户密钥错误" };

    pub(super) const fn of(message: &'static str) -> Self {
        Self { code: -2, message }
    }
}

pub(super) fn ok(code: &str) -> Params {
    Params::default().with("code", code).with("msg", "success")
}

/// `code` and `pid` are numbers in the response; all other values are strings.
pub(super) fn json(answer: Result<Params, Refusal>) -> Answered {
    let mut object = Map::new();
    match answer {
        Ok(params) => {
            for (name, value) in params.all() {
                let number = value.parse::<i64>().ok().filter(|_| matches!(name, "code" | "pid"));
                object.insert(name.to_owned(), number.map_or_else(|| Value::from(value), Value::from));
            }
        }
        Err(Refusal { code, message }) => {
            object.insert("code".to_owned(), code.into());
            object.insert("msg".to_owned(), message.into());
        }
    }
    Answered { status: 200, content_type: "application/json", body: Value::Object(object).to_string() }
}
