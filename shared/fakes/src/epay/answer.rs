//! What the gateway says to programs: JSON, always with status 200, and why not.

use serde_json::{Map, Value};
use signing::epay::Params;

use super::Answered;

/// What a payment cannot do without, and what is said where it is not there.
pub(super) const NEEDED: [(&str, &str); 5] = [
    ("out_trade_no", "订单号(out_trade_no)不能为空"),
    ("notify_url", "通知地址(notify_url)不能为空"),
    ("return_url", "回调地址(return_url)不能为空"),
    ("name", "商品名称(name)不能为空"),
    ("money", "金额(money)不能为空"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    code: i64,
    pub(super) said: &'static str,
}

impl Refusal {
    pub(super) const MISSING: Self = Self { code: -1, said: "订单号不存在" };
    pub(super) const FORBIDDEN: Self = Self { code: -3, said: "商户密钥错误" };

    pub(super) const fn of(said: &'static str) -> Self {
        Self { code: -2, said }
    }
}

pub(super) fn ok(code: &str) -> Params {
    Params::default().with("code", code).with("msg", "success")
}

/// `code` and `pid` are numbers there, and everything else is text.
pub(super) fn json(answer: Result<Params, Refusal>) -> Answered {
    let mut object = Map::new();
    match answer {
        Ok(params) => {
            for (name, value) in params.all() {
                let number = value.parse::<i64>().ok().filter(|_| matches!(name, "code" | "pid"));
                object.insert(name.to_owned(), number.map_or_else(|| Value::from(value), Value::from));
            }
        }
        Err(Refusal { code, said }) => {
            object.insert("code".to_owned(), code.into());
            object.insert("msg".to_owned(), said.into());
        }
    }
    Answered { status: 200, content_type: "application/json", body: Value::Object(object).to_string() }
}
