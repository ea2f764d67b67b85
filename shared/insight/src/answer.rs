//! What a provider says of an order's payment, or of an id that no row has, when a person asks.

use ledger::{Money, PaymentState};

use crate::{Lang, sentence};

/// Nothing is booked by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderAnswer {
    Paid {
        by: String,
        money: Money,
    },
    /// Test money for a live order, or the reverse.
    OtherMode {
        by: String,
        money: Money,
    },
    /// A payment is in progress, or the provider is not configured.
    Pending,
    /// The buyer can still pay.
    Open,
    Ended(PaymentState),
    /// The provider has no such order.
    Unknown,
    NoKey,
    NoAnswer,
}

impl ProviderAnswer {
    pub fn text(&self, lang: Lang) -> String {
        let (en, zh) = self.texts();
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    fn texts(&self) -> (String, String) {
        match self {
            Self::Paid { by, money } => (format!("paid: {money} by {by}"), format!("已付：{money}，{by}")),
            Self::OtherMode { by, money } => {
                (format!("paid in the other mode: {money} by {by}"), format!("在另一模式下已付：{money}，{by}"))
            }
            Self::Pending => {
                ("a payment is in progress, or none is reported".to_owned(), "付款进行中，或没有结果".to_owned())
            }
            Self::Open => ("not paid; the buyer can still pay".to_owned(), "未付，买家仍可付款".to_owned()),
            Self::Ended(state) => {
                let sentence = sentence::payment_state(*state);
                (format!("{}: {}", state.as_str(), sentence.en), format!("{}：{}", state.as_str(), sentence.zh))
            }
            Self::Unknown => ("it has no such order".to_owned(), "没有这个订单".to_owned()),
            Self::NoKey => ("not queried: its key is missing".to_owned(), "没有查询：缺少密钥".to_owned()),
            Self::NoAnswer => ("it did not answer".to_owned(), "没有答复".to_owned()),
        }
    }
}

/// What a provider says of an id that no row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It has it: what it is, in the provider's words, and what of ours it leads to: an order or a payment.
    Seen {
        what: String,
        leads_to: Option<String>,
    },
    Unknown,
    /// It is not set up here.
    NotQueried,
    /// It has no query by a number of this kind.
    NoQuery,
    NoKey,
    NoAnswer,
}

impl Sighting {
    pub fn leads_to(&self) -> Option<&str> {
        if let Self::Seen { leads_to, .. } = self { leads_to.as_deref() } else { None }
    }

    pub fn text(&self, lang: Lang) -> String {
        let (en, zh) = match self {
            Self::Seen { what, leads_to: Some(other) } => {
                (format!("it has it: {what}; it leads to {other}"), format!("有：{what}；指向 {other}"))
            }
            Self::Seen { what, leads_to: None } => {
                (format!("it has it: {what}; it names no order of ours"), format!("有：{what}；没有指向我们的订单"))
            }
            Self::Unknown => ("it has none of this name either".to_owned(), "那边也没有".to_owned()),
            Self::NotQueried => ("not queried: it is not set up here".to_owned(), "没有查询：这里没有配置".to_owned()),
            Self::NoQuery => (
                "it has no query by this number: give that of the order, of the payment, or the merchant's of the refund"
                    .to_owned(),
                "不能按这个编号查询：请给出订单号、交易号，或商户退款单号".to_owned(),
            ),
            Self::NoKey => ProviderAnswer::NoKey.texts(),
            Self::NoAnswer => ProviderAnswer::NoAnswer.texts(),
        };
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}
