//! Alarms of chat: its success, its latency, its upstreams, and requests that could not be charged as they should.

use crate::alarm::{Alarm, Metric, OURS, at_least, at_least_parameter, below, expression, outcomes, raised, sum, text};

pub(super) fn alarms() -> Vec<Alarm> {
    vec![failures(), slow(), time_outs(), upstreams(), charges()]
}

fn failures() -> Alarm {
    let all = "FILL(answered, 0) + FILL(failed, 0) + FILL(fallback, 0) + FILL(limited, 0)";
    Alarm {
        name: "chat-failures".to_owned(),
        comment: "A rate of few requests says little: below twenty in five minutes it counts as whole.",
        when: below(
            95,
            expression(
                "answered requests of a hundred",
                format!("IF({all} >= 20, 100 * FILL(answered, 0) / ({all}), 100)"),
                [
                    ("answered", outcomes("chat", "answered")),
                    ("failed", outcomes("chat", "failed")),
                    ("fallback", outcomes("chat", "fallback")),
                    ("limited", outcomes("chat", "refused").by("reason", "upstream_rate_limited")),
                ],
            ),
        )
        .for_periods(2),
        means: text(
            "For ten minutes, more than five of a hundred chats that could be paid had no answer of a model, but an error, a \
             rate limit of the upstream or a fallback.",
            "十分钟内，付得起的聊天请求中超过百分之五没有得到模型的应答，而是错误、上游的限速或兜底。",
        ),
        to_do: text(
            "The graph of upstream failures has their class: [chat](chat.md#what-fails-and-how). If one upstream is down, add \
             another with `LlmUpstreams`. Nothing is charged for what no model has answered.",
            "上游失败图表给出失败类别：[聊天](chat.zh.md#什么会失败)。若某个上游宕机，用 `LlmUpstreams` 增加另一个。模型没有\
             应答的请求不收费。",
        ),
    }
}

fn slow() -> Alarm {
    let duration = Metric::of(OURS, "duration_ms").by("source", "chat").p99();
    Alarm {
        name: "chat-slow".to_owned(),
        comment: "",
        when: at_least_parameter("ChatSlowMs", duration).for_periods(3),
        means: text(
            "One chat in a hundred has taken `ChatSlowMs` or more, for a quarter of an hour. 25 seconds are close to what \
             API Gateway allows.",
            "一刻钟内有百分之一的聊天用了 `ChatSlowMs` 或更久。25 秒接近 API Gateway 的上限。",
        ),
        to_do: text(
            "Lower `ChatMaxTokens`, have clients stream by the function URL, or choose a faster model.",
            "调低 `ChatMaxTokens`，让客户端改用函数 URL 流式接收，或换更快的模型。",
        ),
    }
}

fn time_outs() -> Alarm {
    let timed_out = outcomes("chat", "failed").by("reason", "upstream_timeout");
    Alarm {
        name: "chat-time-outs".to_owned(),
        comment: "",
        when: at_least(5, timed_out),
        means: text(
            "Five chats in five minutes had no answer, or no end of it, within `LlmTimeoutMs`.",
            "五分钟内有五次聊天在 `LlmTimeoutMs` 之内没有应答，或没有结束。",
        ),
        to_do: text(
            "An upstream hangs, or answers are longer than the time allows. What was generated of them is charged.",
            "上游卡住，或回答长于时限所能容纳。已生成的部分照常收费。",
        ),
    }
}

fn upstreams() -> Alarm {
    let words = ["key_unusable", "breaker_open"];
    Alarm {
        name: "chat-upstreams".to_owned(),
        comment: "",
        when: at_least(1, sum("upstreams that cannot be called", words.map(|word| (word, raised("chat", word))))),
        means: text(
            "An LLM upstream refuses our key or has no credit left (`key_unusable`), or has failed five times in a row and is \
             left alone for half a minute (`breaker_open`).",
            "某个 LLM 上游拒绝我们的密钥或余额用尽（`key_unusable`），或连续失败五次而被暂停半分钟（`breaker_open`）。",
        ),
        to_do: text(
            "The log names the upstream. Replace its key in `hookledger/<stage>/chat`, or top its account up. An open breaker \
             tries again by itself.",
            "日志写明是哪个上游。在 `hookledger/<stage>/chat` 中更换其密钥，或为其账户充值。断路器会自行再试。",
        ),
    }
}

fn charges() -> Alarm {
    let words = ["unsettled", "unreleased", "cost_above_hold"];
    Alarm {
        name: "chat-charges".to_owned(),
        comment: "",
        when: at_least(1, sum("charges that differ", words.map(|word| (word, raised("chat", word))))),
        means: text(
            "A chat is charged with an estimate when its hold expires, since the store did not answer (`unsettled`; \
             `unreleased` if nothing was generated), or an upstream reports more than the request could cost \
             (`cost_above_hold`), and what was held is charged.",
            "某次聊天在其预留到期时按估算收费，因为存储没有应答（`unsettled`；`unreleased` 表示没有生成任何内容），或上游上报\
             的用量超过该请求可能的费用（`cost_above_hold`），按预留额收费。",
        ),
        to_do: text(
            "The log names the hold: `hold show ID`. Give an unreleased one back with `reverse` once it is charged.",
            "日志写明该预留：`hold show ID`。未释放的一笔在收费后用 `reverse` 退回。",
        ),
    }
}
