//! Alarms of payments: disputes, refunds, late queries, and payments that contradict an order.

use crate::alarm::{Alarm, MINUTE, Metric, OURS, at_least, backlog, raised, sum, text};

pub(super) fn alarms() -> Vec<Alarm> {
    vec![
        unpaid_late(),
        dispute_opened(),
        refused(),
        refunded_too_much(),
        queries_refused(),
        refund_stuck(),
        checkout_calls(),
    ]
}

fn unpaid_late() -> Alarm {
    Alarm {
        name: "unpaid-late".to_owned(),
        comment: "",
        when: at_least(600, backlog("oldest_s", "unpaid")).for_periods(3),
        means: text(
            "For a quarter of an hour, queries for unpaid orders have been ten minutes late. A provider does not \
             answer, or more orders are due than its rate limit allows.",
            "未付款订单到期十分钟仍未查询，已持续一刻钟：支付方没有应答，或到期的订单多于其限频。",
        ),
        to_do: text(
            "The log of `reconcile` has `not_answered` with the provider: a provider that is down is retried each \
             minute. Otherwise `waiting` counts the orders, and falls by itself; find who makes them, and lower \
             `MaxOpenOrders` ([below](#how-soon-an-unpaid-order-is-queried)).",
            "`reconcile` 的日志以 `not_answered` 写明是哪个支付方：不可用的支付方每分钟重试。否则 `waiting` 是订单数，会\
             自行下降；查明是谁下的单，并调低 `MaxOpenOrders`（[见下文](#未付款订单多久查询一次)）。",
        ),
    }
}

fn dispute_opened() -> Alarm {
    Alarm {
        name: "dispute-opened".to_owned(),
        comment: "The bank has taken the money back, and there are days to answer.",
        when: at_least(1, raised("stripe", "dispute_opened")),
        means: text(
            "A buyer disputes a payment (chargeback), or appeals. What the disputed amount bought is taken back. If \
             the log line names an event of Stripe and no order, the payment is not known here.",
            "买家对付款提出争议（拒付）或申诉，争议金额所购之物已收回。日志行中是 Stripe 事件而不是订单时，这里不认识\
             那笔付款。",
        ),
        to_do: text(
            "Answer in Stripe's dashboard before its deadline. Set `StripeAccountShared` if most such payments are \
             not yours.",
            "在 Stripe 后台规定时限内答复。此类付款大多不属于你时，设置 `StripeAccountShared`。",
        ),
    }
}

fn refused() -> Alarm {
    let of = ["stripe", "wechat", "epay", "fireblocks"].map(|source| (source, raised(source, "refused")));
    Alarm {
        name: "refused".to_owned(),
        comment: "Money has arrived, or tokens have left, and nothing was booked for it.",
        when: at_least(1, sum("verified events that a person decides on", of)),
        means: text(
            "A payment, an invoice or a transfer was verified and contradicts its order, or is one too many. Nothing \
             was booked for it, and no retry changes that.",
            "一笔付款、账单或转账通过了验签，但与订单不符，或是多付的一笔。没有为它入账，重试也不会改变。",
        ),
        to_do: text(
            "The log line names the order: `order show N` lists each refused payment with its sum and its refunds. \
             Refund it, `order accept` it or `order clear` it ([how](#flagged-orders)). `wrong_mode` means that \
             `StripeLivemode` and the endpoint's secret are of two modes: correct the setting. `workspace_mismatch` \
             means that `FireblocksWorkspace` is not the workspace that sends the tokens: correct it, and the kept \
             events are booked by themselves.",
            "日志行里有订单号：`order show N` 列出每笔被拒绝的付款、金额和已退金额。退款、`order accept` 或 \
             `order clear`（[做法](#被标记的订单)）。`wrong_mode` 表示 `StripeLivemode` 与端点密钥的模式不同：改正设\
             置。`workspace_mismatch` 表示 `FireblocksWorkspace` 不是发出代币的工作区：改正后，已保存的事件会自动入账\
             。",
        ),
    }
}

