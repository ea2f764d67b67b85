//! Alarms of the books: refused events, drift, and idempotency conflicts.

use ledger::Source;

use crate::alarm::{Alarm, HOUR, MINUTE, Metric, OURS, at_least, backlog, outcomes, raised, sum, text};

/// The sources of uses of models.
const GATEWAYS: [&str; 3] = [Source::Usage.as_str(), Source::Litellm.as_str(), Source::Openrouter.as_str()];

pub(super) fn alarms() -> Vec<Alarm> {
    vec![
        refused_due(),
        still_refused(),
        replay_unverified(),
        drift(),
        unsettled(),
        unlisted(),
        budget_unreadable(),
        price_differs(),
        no_price(),
        gateway_log_late(),
        litellm_lost(),
        holds_late(),
        conflict(),
        reconcile_calls(),
    ]
}

fn refused_due() -> Alarm {
    Alarm {
        name: "refused-due".to_owned(),
        comment: "",
        when: at_least(1, backlog("waiting", "refused")).for_periods(3),
        means: text(
            "For a quarter of an hour, refused events have been due for a retry and could not be retried. `reconcile` \
             does not keep up, or the store does not answer.",
            "被拒绝的事件已到期，却有一刻钟无法重试：`reconcile` 跟不上，或存储没有应答。",
        ),
        to_do: text(
            "Look at `errors`, `throttled-table-writes` and the log of `reconcile`; the metric `waiting` counts the events. It \
             catches up by itself once the store answers.",
            "查看 `errors`、`throttled-table-writes` 和 `reconcile` 的日志；指标 `waiting` 为其数量。存储恢复后会自行赶上。",
        ),
    }
}

fn gateway_log_late() -> Alarm {
    Alarm {
        name: "gateway-log-late".to_owned(),
        comment: "",
        when: at_least(1_800, backlog("oldest_s", "gateway_log")).for_periods(3),
        means: text(
            "The log of the LLM gateway is read up to half an hour ago or longer: uses that its webhook has not reported \
             are not charged meanwhile. The gateway does not answer, or lists more than the runs read.",
            "LLM 网关的日志只读到半小时前或更早：其 webhook 未上报的用量在此期间没有扣费。网关没有应答，或列出的行多于\
             各次运行所能读取的。",
        ),
        to_do: text(
            "The log of `reconcile` has the reason: `not_answered` with `new-api`, or the same rows listed again. Nothing \
             is lost: the next run goes on where the last one stopped.",
            "`reconcile` 的日志写明原因：`new-api` 的 `not_answered`，或重复列出相同的行。不会丢失：下一次运行从上次停下\
             的地方继续。",
        ),
    }
}

fn holds_late() -> Alarm {
    Alarm {
        name: "holds-late".to_owned(),
        comment: "",
        when: at_least(600, backlog("oldest_s", "holds")).for_periods(3),
        means: text(
            "For a quarter of an hour, holds have been open ten minutes beyond their time: their credits cannot be \
             spent. The sweep `holds` does not keep up, or cannot close them.",
            "预留超过到期时间十分钟仍未关闭，已持续一刻钟：其额度无法使用。扫描 `holds` 跟不上，或无法关闭它们。",
        ),
        to_do: text(
            "The log of `reconcile` names each hold that cannot be closed, with the reason; if the account holds less \
             than its open holds, `account repair OWNER/credits --holds`. Otherwise `waiting` counts them, and falls \
             by itself.",
            "`reconcile` 的日志写明每个无法关闭的预留及原因；账户的预留总额少于其打开的预留时，执行 \
             `account repair OWNER/credits --holds`。否则 `waiting` 为其数量，会自行下降。",
        ),
    }
}

