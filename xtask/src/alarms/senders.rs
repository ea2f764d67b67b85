//! Alarms of webhook sources: invalid signatures, and failures on our side.

use ledger::Source;

use crate::alarm::{
    Alarm, Condition, Metric, OURS, Text, above, at_least, at_least_parameter, expression, outcomes, raised, text,
};

/// Outcomes of requests that anyone can send. A flood of them must not hide the failure of genuine events.
const ANYONES: [&str; 4] = ["unverified", "forbidden", "too_large", "not_found"];
/// The same for Fireblocks, whose webhooks name their signing key: anyone can make up a key id.
const ANYONES_WITH_KEY_NAMES: [&str; 5] = ["unverified", "forbidden", "too_large", "not_found", "unverifiable"];
/// Outcomes of events that fail on our side.
const FAILED: [&str; 2] = ["unavailable", "panicked"];

struct Sender {
    source: Source,
    /// Its name in the documentation.
    name: (&'static str, &'static str),
    signatures: Signatures,
    failures: Text,
}

struct Signatures {
    /// The other cause besides forged events: a key or setting that differs from the sender's.
    cause: (&'static str, &'static str),
    to_do: Text,
}

pub(super) fn alarms() -> Vec<Alarm> {
    let senders = Source::ALL.map(sender);
    let mut alarms: Vec<Alarm> = senders.iter().map(signatures).collect();
    alarms.push(fireblocks_keys());
    alarms.extend(senders.into_iter().map(failures));
    alarms
}

fn gateway() -> Sender {
    Sender {
        source: Source::Usage,
        name: ("the LLM gateway", "LLM 网关"),
        signatures: Signatures {
            cause: ("the shared secret was changed on one side only", "共享密钥只改了一侧"),
            to_do: text(
                "If genuine events fail too, compare the secrets. If not, see [who sends](#who-sends) them, and \
                 set `AllowedIps`.",
                "若真实事件也失败，比较密钥；否则查看[谁在发送](#谁在发送)，并设置 `AllowedIps`。",
            ),
        },
        failures: text(
            "Search the log for `not committed` and `panicked`. The sender retries.",
            "在日志中查找 `not committed` 和 `panicked`。发送方会重试。",
        ),
    }
}

fn litellm() -> Sender {
    Sender {
        source: Source::Litellm,
        name: ("LiteLLM", "LiteLLM"),
        signatures: Signatures {
            cause: (
                "the key in LiteLLM's `headers` is not one of `LITELLM_KEY`, and LiteLLM drops what it sends",
                "LiteLLM 的 `headers` 中的密钥不在 `LITELLM_KEY` 之列，而 LiteLLM 会丢弃它发送的内容",
            ),
            to_do: text(
                "Compare the key with `hookledger/<stage>/litellm`: [litellm.md](providers/litellm.md). If it is right, \
                 set `LitellmAllowedIps`.",
                "将密钥与 `hookledger/<stage>/litellm` 比较：[litellm.zh.md](providers/litellm.zh.md)；\
                 正确则设置 `LitellmAllowedIps`。",
            ),
        },
        failures: text(
            "As for `usage-failures`. LiteLLM retries `max_retries` times, and then drops the events.",
            "同 `usage-failures`；LiteLLM 重试 `max_retries` 次，之后丢弃这些事件。",
        ),
    }
}

fn openrouter() -> Sender {
    Sender {
        source: Source::Openrouter,
        name: ("OpenRouter", "OpenRouter"),
        signatures: Signatures {
            cause: (
                "the header of the destination in OpenRouter is not one of `OPENROUTER_KEY`, and its usage is lost",
                "OpenRouter 中该目的地的请求头不在 `OPENROUTER_KEY` 之列，用量会丢失",
            ),
            to_do: text(
                "Compare it with `hookledger/<stage>/openrouter`: [openrouter.md](providers/openrouter.md). If it is \
                 right, set `OpenrouterAllowedIps`.",
                "将其与 `hookledger/<stage>/openrouter` 比较：[openrouter.zh.md](providers/openrouter.zh.md)；\
                 正确则设置 `OpenrouterAllowedIps`。",
            ),
        },
        failures: text(
            "As for `usage-failures`. OpenRouter promises no retry: compare its activity with `account show`.",
            "同 `usage-failures`；OpenRouter 不保证重试：请将其活动记录与 `account show` 比较。",
        ),
    }
}

