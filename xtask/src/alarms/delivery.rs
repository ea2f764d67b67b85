//! Alarms of fulfilment: late orders, failed top-ups and transfers, and flagged orders.

use crate::alarm::{
    Alarm, DAY, HOUR, MINUTE, Metric, OURS, above, at_least, backlog, below, expression, outcomes, raised, sum, text,
};

pub(super) fn alarms() -> Vec<Alarm> {
    vec![
        not_fulfilled(),
        waiting(),
        anomalies(),
        top_ups(),
        top_up_unknown(),
        top_up_failed(),
        transfer_failed(),
        transfer_mismatch(),
        payment_unproven(),
    ]
}

fn not_fulfilled() -> Alarm {
    Alarm {
        name: "not-fulfilled".to_owned(),
        comment: "The oldest paid order that waits. It is retried at least every ten minutes.",
        when: at_least(600, backlog("oldest_s", "fulfilment").over(15 * MINUTE)),
        means: text(
            "An order was paid more than ten minutes ago and is not delivered. It is retried after pauses that double \
             up to ten minutes. The alarm lasts until it is delivered.",
            "订单付款已超过十分钟而尚未交付。重试间隔逐次加倍，最长十分钟；告警持续到交付为止。",
        ),
        to_do: text(
            "Find the order by `not_fulfilled` in the log; the line beside it has the cause. Usually the operator or \
             Fireblocks is down: nothing is lost meanwhile.",
            "在日志中按 `not_fulfilled` 找到订单，旁边一行说明原因。多半是运营商或 Fireblocks 的问题；其间不会丢失任\
             何东西。",
        ),
    }
}

fn waiting() -> Alarm {
    let formula = "IF(waiting > 10 OR oldest > 1800, 1, 0)";
    let over = 15 * MINUTE;
    Alarm {
        name: "waiting".to_owned(),
        comment: "",
        when: at_least(
            1,
            expression(
                "1 when too many orders wait, or one waits for too long",
                formula,
                [
                    ("waiting", backlog("waiting", "fulfilment").over(over)),
                    ("oldest", backlog("oldest_s", "fulfilment").over(over)),
                ],
            ),
        ),
        means: text(
            "More than ten paid orders wait for delivery, due or not, or one has waited for half an hour. Orders that \
             were paid less than a minute ago do not count.",
            "有超过十个已付款订单在等待（无论是否轮到），或有一个等了半小时。付款不到一分钟的不计。",
        ),
        to_do: text(
            "As for `not-fulfilled`. If it takes longer, inform the buyers or refund them: a refund ends the wait.",
            "同上；若还需更久，告知买家或退款：退款后不再等待。",
        ),
    }
}

fn anomalies() -> Alarm {
    let of = [
        ("orders", Metric::of(OURS, "orders")),
        ("flagged", Metric::of(OURS, "orders_flagged")),
        ("top_up_failed", raised("fulfil", "top_up_failed")),
        ("top_up_unknown", raised("fulfil", "top_up_unknown")),
        ("transfer_failed", raised("fireblocks", "transfer_failed")),
        ("transfer_refused", raised("fulfil", "transfer_failed")),
    ];
    let flags: Vec<String> = of.iter().skip(1).map(|(id, _)| format!("FILL({id}, 0)")).collect();
    Alarm {
        name: "anomalies".to_owned(),
        comment: "Flags come from refused events, and from the answers of operators and of Fireblocks.",
        when: above(
            1,
            expression(
                "flagged orders, per cent",
                format!("100 * ({}) / orders", flags.join(" + ")),
                of.map(|(id, metric)| (id, metric.over(DAY))),
            ),
        ),
        means: text(
            "More than one order in a hundred of the last day was flagged.",
            "最近一天内，超过百分之一的订单被标记。",
        ),
        to_do: text(
            "List them, [one reason after the other](#flagged-orders). A single reason usually means that a price was \
             changed in one place only.",
            "[按原因逐一列出](#被标记的订单)。若只有一种原因，多半是价格只在一处改了。",
        ),
    }
}

fn top_ups() -> Alarm {
    let of = ["done", "failed", "unknown"]
        .map(|result| (result, outcomes("fulfil", "top_up").by("reason", result).over(HOUR)));
    Alarm {
        name: "top-ups".to_owned(),
        comment: "",
        when: below(
            95,
            expression(
                "top-ups that succeeded, per cent",
                "100 * FILL(done, 0) / (FILL(done, 0) + FILL(failed, 0) + FILL(unknown, 0))",
                of,
            ),
        ),
        means: text(
            "Fewer than 95 in a hundred top-ups of the last hour succeeded.",
            "最近一小时充值成功率低于 95 %。",
        ),
        to_do: text(
            "Contact the operator; take the product out of the catalog until it works.",
            "询问运营商；恢复之前把该商品从目录中撤下。",
        ),
    }
}