fn still_refused() -> Alarm {
    let of = [("refused", "still_refused"), ("lost", "cannot_be_tried_again")];
    Alarm {
        name: "still-refused".to_owned(),
        comment: "The log repeats each event once a day, so the alarm lasts for a day after the last line.",
        when: at_least(
            1,
            sum("events that no retry books", of.map(|(id, alarm)| (id, raised("reconcile", alarm).over(HOUR)))),
        )
        .in_any_of(24),
        means: text(
            "An event has been refused for more than a day, or its body has expired and it cannot be retried. For \
             usage events the log names the owner, the key or the model (`owner#alice`, `key#remote#42`, `model#gpt-5`), \
             once a day.",
            "某个事件被拒绝超过一天，或其原文已过期、无法重试。用量事件按用户、密钥或模型指出（`owner#alice`、\
             `key#remote#42`、`model#gpt-5`），每天一次。",
        ),
        to_do: text(
            "Find it by `still_refused` in the log; its reason says what is missing: an order, credits, a price, a \
             release that can read it. Supply that, and the event is booked by itself. `account show` lists what an owner \
             owes this way.",
            "按 `still_refused` 查找；原因说明缺什么：订单、额度、或能读懂它的版本。补上之后会自动入账。\
             `account show` 显示该用户欠多少。",
        ),
    }
}

fn replay_unverified() -> Alarm {
    Alarm {
        name: "replay-unverified".to_owned(),
        comment: "",
        when: at_least(1, raised("reconcile", "replay_unverified")),
        means: text(
            "A refused event does not verify again, or is kept under another event's name. Another writer changed the \
             row, or a retired key is missing. The event is closed and nothing is booked for it.",
            "一个被拒事件重新验签失败，或挂在另一个事件的名下：该行被别的写入者改动，或缺少已退役的密钥。它被关闭，不\
             入账。",
        ),
        to_do: text(
            "Find it by `replay_unverified` in the log; the line before it has the reason. See \
             [below](#a-kept-delivery-that-does-not-verify).",
            "按 `replay_unverified` 查找；前一行日志有原因。见[下文](#原文验签失败)。",
        ),
    }
}

fn drift() -> Alarm {
    Alarm {
        name: "drift".to_owned(),
        comment: "Raised about every hour while it lasts, so the period is two hours.",
        when: at_least(1, raised("reconcile", "drift").over(2 * HOUR)),
        means: text(
            "An account and its lines, or an order and its postings, differ by the same amount in three checks; or \
             accounts are missing that an earlier pass counted (`accounts`). The account stays usable meanwhile.",
            "账户与其明细、或订单与其过账，连续三次核对相差同样的数；或有账户不见了，而先前的核对曾数到它们（\
             `accounts`）。其间账户可以照常使用。",
        ),
        to_do: text(
            "The log line and `cargo run -- audit --aws --stage prod` name both sides, which of them is likely wrong, \
             and the command that repairs it: [repairing the books](#repairing-the-books). Until the repair, \
             refused usage of that owner is held back (`held_back` in the log). The repair ends the finding at once: \
             usage that waits is booked within ten minutes, and the alarm ends within two hours. Do not use \
             `account credit` for it: that moves both sides.",
            "日志和 `cargo run -- audit --aws --stage prod` 列出两边的数、哪一边多半有误、以及修复的命令：\
             [修复账目](#修复账目)。修复之前，该所有者被拒绝的用量暂缓重试（日志中为 `held_back`）。\
             修复命令会立即结束该发现：等待中的用量在十分钟内入账，告警在两小时内结束。不要为此使用 `account credit`：它同时改动两边。",
        ),
    }
}

