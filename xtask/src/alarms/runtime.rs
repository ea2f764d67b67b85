//! Alarms of the runtime: API, schedules, functions, tables and queues.

use ledger::{Source, Sweep};

use super::{APIS, TABLES, WORKERS, answering, functions};
use crate::alarm::{Alarm, MINUTE, Metric, OURS, Text, above, at_least, below, expression, outcomes, sum, text};

/// The written indexes, by table and name.
const INDEXES: [(&str, &str); 10] = [
    ("journal", "by_account"),
    ("journal", "by_day"),
    ("journal", "attention"),
    ("orders", "work"),
    ("orders", "anomalies"),
    ("orders", "by_owner"),
    ("accounts", "keys"),
    ("accounts", "expiring"),
    ("accounts", "campaigns"),
    ("holds", "open_holds"),
];
/// The indexes that functions read. Only people read the others.
const READ_INDEXES: [(&str, &str); 10] = [
    ("journal", "by_account"),
    ("journal", "by_day"),
    ("journal", "attention"),
    ("orders", "work"),
    ("orders", "anomalies"),
    ("orders", "by_owner"),
    ("accounts", "keys"),
    ("accounts", "expiring"),
    ("accounts", "campaigns"),
    ("holds", "open_holds"),
];
/// The functions with a dead-letter queue.
const QUEUES: [&str; 2] = ["fulfil", "reconcile"];
/// DynamoDB emits this metric only for throttled calls, and an alarm keeps its state without data:
/// without FILL it would never end.
const FILLED: &str = "SUM(FILL(METRICS(), 0))";

pub(super) fn alarms() -> Vec<Alarm> {
    vec![
        slow(),
        api_failures(),
        turned_away(),
        paused(),
        clock(),
        errors(),
        errors_of_apis(),
        errors_of_workers(),
        throttled(),
        throttled_apis(),
        throttled_workers(),
        throttled_table_writes(),
        throttled_table_reads(),
        throttled_index_writes(),
        throttled_index_reads(),
        dead_letters(),
    ]
}

fn api(metric: &'static str) -> Metric {
    Metric::of("AWS/ApiGateway", metric).by("ApiId", "{{resolve:ssm:/hookledger/${Stage}/api-id}}")
}

/// An alarm has at most ten metrics, so each of these has its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Functions {
    Sources,
    Apis,
    Workers,
}

impl Functions {
    fn of(name: &str) -> Self {
        if WORKERS.contains(&name) {
            Self::Workers
        } else if APIS.contains(&name) {
            Self::Apis
        } else {
            Self::Sources
        }
    }

    fn metrics(self, metric: &'static str) -> impl Iterator<Item = (&'static str, Metric)> {
        functions().filter(move |name| Self::of(name) == self).map(move |name| (name, of_function(metric, name)))
    }
}

fn of_function(metric: &'static str, name: &str) -> Metric {
    Metric::of("AWS/Lambda", metric).by("FunctionName", format!("{OURS}-{name}"))
}

fn table(metric: &'static str, table: &str) -> Metric {
    Metric::of("AWS/DynamoDB", metric).by("TableName", format!("{OURS}-{table}"))
}

fn slow() -> Alarm {
    Alarm {
        name: "slow".to_owned(),
        comment: "Not the latency of API Gateway, which has the answers of chat in it: they take as long as a model.",
        when: above(
            5_000,
            expression(
                "the slowest function",
                "MAX(METRICS())",
                answering()
                    .filter(|name| !["chat", "console"].contains(name))
                    .map(|name| (name, of_function("Duration", name).p99())),
            ),
        )
        .for_periods(3),
        means: text(
            "One answer in a hundred of a function, chat and the console apart, takes more than five seconds, for a quarter of an hour.",
            "除聊天和控制台外，某个函数一刻钟内有百分之一的应答超过五秒。",
        ),
        to_do: text(
            "The metric `duration_ms` by source shows where. Usually it is a query to a provider, or a cold start \
             that waits for a secret.",
            "按来源的 `duration_ms` 可看出在哪里。多半是被查询的支付方，或冷启动在等密钥。",
        ),
    }
}

