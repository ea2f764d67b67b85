//! Who would have sent what no row has, and where its own side shows what it sent.

use crate::Sentence;
use crate::sentence::say;

/// A party that names things in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    Stripe,
    Wechat,
    Epay,
    Fireblocks,
    /// An LLM gateway.
    Gateway,
    /// An order of ours.
    Shop,
}

/// The digits of WeChat Pay's transaction ids; its refunds have as many or one more.
const WECHAT_DIGITS: usize = 28;
/// Those of a UUID, with its hyphens.
const UUID_CHARS: usize = 36;

/// Who names things like this.
pub fn sender_of(text: &str) -> Option<Sender> {
    let text = text.trim();
    let of_source = ["payment#", "query#", "unparsed#"].iter().find_map(|prefix| text.strip_prefix(prefix));
    let (head, id) = of_source.unwrap_or(text).split_once('#').unwrap_or(("", text));
    let of_head = match head {
        "stripe" | "invoice" => Some(Sender::Stripe),
        "wechat" => Some(Sender::Wechat),
        "epay" => Some(Sender::Epay),
        "fireblocks" | "sent" => Some(Sender::Fireblocks),
        "usage" | "reversed" => Some(Sender::Gateway),
        "order" => Some(Sender::Shop),
        _ => None,
    };
    of_head.or_else(|| of_id(id))
}

fn of_id(id: &str) -> Option<Sender> {
    const STRIPE: [&str; 9] = ["evt_", "pi_", "cs_", "sub_", "in_", "ch_", "re_", "dp_", "du_"];
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_uuid = id.len() == UUID_CHARS
        && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && id.matches('-').count() == 4;
    if is_uuid {
        Some(Sender::Fireblocks)
    } else if id.starts_with("HL") && id.len() > 2 {
        Some(Sender::Shop)
    } else if id.starts_with("gen-") || id.starts_with("chatcmpl-") {
        Some(Sender::Gateway)
    } else if is_digits(id) && id.len() >= WECHAT_DIGITS && (id.starts_with("42") || id.starts_with("50")) {
        Some(Sender::Wechat)
    } else if is_digits(id) && id.len() >= 15 || id.split_once('.').is_some_and(|(a, b)| is_digits(a) && is_digits(b)) {
        Some(Sender::Epay)
    } else if STRIPE.iter().any(|head| id.starts_with(head)) {
        Some(Sender::Stripe)
    } else {
        None
    }
}

impl Sender {
    pub const ALL: [Self; 6] = [Self::Stripe, Self::Wechat, Self::Epay, Self::Fireblocks, Self::Gateway, Self::Shop];

    /// Where its side shows what it has sent.
    pub const fn shows(self) -> Sentence {
        match self {
            Self::Stripe => say(
                "Stripe: Dashboard, Developers, Webhooks, the endpoint, Event deliveries: is the event there, with which \
                 answer of ours? Resend it there. Is it in the same mode, test or live, and of the same account?",
                "Stripe：控制台 → Developers → Webhooks → 该端点 → Event deliveries：有没有这个事件，我们的应答是什么？\
                 可在那里重发。模式（测试或正式）和账户是否一致？",
            ),
            Self::Wechat => say(
                "WeChat Pay: the merchant platform, Transactions: is the order paid there, to this merchant and app? It \
                 repeats a notification for a day; the query of unpaid orders books it without one.",
                "微信支付：商户平台 → 交易中心：该订单是否已付，商户号和应用是否一致？通知会重发一天；\
                 没有通知时，未付订单的查询也会入账。",
            ),
            Self::Epay => say(
                "epay: the gateway's order list: is it paid there, and what did its notification get as an answer? Resend \
                 it there. Its trade numbers are unique only with the merchant: explain 1001.TRADE_NO",
                "易支付：网关后台的订单列表：是否已付，通知得到了什么应答？可在那里补发通知。\
                 交易号要带商户号：explain 1001.TRADE_NO",
            ),
            Self::Fireblocks => say(
                "Fireblocks: Console, Transactions, and Developer Center, Webhooks: is the transaction there, and was its \
                 webhook delivered? Resend it there.",
                "Fireblocks：Console → Transactions，以及 Developer Center → Webhooks：有没有这笔交易，webhook \
                 是否送达？可在那里重发。",
            ),
            Self::Gateway => say(
                "the LLM gateway: its log of requests, and the outbox of its sender: was the use reported, with which \
                 answer of ours?",
                "LLM 网关：它的请求日志和发送方的待发队列：用量是否上报过，我们的应答是什么？",
            ),
            Self::Shop => say(
                "an order of ours: the number is not in these books. Is it of another stage, or mistyped?",
                "我们的订单：这套账里没有这个编号。是不是另一个环境的，或写错了？",
            ),
        }
    }

    /// Where our side shows what it has refused before any row was written.
    pub const OURS: Sentence = say(
        "our side: a delivery that is not verified leaves no row. The log has its line, with outcome and reason: \
         unverified, forbidden, malformed or too_large; the access log has its address and status.",
        "我们这边：没有通过验签的投递不留记录。日志里有一行，写明 outcome 和 reason（unverified、forbidden、\
         malformed、too_large）；访问日志里有来源地址和状态码。",
    );
}