fn unsettled() -> Alarm {
    Alarm {
        name: "unsettled".to_owned(),
        comment: "Raised every hour until a check settles.",
        when: at_least(1, raised("reconcile", "unsettled").over(2 * HOUR)),
        means: text(
            "For a day no check could compare an account: it was written during each check, or differed by another \
             sum each time. The log names it.",
            "一天之内，没有一次核对能比较某个账户：每次核对时它都在被写入，或每次相差的数都不同。日志写明是哪个账户。",
        ),
        to_do: text(
            "Run `cargo run -- audit --aws --stage prod` at a quiet hour. If the sum goes on changing, a writer \
             outside hookledger changes the rows: find it by CloudTrail, then repair.",
            "在空闲时运行 `cargo run -- audit --aws --stage prod`。若差额一直在变，说明有 hookledger 之外的程序在改动\
             这些行：用 CloudTrail 找到它，然后修复。",
        ),
    }
}

fn budget_unreadable() -> Alarm {
    Alarm {
        name: "budget-unreadable".to_owned(),
        comment: "",
        when: at_least(1, raised("budgets", "budget_unreadable")),
        means: text(
            "The limits of a key, or what it has spent, cannot be read. Its usage is booked, and its holds are closed, \
             without being counted; no hold is opened for it. The log names the key.",
            "某个密钥的限额或已用额无法读取。其用量照常入账、预留照常关闭，但不计入预算；不再为它打开预留。日志写明密钥。",
        ),
        to_do: text(
            "Set the limits again with `account budget OWNER KEY`, or write what it has spent again with \
             `account repair OWNER --budget KEY`: [repairing the books](#repairing-the-books).",
            "用 `account budget OWNER KEY` 重新设置限额，或用 `account repair OWNER --budget KEY` 重写已用额：\
             [修复账目](#修复账目)。",
        ),
    }
}

fn price_differs() -> Alarm {
    Alarm {
        name: "price-differs".to_owned(),
        comment: "",
        when: at_least(
            1,
            sum("prices that differ", GATEWAYS.map(|gateway| (gateway, raised(gateway, "price_differs")))),
        ),
        means: text(
            "A reported cost differs from the rate card's by more than `check` allows, or a hold and a usage event \
             report one use with two costs. The first that was booked stands. The log names the event.",
            "上报的费用与价目表相差超过 `check` 所允许的，或预留与用量事件为同一次使用报出两个费用。先入账的为准。日志写明事件。",
        ),
        to_do: text(
            "Compare the event with `catalog price`, and correct the gateway's prices or [the card](rate-card.md). \
             Give back what was too much with `reverse`.",
            "用 `catalog price` 核对该事件，改正网关的价格或[价目表](rate-card.zh.md)；多扣的用 `reverse` 退回。",
        ),
    }
}

fn no_price() -> Alarm {
    Alarm {
        name: "usage-no-price".to_owned(),
        comment: "",
        when: at_least(
            1,
            sum(
                "uses without a price",
                GATEWAYS.map(|gateway| (gateway, outcomes(gateway, "refused").by("reason", "no_price"))),
            ),
        ),
        means: text(
            "A usage event has no cost, and the rate card has no price for its model at its time. It is kept, and \
             nothing was deducted.",
            "某个用量事件没有费用，价目表中也没有其模型在使用时的价格。事件已保留，未扣费。",
        ),
        to_do: text(
            "Find it by `no_price` in the log of `usage`, `litellm` or `openrouter`. Add a row to [the card](rate-card.md) that was in force at \
             the time of the use, and deploy: it is booked within ten minutes.",
            "在 `usage`、`litellm` 或 `openrouter` 的日志中按 `no_price` 查找。在[价目表](rate-card.zh.md)中添加使用时已生效的一行并部署：十分钟内入账。",
        ),
    }
}

fn litellm_lost() -> Alarm {
    Alarm {
        name: "litellm-lost".to_owned(),
        comment: "",
        when: at_least(1, outcomes(Source::Litellm.as_str(), "ignored").by("reason", "event_lost")),
        means: text(
            "LiteLLM has sent `null` in the place of an event: it could not build the event, so that a use is not known, \
             and nothing was deducted for it.",
            "LiteLLM 发来 `null` 代替某个事件：它未能生成该事件，因此不知道这次使用，也未扣费。",
        ),
        to_do: text(
            "Look for the error at this time in LiteLLM's log. If the use is known there, charge it with \
             `account debit`.",
            "在 LiteLLM 的日志中查找当时的错误；若能得知这次使用，用 `account debit` 扣费。",
        ),
    }
}