fn api_failures() -> Alarm {
    let turned_away_by_pauses = Source::ALL.map(|source| format!("FILL({}, 0)", source.as_str()));
    Alarm {
        name: "api-failures".to_owned(),
        comment: "Anyone can name a key that Fireblocks has not published, and is answered 503, as are the senders of a paused \
                  source: such answers are subtracted.",
        when: at_least(
            5,
            expression(
                "answers of 500 or more, without those to an unknown key or of a paused source",
                format!("FILL(failed, 0) - FILL(unverifiable, 0) - {}", turned_away_by_pauses.join(" - ")),
                [("failed", api("5xx")), ("unverifiable", outcomes("fireblocks", "unverifiable"))]
                    .into_iter()
                    .chain(Source::ALL.map(|source| (source.as_str(), outcomes(source.as_str(), "paused")))),
            ),
        ),
        means: text(
            "The API answered 500 or more, five times in five minutes. A function could not be called, or answered \
             503: it cannot reach the store, its secret or a provider. Webhooks that name an unknown key of \
             Fireblocks, and those to a paused source, do not count.",
            "五分钟内 API 五次应答 500 或以上：函数无法被调用，或应答 503，因为访问不到存储、密钥或支付方。指名未知 \
             Fireblocks 公钥的 webhook 和发给已暂停来源的 webhook 不计在内。",
        ),
        to_do: text(
            "The log of the API ([who sends](#who-sends)) names the routes; then look at `errors`, `throttled` and \
             the log of the function. Senders of webhooks retry; buyers may not.",
            "API 的日志（[谁在发送](#谁在发送)）指出是哪些路由；再看 `errors`、`throttled` 和该函数的日志。webhook 的\
             发送方会重试，买家未必。",
        ),
    }
}

fn turned_away() -> Alarm {
    Alarm {
        name: "turned-away".to_owned(),
        comment: "Counted by the filter in app.yaml on the log of API Gateway: no function sees these requests.",
        when: at_least(10, Metric::of(OURS, "turned_away").over(15 * MINUTE)),
        means: text(
            "Ten requests in a quarter of an hour were answered 429. They exceed a rate limit under `RouteSettings` \
             in `infra/app.yaml`, or that of the account.",
            "一刻钟内有十个请求得到 429：超过了 `infra/app.yaml` 中 `RouteSettings` 的限流，或账户的限流。",
        ),
        to_do: text(
            "The log of the API has the route and the sender ([who sends](#who-sends)). Genuine requests: raise the \
             limit; webhooks are retried. A flood: shut its sender out.",
            "在 API 的日志中查看是哪个路由、谁发的（[谁在发送](#谁在发送)）。真实请求：调高限流；webhook 会重试。洪水\
             ：把发送者拒之门外。",
        ),
    }
}

fn paused() -> Alarm {
    Alarm {
        name: "paused".to_owned(),
        comment: "The sweep that runs each minute logs all that is paused.",
        when: at_least(1, Metric::of(OURS, "pauses").maximum()),
        means: text(
            "A person has paused a source, fulfilment or a sweep. Senders of a paused source are answered 503 and keep \
             their events, paid orders wait, and a paused sweep does nothing. The alarm lasts as long as the pause.",
            "有人暂停了某个来源、交付或某个定时任务。已暂停来源的发送方得到 503 并保留事件，已付款的订单等待，已暂停的\
             定时任务什么都不做。告警持续到恢复为止。",
        ),
        to_do: text(
            "`cargo run -- pause --list --aws --stage prod` says what, since when, by whom and why. Once the cause is \
             gone, `resume` it ([how](#stop-at-once)). Stripe retries for three days, and others for a day.",
            "`cargo run -- pause --list --aws --stage prod` 列出暂停了什么、从何时起、由谁、为何。原因消除后执行 \
             `resume`（[做法](#立即停止)）。Stripe 重试三天，其他的一天。",
        ),
    }
}

