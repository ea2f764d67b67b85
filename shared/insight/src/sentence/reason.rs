//! Why an event is refused, or an order flagged.

use ledger::Reason;

use super::{Sentence, say};
use crate::event::is_change;

/// Why a change that was asked for is refused: it does not wait, as events of senders do.
pub(crate) fn reason_of_change(change: Reason) -> Sentence {
    let own = [
        (Reason::InsufficientCredits, say("the account had too few credits for it", "账户额度不足")),
        (Reason::UnknownKey, say("the owner has no such key that is not revoked", "该用户没有这个未吊销的密钥")),
        (Reason::NoPrice, say("the rate card has no price for its model", "费率表里没有该模型的价格")),
    ];
    own.into_iter().find(|(of, _)| *of == change).map_or_else(|| reason(change), |(_, sentence)| sentence)
}

/// The same, for what this writer has written.
pub fn reason_by(refused: Reason, writer: &str) -> Sentence {
    if is_change(writer) { reason_of_change(refused) } else { reason(refused) }
}

pub const fn reason(reason: Reason) -> Sentence {
    match reason {
        Reason::InsufficientCredits => say(
            "the account has too few credits for it; it is booked once there are enough",
            "账户额度不足；额度足够后会自动入账",
        ),
        Reason::BudgetExceeded => say("it would exceed the budget of its key", "超出该密钥的预算"),
        Reason::UnknownKey => say(
            "no owner has this key; it is booked once the key is bound to one",
            "没有用户绑定这个密钥；绑定后会自动入账",
        ),
        Reason::NoPrice => say(
            "the rate card has no price for its model; it is booked once there is one",
            "费率表里没有该模型的价格；补上价格后会自动入账",
        ),
        Reason::KeyTaken => say("the key belongs to another owner", "这个密钥属于其他用户"),
        Reason::Overtaken => say("what it changes has changed at the same moment", "它要修改的内容在同一时刻已被修改"),
        Reason::OutsideClockWindow => say("the sender's clock is too far from ours", "发送方的时钟与我们相差过大"),
        Reason::Unparsed => say(
            "the body is verified and could not be read; a release that reads it books it",
            "签名正确，但内容无法解析；能解析它的版本部署后会自动入账",
        ),
        Reason::WrongMode => say(
            "it is of the other mode: test money for a live stage, or the reverse",
            "模式不符：正式环境收到测试款，或相反",
        ),
        Reason::WrongAccount => {
            say("it belongs to an account of the provider that is not ours", "它属于支付方的另一个账户，不是我们的")
        }
        Reason::OrderUnknown => {
            say("the order that it names does not exist here, or not yet", "它指向的订单在这里不存在，或尚未创建")
        }
        Reason::PaymentUnknown => say(
            "the payment that it refunds is not booked here, or not yet",
            "它退的那笔付款在这里没有入账，或尚未入账",
        ),
        Reason::DisputeUnknown => say(
            "the payment that is disputed is not booked here, and the dispute has a deadline to answer",
            "被争议的付款在这里没有入账，而争议有答复期限",
        ),
        Reason::Unconfirmed => say(
            "the provider, when queried, does not confirm the payment, or not yet",
            "向支付方查询后，它没有确认这笔付款，或尚未确认",
        ),
        Reason::Unanswered => {
            say("the provider did not answer the query about the payment", "支付方没有答复对这笔付款的查询")
        }
        Reason::OrderNotPayable => say("the order was in a state that takes no payment", "订单当时的状态不能再付款"),
        Reason::ProviderMismatch => say("the order is to be paid by another provider", "该订单应由另一个支付方付款"),
        Reason::MerchantMismatch => {
            say("it belongs to a merchant or an app that is not the order's", "它属于另一个商户或应用")
        }
        Reason::OrderMismatch => say("its fields name different orders", "它的字段指向不同的订单"),
        Reason::AttachMismatch => {
            say("our own data in it is not what we have sent", "其中的附加数据与我们发出的不一致")
        }
        Reason::AmountMismatch => say("another amount was paid than the order costs", "实付金额与订单价格不符"),
        Reason::CurrencyMismatch => say("it was paid in another currency than the order's", "付款币种与订单不符"),
        Reason::DuplicatePayment => say("the order is paid already, by another payment", "订单已由另一笔付款支付"),
        Reason::RefundedTooMuch => say("the reported refunds exceed what was paid", "上报的退款超过了实付金额"),
        Reason::PaymentUnproven => say(
            "the order claims to be paid, and the journal has no row of that payment",
            "订单显示已付，但账本里没有那笔付款的记录",
        ),
        Reason::TopUpUnknown => say(
            "it is unknown whether the phone was topped up, and the phone company is not called again",
            "话费是否到账未知，系统不会再次充值",
        ),
        Reason::TopUpFailed => say("the phone was not topped up, and the order is paid", "话费没有到账，而订单已付款"),
        Reason::TransferFailed => {
            say("the transfer on chain has failed, and the order is paid", "链上转账失败，而订单已付款")
        }
        Reason::TransferUnknown => say("the order does not know this transfer yet", "订单还不知道这笔链上转账"),
        Reason::WorkspaceMismatch => say(
            "our transfer was reported by another workspace than the configured one",
            "我们的转账由另一个工作区上报，与配置不符",
        ),
        Reason::AssetMismatch => say("the transfer sends another asset than was requested", "链上转账的资产与请求不符"),
        Reason::DestinationMismatch => {
            say("the transfer goes to another wallet than was requested", "链上转账的目标钱包与请求不符")
        }
    }
}