fn unlisted() -> Alarm {
    Alarm {
        name: "unlisted".to_owned(),
        comment: "Raised about every day, or when another place differs.",
        when: at_least(1, raised("reconcile", "unlisted")),
        means: text(
            "The audit has found more than the hundred differences that it lists. Of the others it keeps the place, up \
             to two thousand, and compares it once there is room.",
            "核对发现的差异超过了它能列出的一百处。其余的只记下位置，最多两千处，有空位时再核对。",
        ),
        to_do: text(
            "Repair those of `drift`, or run `cargo run -- audit --full --aws --stage prod`, which lists all. From a \
             thousand places on, the batches of the streams wait, and after half a day are in `dead-letters`.",
            "先修复 `drift` 中的，或执行 `cargo run -- audit --full --aws --stage prod`，它列出全部。达到一千处后，流中的批次\
             等待；半天后进入 `dead-letters`。",
        ),
    }
}

fn conflict() -> Alarm {
    let sources = Source::ALL.map(Source::as_str).into_iter().chain(["reconcile"]);
    Alarm {
        name: "conflict".to_owned(),
        comment: "",
        when: at_least(1, sum("idempotency conflicts", sources.map(|source| (source, outcomes(source, "conflict"))))),
        means: text(
            "Idempotency conflict: an event id that is booked arrived again with a different payload. It is a bug of \
             the sender, or tampering. Both are in the journal, the second as `<key>#conflict#<fingerprint>`.",
            "幂等冲突：已入账的 id 带着不同内容再次出现，是发送方的缺陷或篡改。两者都在流水中，后者记为 \
             `<key>#conflict#<fingerprint>`。",
        ),
        to_do: text(
            "Compare them. A sender with a bug has to fix it; shut a sender that tampers out ([who \
             sends](#who-sends)).",
            "比较两者。发送方算错的由其修正；蓄意试探的应拒之门外（[谁在发送](#谁在发送)）。",
        ),
    }
}

fn reconcile_calls() -> Alarm {
    Alarm {
        name: "reconcile-calls".to_owned(),
        comment: "",
        when: at_least(1, Metric::of(OURS, "alarms").by("source", "reconcile").over(15 * MINUTE)),
        means: text(
            "A sweep of `reconcile` found something for a person: any of the findings above, \
             `refunded_and_not_booked`, or a payment of the wrong mode or sum. `provider_key_unusable`: orders wait for \
             a provider whose key is missing or refused. `usage_expires`: an owner's refused usage expires within ten \
             days. `passed_over`: a row cannot be handled. `gateway_log_off`: the LLM gateway writes no log of uses. \
             `gateway_log_unset`: its log cannot be booked without the setting that is named.",
            "定时任务的任何发现，包括上面各项；还有 `refunded_and_not_booked`、模式或金额不符的付款，以及 \
             `provider_key_unusable`：有订单在等某个支付方，而这里没有它可用的密钥，或密钥被它拒绝；`usage_expires`：某\
             用户被拒的用量十天内过期；`passed_over`：某一行无法处理；`gateway_log_off`：LLM 网关不写用量日志；以及\
             `gateway_log_unset`：缺少所写明的设置，其日志无法入账。",
        ),
        to_do: text(
            "The log line has the word and the order, or the provider: fill its secret, or replace the key. A new key \
             is noticed within two minutes, and what waits is retried within ten. For `passed_over` see \
             [below](#a-row-that-is-passed-over).",
            "日志行中有原因和订单，或支付方：填入密钥或更换。一两分钟内会被发现，等待的内容十分钟内重试。\
             `passed_over` 见[下文](#被跳过的行)。",
        ),
    }
}