fn sender(source: Source) -> Sender {
    match source {
        Source::Usage => gateway(),
        Source::Litellm => litellm(),
        Source::Openrouter => openrouter(),
        Source::Stripe => Sender {
            source,
            name: ("Stripe", "Stripe"),
            signatures: Signatures {
                cause: (
                    "the endpoint's signing secret is not the one in `hookledger/<stage>/stripe`",
                    "端点的签名密钥与 `hookledger/<stage>/stripe` 中的不同",
                ),
                to_do: text(
                    "Compare the endpoint's signing secret with `hookledger/<stage>/stripe`. If it is the same, set \
                     `StripeAllowedIps`.",
                    "将端点的签名密钥与 `hookledger/<stage>/stripe` 比较；一致则设置 `StripeAllowedIps`。",
                ),
            },
            failures: text(
                "As for `usage-failures`. Stripe retries for three days, and `reconcile` backfills undelivered events.",
                "同 `usage-failures`；Stripe 会重试三天，`reconcile` 会取回未送达的事件。",
            ),
        },
        Source::Wechat => Sender {
            source,
            name: ("WeChat Pay", "微信支付"),
            signatures: Signatures {
                cause: (
                    "a platform key was renewed, or a secret of APIv2 or of the forwarder was changed on one side only",
                    "平台证书已更换，或 APIv2 密钥、转发服务的密钥只改了一侧",
                ),
                to_do: text(
                    "Compare the platform keys and the secrets: [wechat.md](providers/wechat.md). If they are right, \
                     set `WechatAllowedIps`.",
                    "核对平台证书和各密钥：[wechat.zh.md](providers/wechat.zh.md)；都正确则设置 `WechatAllowedIps`。",
                ),
            },
            failures: text(
                "As for `usage-failures`. `reconcile` queries WeChat Pay for orders without a notification.",
                "同 `usage-failures`；`reconcile` 会向微信查询没有收到通知的订单。",
            ),
        },
        Source::Epay => Sender {
            source,
            name: ("the epay gateway", "易支付网关"),
            signatures: Signatures {
                cause: ("a merchant's key differs from the gateway's", "商户密钥与网关的不同"),
                to_do: text(
                    "Compare the merchants' keys: [epay.md](providers/epay.md). If they are right, set \
                     `EpayAllowedIps`.",
                    "比较商户密钥：[epay.zh.md](providers/epay.zh.md)；都正确则设置 `EpayAllowedIps`。",
                ),
            },
            failures: text(
                "As for `usage-failures`. `reconcile` queries the gateway for orders without a notification.",
                "同 `usage-failures`；`reconcile` 会向网关查询没有收到通知的订单。",
            ),
        },
        Source::Fireblocks => Sender {
            source,
            name: ("Fireblocks", "Fireblocks"),
            signatures: Signatures {
                cause: (
                    "`FireblocksJwksUrl` or `FireblocksV1` is that of another installation",
                    "`FireblocksJwksUrl` 或 `FireblocksV1` 属于另一环境",
                ),
                to_do: text(
                    "Compare `FireblocksJwksUrl` and `FireblocksV1` with your installation: \
                     [fireblocks.md](providers/fireblocks.md). If they are right, set `FireblocksAllowedIps`.",
                    "确认 `FireblocksJwksUrl` 和 `FireblocksV1` 属于您所用的环境：\
                     [fireblocks.zh.md](providers/fireblocks.zh.md)；都正确则设置 `FireblocksAllowedIps`。",
                ),
            },
            failures: text(
                "As for `usage-failures`; also when its published keys cannot be fetched. `reconcile` queries \
                 Fireblocks for transfers meanwhile.",
                "同 `usage-failures`；也可能是取不到其公钥。其间 `reconcile` 会查询转账。",
            ),
        },
    }
}

