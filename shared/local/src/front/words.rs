//! The text of the front page in English and Chinese.

use ledger::PaymentState;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

/// One field for each text of the page, so that neither language lacks one.
pub(super) struct Words {
    pub(super) other: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) try_it: &'static str,
    pub(super) send: &'static str,
    pub(super) again: &'static str,
    pub(super) buy_stripe: &'static str,
    pub(super) buy_epay: &'static str,
    pub(super) buy_wechat: &'static str,
    pub(super) clicks: &'static str,
    pub(super) no_clicks: &'static str,
    pub(super) event: &'static str,
    pub(super) order: &'static str,
    pub(super) pay: &'static str,
    pub(super) back: &'static str,
    pub(super) accounts: &'static str,
    pub(super) account: &'static str,
    pub(super) balance: &'static str,
    pub(super) available: &'static str,
    pub(super) held: &'static str,
    pub(super) more: &'static str,
    pub(super) statement: &'static str,
    pub(super) no_lines: &'static str,
    pub(super) time: &'static str,
    pub(super) kind: &'static str,
    pub(super) amount: &'static str,
    pub(super) entry: &'static str,
    pub(super) runs: &'static str,
    pub(super) functions: &'static str,
    pub(super) function: &'static str,
    pub(super) triggers: &'static str,
    pub(super) called_by: &'static str,
    pub(super) every: &'static str,
    pub(super) stream_of: &'static str,
    pub(super) fakes: &'static str,
    pub(super) real: &'static str,
    pub(super) tables: &'static str,
    pub(super) read_on: &'static str,
    /// The link to the console.
    pub(super) console: &'static str,
    pub(super) unavailable: &'static str,
}

const ENGLISH: Words = Words {
    other: "中文",
    title: "The local stack",
    lead: "Every function, the store and a fake of each provider, in one process. No money moves here.",
    try_it: "Try it",
    send: "Send a usage event",
    again: "Send the same event again",
    buy_stripe: "Buy 100 credits (Stripe)",
    buy_epay: "Buy 1000 credits (epay)",
    buy_wechat: "Buy 1000 credits (WeChat Pay)",
    clicks: "What came of it",
    no_clicks: "Nothing yet. An event takes 0.00234 credits from the account demo; a purchase adds to it.",
    event: "event",
    order: "order",
    pay: "pay",
    back: "You are back from the payment page.",
    accounts: "Accounts",
    account: "account",
    balance: "balance",
    available: "available",
    held: "held",
    more: "There are more: hookledger account show OWNER.",
    statement: "Latest entries of",
    no_lines: "There is none.",
    time: "time (UTC)",
    kind: "kind",
    amount: "amount",
    entry: "ledger entry",
    runs: "What runs",
    functions: "Functions",
    function: "function",
    triggers: "Routes, schedules and streams",
    called_by: "called by",
    every: "every",
    stream_of: "stream of",
    fakes: "Fakes",
    real: "the environment's own",
    tables: "Tables",
    read_on: "Read on",
    console: "Console",
    unavailable: "The store does not answer. Look at the terminal in which the stack runs.",
};

const CHINESE: Words = Words {
    other: "English",
    title: "本地环境",
    lead: "全部函数、数据库，以及每个支付渠道的模拟，都在一个进程里。这里没有真实的钱。",
    try_it: "试一试",
    send: "发送一个用量事件",
    again: "再次发送同一事件",
    buy_stripe: "购买 100 积分（Stripe）",
    buy_epay: "购买 1000 积分（易支付）",
    buy_wechat: "购买 1000 积分（微信支付）",
    clicks: "结果",
    no_clicks: "还没有。一个事件从账户 demo 扣除 0.00234 积分；购买会增加积分。",
    event: "事件",
    order: "订单",
    pay: "去支付",
    back: "您已从支付页面返回。",
    accounts: "账户",
    account: "账户",
    balance: "余额",
    available: "可用",
    held: "已预留",
    more: "还有更多账户：hookledger account show OWNER。",
    statement: "最近流水",
    no_lines: "暂无。",
    time: "时间（UTC）",
    kind: "类型",
    amount: "数额",
    entry: "账目",
    runs: "正在运行",
    functions: "函数",
    function: "函数",
    triggers: "路由、定时任务与数据流",
    called_by: "由何触发",
    every: "每",
    stream_of: "数据流：",
    fakes: "模拟的渠道",
    real: "环境变量指定的真实服务",
    tables: "数据表",
    read_on: "继续阅读",
    console: "控制台",
    unavailable: "数据库没有响应。请查看运行本地环境的终端。",
};

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Chinese];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == name)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// The ending of a page of the docs.
    pub(super) const fn docs(self) -> &'static str {
        match self {
            Self::English => ".md",
            Self::Chinese => ".zh.md",
        }
    }

    /// The one of the two that `Accept-Language` weighs more, and English where it names neither.
    pub(super) fn accepted(header: &str) -> Self {
        let mut best = (Self::English, 0);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, thousandths);
            let language = tag.split('-').next().and_then(Self::named);
            if let Some(language) = language.filter(|_| weight > best.1) {
                best = (language, weight);
            }
        }
        best.0
    }

    /// What has become of an order's payment.
    pub(super) const fn payment(self, state: PaymentState) -> &'static str {
        match (self, state) {
            (Self::Chinese, PaymentState::Unpaid) => "未支付",
            (Self::Chinese, PaymentState::Failed) => "支付失败",
            (Self::Chinese, PaymentState::Canceled) => "已取消",
            (Self::Chinese, PaymentState::Expired) => "已过期",
            (Self::Chinese, PaymentState::Paid) => "已支付",
            (Self::Chinese, PaymentState::PartlyRefunded) => "部分退款",
            (Self::Chinese, PaymentState::Refunded) => "已退款",
            (Self::Chinese, PaymentState::DisputedLost) => "争议败诉",
            (Self::English, state) => state.as_str(),
        }
    }

    /// The outcome that the function logged. Others than these two have their own words in both languages.
    pub(super) fn outcome(self, outcome: &str) -> &str {
        match (self, outcome) {
            (Self::Chinese, "booked") => "已入账",
            (Self::Chinese, "repeat") => "重复，未再次入账",
            (Self::English, "repeat") => "repeat: not booked again",
            (_, other) => other,
        }
    }
}

/// A weight such as `0.8`, in thousandths; none where it is no weight.
fn thousandths(weight: &str) -> u32 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    match whole {
        "1" => 1_000,
        "0" => digits.parse().unwrap_or(0),
        _ => 0,
    }
}