fn clock() -> Alarm {
    let sweeps = Sweep::ALL.map(Sweep::as_str);
    let runs = sweeps.map(|sweep| (sweep, Metric::of(OURS, "runs").by("sweep", sweep).over(15 * MINUTE)));
    let filled = sweeps.map(|sweep| format!("FILL({sweep}, 0)"));
    Alarm {
        name: "clock".to_owned(),
        comment: "Without runs of a sweep, the other alarms about its backlog stay silent. So missing data is breaching here.",
        when: below(
            1,
            expression("finished runs of the sweep with the fewest", format!("MIN([{}])", filled.join(", ")), runs),
        )
        .or_without_data(),
        means: text(
            "A sweep has not finished a run for a quarter of an hour. Until it does, refused events are not retried, \
             unpaid orders not queried or the books not compared, and no other alarm reports it.",
            "七个定时任务中有一个一刻钟没有跑完：被拒绝的不再重试，未付款的不再查询，账本不再核对；别的告警也不会报告\
             。",
        ),
        to_do: text(
            "Find the sweep by the metric `runs` of `hookledger-<stage>`. The log of `reconcile` has the cause; the \
             queue `hookledger-<stage>-reconcile-failures` has runs that could not start; the schedules are in \
             EventBridge Scheduler. The next run catches up.",
            "在 `hookledger-<stage>` → `runs` 中查看是哪一个。`reconcile` 的日志说明为何失败；队列 \
             `hookledger-<stage>-reconcile-failures` 中是未能开始的运行；定时规则在 EventBridge Scheduler 中。错过的\
             会补上。",
        ),
    }
}

fn errors() -> Alarm {
    Alarm {
        name: "errors".to_owned(),
        comment: "",
        when: at_least(1, sum("failed invocations", Functions::Sources.metrics("Errors"))),
        means: text(
            "A function failed as a whole: it did not start, ran out of time or memory, or a run failed. A source \
             without a merchant does not count: its routes answer 404 (`not_set_up`).",
            "函数整体失败：未能启动、超时、内存不足，或一次定时运行失败。未配置商户的来源不算：其路由应答 404（\
             `not_set_up`）。",
        ),
        to_do: text(
            "The log line `the function does not run` or `the run failed` has the cause. After a first deployment a \
             secret is still empty.",
            "日志行 `the function does not run` 或 `the run failed` 说明原因。首次部署之后：密钥还是空的。",
        ),
    }
}

fn errors_of_apis() -> Alarm {
    let failed = sum("failed invocations", Functions::Apis.metrics("Errors"));
    Alarm { name: "errors-apis".to_owned(), when: at_least(1, failed), ..errors() }
}

fn errors_of_workers() -> Alarm {
    let failed = sum("failed invocations", Functions::Workers.metrics("Errors"));
    Alarm { name: "errors-workers".to_owned(), when: at_least(1, failed), ..errors() }
}

fn throttled_apis() -> Alarm {
    let throttled_invocations = sum("throttled invocations", Functions::Apis.metrics("Throttles"));
    Alarm { name: "throttled-apis".to_owned(), when: at_least(1, throttled_invocations), ..throttled() }
}

fn throttled_workers() -> Alarm {
    let throttled_invocations = sum("throttled invocations", Functions::Workers.metrics("Throttles"));
    Alarm { name: "throttled-workers".to_owned(), when: at_least(1, throttled_invocations), ..throttled() }
}

fn throttled() -> Alarm {
    Alarm {
        name: "throttled".to_owned(),
        comment: "",
        when: at_least(1, sum("throttled invocations", Functions::Sources.metrics("Throttles"))),
        means: text(
            "Lambda throttled invocations: the account has no more concurrent executions, or the function no more of \
             those reserved for it.",
            "Lambda 拒绝了调用：账户或该函数预留的并发已用完。",
        ),
        to_do: text(
            "A new account has ten concurrent executions in all: request more. Otherwise raise `…ReservedConcurrency`.",
            "新账户总共只有十个并发：申请提高。否则调高 `…ReservedConcurrency`。",
        ),
    }
}

fn throttled_table_writes() -> Alarm {
    throttled_table(
        "throttled-table-writes",
        "WriteThrottleEvents",
        text(
            "DynamoDB throttled writes of a table: one row is written too often, or the table grows faster than it may. \
             The calls are retried, and are slower.",
            "DynamoDB 限制了表的写入：某一行写得太频繁，或表增长过快。调用会自动重试，只是更慢。",
        ),
    )
}

fn throttled_table_reads() -> Alarm {
    throttled_table(
        "throttled-table-reads",
        "ReadThrottleEvents",
        text(
            "DynamoDB throttled reads of a table: one row is read too often. The calls are retried, and are slower.",
            "DynamoDB 限制了表的读取：某一行读得太频繁。调用会自动重试，只是更慢。",
        ),
    )
}