fn top_up_unknown() -> Alarm {
    Alarm {
        name: "top-up-unknown".to_owned(),
        comment: "",
        when: at_least(
            1,
            sum(
                "top-ups with an unknown result",
                [
                    ("unknown", raised("fulfil", "top_up_unknown")),
                    ("unwritten", raised("fulfil", "top_up_not_recorded")),
                ],
            ),
        ),
        means: text(
            "The operator was called for a top-up and its result is unknown. No machine calls again.",
            "已呼叫运营商而结果不明。机器不会再次呼叫。",
        ),
        to_do: text(
            "Ask the operator by the order's number, then `cargo run -- order resolve N --as done|failed|again \
             --reason \"…\" --aws --stage prod` ([fulfilment.md](fulfilment.md)).",
            "以订单号询问运营商，然后 \
             `cargo run -- order resolve N --as done|failed|again --reason \"…\" --aws --stage prod`（\
             [fulfilment.zh.md](fulfilment.zh.md)）。",
        ),
    }
}

fn top_up_failed() -> Alarm {
    Alarm {
        name: "top-up-failed".to_owned(),
        comment: "",
        when: at_least(1, raised("fulfil", "top_up_failed")),
        means: text("An operator refused a top-up that is paid for.", "运营商拒绝了已付款的充值。"),
        to_do: text("Refund the buyer: the refund ends the flag.", "给买家退款：标记随退款消失。"),
    }
}

fn transfer_failed() -> Alarm {
    Alarm {
        name: "transfer-failed".to_owned(),
        comment: "A webhook of Fireblocks reports the failure, or its API does.",
        when: at_least(
            1,
            sum(
                "transfers that failed",
                [("webhook", raised("fireblocks", "transfer_failed")), ("api", raised("fulfil", "transfer_failed"))],
            ),
        ),
        means: text(
            "Fireblocks did not send tokens that are paid for. The order is flagged.",
            "Fireblocks 没有发出已付款的代币，订单已标记。",
        ),
        to_do: text(
            "Fireblocks' console has the cause. Unsent tokens are still in the buyer's account.",
            "其控制台说明原因。未发出的仍在买家账户中。",
        ),
    }
}

fn transfer_mismatch() -> Alarm {
    Alarm {
        name: "transfer-mismatch".to_owned(),
        comment: "",
        when: at_least(1, raised("fulfil", "transfer_mismatch")),
        means: text(
            "Fireblocks already has a transfer under the order's key (`grant#<order>#<n>`), of another token or \
             amount, or to another wallet. hookledger does not adopt it, and sends nothing else under that key.",
            "订单的键（`grant#<order>#<n>`）下，Fireblocks 已有另一种代币、另一数量或另一钱包的转账。系统不采用它，也\
             不再用这个键发送。",
        ),
        to_do: text(
            "The key was used elsewhere. `order show N` names the transfer: compare it with Fireblocks' console, and \
             send or settle by hand.",
            "有人用了这个键。`order show N` 写明是哪笔转账；与 Fireblocks 控制台核对，由人发送或结清。",
        ),
    }
}

fn payment_unproven() -> Alarm {
    Alarm {
        name: "payment-unproven".to_owned(),
        comment: "",
        when: at_least(1, raised("fulfil", "payment_unproven")),
        means: text(
            "An order is marked as paid, and the journal has no row `payment#<provider>#<id>` with its number, amount \
             and currency. Nothing is delivered for it. Either the row of the payment is lost, or another writer \
             marked the order as paid.",
            "订单自称已付款，但流水表里没有与其订单号、金额、币种一致的 `payment#<provider>#<id>` 行。系统不为它交付\
             任何东西。",
        ),
        to_do: text(
            "Look the payment up at its provider. If it is there, `order repair N --payment` and `order clear N`: \
             delivery goes on. If it is not, a role or a person wrote the order: leave the flag open, find the writer \
             (CloudTrail's data events of the table, the function's log) and replace the credentials and secrets of \
             that role.",
            "到支付渠道核实这笔付款。确有其事：`order repair N --payment`，再 `order clear N`，交付随即继续。若没有：\
             有某个角色或人改写了该订单；保留标记，查明是谁（该表的 CloudTrail 数据事件、函数日志），并更换该角色持有\
             的密钥。",
        ),
    }
}