fn refunded_too_much() -> Alarm {
    let of = ["stripe", "wechat"].map(|source| (source, raised(source, "refunded_too_much")));
    Alarm {
        name: "refunded-too-much".to_owned(),
        comment: "A provider refunds no more than it has taken.",
        when: at_least(1, sum("payments with refunds above their sum", of)),
        means: text(
            "The reported refunds of a payment come to more than was paid. At most the whole payment is taken back.",
            "一笔付款的退款总额超过了付款额。最多收回全部积分。",
        ),
        to_do: text(
            "Compare the refunds in `order show N` with the provider's console. The flag ends when one of them fails, \
             or with `order clear N --anomaly refunded_too_much`.",
            "把 `order show N` 中的退款与渠道后台对照。某笔退款失败后标记自动结束，或用 \
             `order clear N --anomaly refunded_too_much`。",
        ),
    }
}

fn queries_refused() -> Alarm {
    Alarm {
        name: "queries-refused".to_owned(),
        comment: "Payments wait for their confirmation, and no retry confirms them with these settings.",
        when: at_least(
            1,
            sum(
                "queries that no retry answers",
                [("epay", raised("epay", "query_refused")), ("wechat", raised("wechat", "answer_unsigned"))],
            ),
        ),
        means: text(
            "Payments wait to be confirmed, and no retry confirms them. `query_refused`: an epay gateway refuses the \
             query; the log line names the merchant. `answer_unsigned`: an answer in the name of WeChat's forwarder \
             has no valid signature.",
            "付款在等待确认，重试也确认不了。`query_refused`：易支付网关拒绝查询，日志行写明商户。`answer_unsigned`：\
             代替微信转发服务答复的一方没有它的签名。",
        ),
        to_do: text(
            "For `query_refused`, compare the merchant's key, and set `EpayV1Query` as the gateway takes it: \
             [epay.md](providers/epay.md#which-payments-the-gateway-confirms). For `answer_unsigned`, compare \
             `WECHAT_FORWARDER_SECRET`, the container's clock and `WechatApiBase`: \
             [wechat.md](providers/wechat.md#the-forwarder). If they are right, another server answers in its place. \
             The payments that wait are booked by themselves within minutes.",
            "前者：核对商户密钥，并按网关接受的方式设置 `EpayV1Query`：\
             [epay.zh.md](providers/epay.zh.md#哪些付款由网关确认)。后者：核对 `WECHAT_FORWARDER_SECRET`、容器的时钟\
             和 `WechatApiBase`：[wechat.zh.md](providers/wechat.zh.md#转发服务)；都正确时，就是有人在冒充它。等待的\
             付款几分钟内自动入账。",
        ),
    }
}

fn refund_stuck() -> Alarm {
    Alarm {
        name: "refund-stuck".to_owned(),
        comment: "",
        when: at_least(1, raised("wechat", "refund_stuck")),
        means: text("WeChat Pay cannot pay a refund out to the buyer.", "微信无法把退款付给买家。"),
        to_do: text("Handle the refund in WeChat Pay's merchant console.", "在微信支付商户平台处理。"),
    }
}

fn checkout_calls() -> Alarm {
    Alarm {
        name: "checkout-calls".to_owned(),
        comment: "",
        when: at_least(1, Metric::of(OURS, "alarms").by("source", "checkout").over(5 * MINUTE)),
        means: text(
            "Stripe's price differs from the catalog's (`price_mismatch`), or a buyer's payment contradicts the order \
             and cannot be booked.",
            "Stripe 的价格与目录不符（`price_mismatch`），或买家付了无法入账的款。",
        ),
        to_do: text(
            "For `price_mismatch`, make both prices equal. Otherwise the order is flagged: refund it, or `order \
             accept` it ([how](#flagged-orders)).",
            "前者：使两处一致。后者：订单已标记，退款或用 `order accept` 认可（[做法](#被标记的订单)）。",
        ),
    }
}