/// Reads and writes have an alarm each, since an alarm has at most ten metrics.
fn throttled_table(name: &str, metric: &'static str, means: Text) -> Alarm {
    let of = |name: &'static str| (name.to_owned(), table(metric, name));
    Alarm {
        name: name.to_owned(),
        comment: "FILL: DynamoDB measures a throttled call only when it happens, and without data the alarm would never end.",
        when: at_least(1, expression("throttled calls", FILLED, TABLES.map(of))),
        means,
        to_do: text(
            "If it lasts, the usual cause is one account that everything is booked on.",
            "若持续：通常是所有事件都记在同一个账户上。",
        ),
    }
}

fn throttled_index_writes() -> Alarm {
    let written = INDEXES.map(|(name, index)| {
        (format!("{index}_write"), table("WriteThrottleEvents", name).by("GlobalSecondaryIndexName", index))
    });
    Alarm {
        name: "throttled-index-writes".to_owned(),
        comment: "A table's own metrics do not count its indexes, which have few keys: everything that waits for one thing is under one.",
        when: at_least(1, expression("throttled writes", FILLED, written)),
        means: text(
            "DynamoDB throttled writes of an index. All rows that wait for one thing are under one key, which takes a \
             thousand writes a second, and a full index holds its table up. The calls are retried.",
            "DynamoDB 限制了索引的写入：等待同一件事的全部在一个键之下，每秒最多写一千次；索引写满会拖住它的表。调用会\
             自动重试。",
        ),
        to_do: text(
            "`by_account`: everything is booked on one account. `attention` and `work`: a great many events were \
             refused, or orders wait to be paid. `by_day`: a great many events were refused, or orders made. Find the \
             cause, and the alarm ends with it.",
            "`by_account`：所有事件都记在同一个账户上。`attention` 和 `work`：有大量事件被拒绝或订单等待付款。`by_day`：有大量\
             事件被拒绝或大量订单。查明原因，随之结束。",
        ),
    }
}

fn throttled_index_reads() -> Alarm {
    let read = READ_INDEXES.map(|(name, index)| {
        (format!("{index}_read"), table("ReadThrottleEvents", name).by("GlobalSecondaryIndexName", index))
    });
    Alarm {
        name: "throttled-index-reads".to_owned(),
        comment: "",
        when: at_least(1, expression("throttled reads", FILLED, read)),
        means: text(
            "DynamoDB throttled reads of an index: a sweep or an audit reads one key more than three thousand times a \
             second. The calls are retried.",
            "DynamoDB 限制了索引的读取：定时任务或核对读同一个键每秒超过三千次。调用会自动重试。",
        ),
        to_do: text(
            "As for `throttled-index-writes`; the sweep goes on in its next run.",
            "同 `throttled-index-writes`；定时任务在下一次运行中继续。",
        ),
    }
}

fn dead_letters() -> Alarm {
    let visible = |function: &'static str| {
        let queue = Metric::of("AWS/SQS", "ApproximateNumberOfMessagesVisible");
        (function, queue.by("QueueName", format!("{OURS}-{function}-failures")).maximum())
    };
    Alarm {
        name: "dead-letters".to_owned(),
        comment: "",
        when: at_least(1, sum("dead letters", QUEUES.map(visible))),
        means: text(
            "A record of a stream or a run of a sweep was given up. It is in the dead-letter queue \
             `hookledger-<stage>-fulfil-failures` or `-reconcile-failures`.",
            "流中的一条记录或一次定时运行被放弃，在死信队列 `hookledger-<stage>-fulfil-failures` 或 \
             `-reconcile-failures` 中。",
        ),
        to_do: text(
            "Read the message. That of a run names its sweep, and the next run has usually made up for it. That of \
             a stream has only a shard and sequence numbers: the log of `fulfil` names the order, and `reconcile` \
             retries it while it is due. For a stream of `reconcile` run `audit --full`, which compares every row. Then delete the message, which ends the alarm.",
            "读消息。定时运行的消息中有任务名，下一次运行多半已补上。流的消息只有分片和序列号：`fulfil` 的日志写明\
             是哪个订单，`reconcile` 会继续重试；若是 `reconcile` 的流，执行 `audit --full`，它核对每一行。然后\
             删除消息，告警随之结束。",
        ),
    }
}