fn signatures(sender: &Sender) -> Alarm {
    let Sender { source, name, signatures, .. } = sender;
    let (comment, when) = unverified(*source);
    Alarm {
        name: format!("{}-signatures", source.as_str()),
        comment,
        when,
        means: text(
            format!(
                "Many webhooks in the name of {} have no valid signature: they are forged, or {}.",
                name.0, signatures.cause.0
            ),
            format!("大量以{}名义发来的 webhook 签名无效：它们是伪造的，或{}。", spaced(name.1), signatures.cause.1),
        ),
        to_do: signatures.to_do.clone(),
    }
}

fn unverified(source: Source) -> (&'static str, Condition) {
    let parameter = "SignatureFailures";
    if source != Source::Fireblocks {
        return ("", at_least_parameter(parameter, outcomes(source.as_str(), "unverified")));
    }
    let of = ["unverified", "unverifiable"].map(|outcome| (outcome, outcomes(source.as_str(), outcome)));
    let formula = "FILL(unverified, 0) + FILL(unverifiable, 0)";
    let value = expression("webhooks without a valid signature of Fireblocks", formula, of);
    let comment =
        "Its keys have ids: for a minute after a fetch, a webhook with an unknown key id counts as unverifiable.";
    (comment, at_least_parameter(parameter, value))
}

fn fireblocks_keys() -> Alarm {
    Alarm {
        name: "fireblocks-keys".to_owned(),
        comment: "",
        when: at_least(1, raised("fireblocks", "no_recent_keys")),
        means: text(
            "The keys that Fireblocks publishes could not be fetched for a day, so no webhook of the second version \
             can be verified. Each is answered 503.",
            "一天没有取到 Fireblocks 公布的密钥，因此无法验证第二版 webhook，每个都应答 503。",
        ),
        to_do: text(
            "The log of `fireblocks` has the cause: `FireblocksJwksUrl` is wrong, or its host is down. Fireblocks \
             retries webhooks that were answered 503, and `reconcile` queries it for transfers meanwhile.",
            "`fireblocks` 的日志说明为什么取不到：`FireblocksJwksUrl` 有误，或对方主机不可用。Fireblocks 会重发应答 \
             503 的 webhook；其间 `reconcile` 会查询转账。",
        ),
    }
}

fn failures(sender: Sender) -> Alarm {
    let Sender { source, name, failures, .. } = sender;
    let anyones = anyones(source);
    let filled = |outcomes: &[&str]| outcomes.iter().map(|outcome| format!("FILL({outcome}, 0)")).collect::<Vec<_>>();
    let formula = format!("100 * ({}) / (events - {})", filled(&FAILED).join(" + "), filled(anyones).join(" - "));
    let of = FAILED.iter().chain(anyones).map(|outcome| (*outcome, outcomes(source.as_str(), outcome)));
    let all = ("events", Metric::of(OURS, "events").by("source", source.as_str()));
    Alarm {
        name: format!("{}-failures", source.as_str()),
        comment: "",
        when: above(
            10,
            expression(
                "failed events, per cent of those that only the sender can send",
                formula,
                [all].into_iter().chain(of),
            ),
        ),
        means: text(
            format!(
                "More than one in ten events of {} could not be booked, for reasons of our own. Events that anyone \
                 can send, such as forged ones, do not count.",
                name.0
            ),
            format!(
                "来自{}的事件中，因我方原因未能接收的超过十分之一；任何人都能发送的（如伪造事件）不计在内。",
                spaced(name.1)
            ),
        ),
        to_do: failures,
    }
}

fn anyones(source: Source) -> &'static [&'static str] {
    if source == Source::Fireblocks { &ANYONES_WITH_KEY_NAMES } else { &ANYONES }
}

/// Latin letters in Chinese text have spaces around them.
fn spaced(name: &str) -> String {
    let is_latin = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let space = |is_latin: bool| if is_latin { " " } else { "" };
    format!("{}{name}{}", space(is_latin(name.chars().next())), space(is_latin(name.chars().last())))
}
