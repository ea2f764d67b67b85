//! The part of the first page with numbers: money by day, graphs of a time, its sources, and what waits.

use insight::{AnomalyDays, Lang, Sentence, SourceStats, Waiting, sentence};
use maud::{Markup, html};

use crate::events::Since;
use crate::figures::{DayNumber, DayRow, Figures, whole_credits};
use crate::plot::{Layer, Plot};
use crate::words::{Tone, badge, say, time};

/// The rows of the table of a time: as many as are read at a glance.
const TABLE_ROWS: usize = 12;
/// Of flagged orders, as of all else that needs a person.
const DAYS_MAX: usize = 5;

/// Today's money and credits beside other days.
pub(crate) fn days(rows: &[DayRow], until: &str, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let until_then = |day: Sentence| format!("{}{}{until}", t(day), t(say(" until ", "，至 ")));
    let (yesterday, week) = (say("Yesterday", "昨天"), say("A week ago", "一周前"));
    let heads = [
        t(say("Today so far", "今天至今")).to_owned(),
        until_then(yesterday),
        t(yesterday).to_owned(),
        until_then(week),
        t(week).to_owned(),
    ];
    html! {
        section aria-labelledby="days" {
            h2 id="days" { (t(say("Money and credits", "收款与额度"))) " " small { "UTC" } }
            table.stack {
                thead { tr { td {} @for head in &heads { th.n scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        @let values = [row.today, row.yesterday.0, row.yesterday.1, row.a_week_ago.0, row.a_week_ago.1];
                        tr {
                            th scope="row" { (number_name(row.what, lang)) }
                            @for (value, head) in values.into_iter().zip(&heads) {
                                td.n data-label=(head) { (row.what.text(value)) }
                            }
                        }
                    }
                }
            }
            p.hint {
                (t(say(
                    "Paid is what came, at its full amount, with each period of a subscription and what a person books here or by a command; refunds are a line of their own, on the day that they were reported.",
                    "收款为到账全额，含订阅每期款项和人工（本页面或命令）入账的；退款单列，计入上报当天。",
                )))
            }
        }
    }
}

fn number_name(what: DayNumber, lang: Lang) -> String {
    let t = |sentence: Sentence| sentence.in_lang(lang).to_owned();
    match what {
        DayNumber::Paid(currency) => format!("{} {currency}", t(say("Paid", "收款"))),
        DayNumber::Refunded(currency) => format!("{} {currency}", t(say("Refunded", "退款"))),
        DayNumber::Orders => t(say("Orders paid", "已付订单")),
        DayNumber::CreditsIn => t(say("Credits granted", "发放额度")),
        DayNumber::CreditsOut => t(say("Credits spent", "消费额度")),
    }
}

/// In milliseconds, with one decimal below a hundred.
fn ms(micros: u64) -> String {
    let (whole, tenth) = (micros.div_euclid(1_000), micros.rem_euclid(1_000).div_euclid(100));
    if whole < 100 { format!("{whole}.{tenth} ms") } else { format!("{whole} ms") }
}

/// Of ten thousand.
fn percent(share: u64) -> String {
    format!("{}.{:02} %", share.div_euclid(100), share.rem_euclid(100))
}

fn sum(values: &[u64]) -> u64 {
    values.iter().fold(0, |sum, value| sum.saturating_add(*value))
}

/// The graphs of a time, which a link chooses.
pub(crate) fn graphs(figures: &Figures, since: Since, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="graphs" {
            h2 id="graphs" { (t(say("Of the last", "最近"))) " " (t(since.name())) }
            nav.times aria-label=(t(say("How far back", "时间范围"))) {
                @for other in Since::ALL {
                    a href={ "/console?since=" (other.word()) } aria-current=[(other == since).then_some("true")] { (t(other.name())) }
                }
            }
            div.plots { @for plot in plots(figures, since, lang) { (plot.markup()) } }
            (sources(&figures.sources, lang))
            details {
                summary { (t(say("The graphs in numbers", "图中的数字"))) }
                (numbers(figures, since, lang))
            }
        }
    }
}

fn plots(figures: &Figures, since: Since, lang: Lang) -> Vec<Plot<'static>> {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let all = sum(&figures.accepted).saturating_add(sum(&figures.refused));
    let not_accepted = insight::share(sum(&figures.refused), all).map_or_else(|| "–".to_owned(), percent);
    let count: fn(u64) -> String = |value| value.to_string();
    let plot = |id, title: Sentence, total: String, layers: Vec<Layer>, text: fn(u64) -> String| {
        let highest = layers.iter().flat_map(|layer| &layer.values).max().copied().unwrap_or_default();
        let last =
            layers.iter().filter_map(|layer| layer.values.last()).fold(0_u64, |sum, one| sum.saturating_add(*one));
        let words = format!(
            "{} {}. {} {}.",
            t(say("The most in one part of the time:", "单个时段最多：")),
            text(highest),
            t(say("In the last one:", "最近时段：")),
            text(last)
        );
        Plot {
            id,
            title: t(title),
            total,
            text: words,
            layers,
            from: figures.query.window.from,
            until: figures.query.window.until,
            is_of_days: matches!(since, Since::Week | Since::Month),
        }
    };
    let one = |class, values: &[u64]| vec![Layer { class, values: values.to_vec() }];
    let misses: Vec<u64> =
        figures.success().into_iter().map(|share| share.map_or(0, |share| 10_000_u64.saturating_sub(share))).collect();
    let slowest = figures.p99.iter().copied().max().unwrap_or_default();
    vec![
        plot(
            "p-events",
            say("Deliveries of webhooks", "Webhook 投递"),
            all.to_string(),
            [one("good", &figures.accepted), one("bad", &figures.refused)].concat(),
            count,
        ),
        plot("p-success", say("Not accepted", "未接受"), not_accepted, one("bad", &misses), percent),
        plot("p-p99", say("Slowest answers (p99)", "最慢响应（p99）"), ms(slowest), one("key", &figures.p99), ms),
        plot(
            "p-repeats",
            say("Booked before", "重复投递"),
            sum(&figures.repeats).to_string(),
            one("key", &figures.repeats),
            count,
        ),
        plot(
            "p-paid",
            say("Orders paid", "已付订单"),
            sum(&figures.paid).to_string(),
            one("good", &figures.paid),
            count,
        ),
        plot(
            "p-in",
            say("Credits granted", "发放额度"),
            whole_credits(sum(&figures.credits_in)),
            one("good", &figures.credits_in),
            whole_credits,
        ),
        plot(
            "p-out",
            say("Credits spent", "消费额度"),
            whole_credits(sum(&figures.credits_out)),
            one("key", &figures.credits_out),
            whole_credits,
        ),
    ]
}

/// Each source of the time, and what else logs events.
fn sources(sources: &[SourceStats], lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let heads = [
        say("From", "来源"),
        say("Events", "事件"),
        say("Accepted", "已接受"),
        say("Booked before", "重复"),
        say("p50", "p50"),
        say("p99", "p99"),
        say("Latest (UTC)", "最近（UTC）"),
    ]
    .map(t);
    let [_, events, accepted, repeats, p50, p99, latest] = heads;
    html! {
        @if sources.is_empty() {
            p.hint { (t(say("Nothing was received in this time.", "这段时间内没有收到任何请求。"))) }
        } @else {
            table.stack {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for source in sources {
                        tr {
                            th scope="row" { (source.source) }
                            td.n data-label=(events) { (source.events) }
                            td.n data-label=(accepted) { @if let Some(share) = source.success() { (percent(share)) } }
                            td.n data-label=(repeats) { @if source.is_webhook { (source.repeats) } }
                            td.n data-label=(p50) { @if let Some(p50) = source.p50 { (ms(p50)) } }
                            td.n data-label=(p99) { @if let Some(p99) = source.p99 { (ms(p99)) } }
                            td data-label=(latest) { @if let Some(at) = source.latest { (time(at)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the graphs show, in a few longer parts.
fn numbers(figures: &Figures, since: Since, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let begins: Vec<_> = figures.query.begins().collect();
    let step = begins.len().div_ceil(TABLE_ROWS).max(1);
    let heads = [
        say("From (UTC)", "起（UTC）"),
        say("Accepted", "已接受"),
        say("Not accepted", "未接受"),
        say("Booked before", "重复"),
        say("p99", "p99"),
        say("Orders paid", "已付订单"),
        say("Credits granted", "发放额度"),
        say("Credits spent", "消费额度"),
    ]
    .map(t);
    let [_, accepted, refused, repeats, p99, paid, credits_in, credits_out] = heads;
    let is_of_days = matches!(since, Since::Week | Since::Month);
    html! {
        table.stack {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for (row, at) in begins.iter().step_by(step).enumerate() {
                    @let of = |values: &[u64]| sum(&part(values, row, step));
                    @let slowest = part(&figures.p99, row, step).into_iter().max().unwrap_or_default();
                    @let text = at.to_string();
                    tr {
                        th scope="row" { (text.get(if is_of_days { 5..16 } else { 11..16 }).unwrap_or_default().replace('T', " ")) }
                        td.n data-label=(accepted) { (of(&figures.accepted)) }
                        td.n data-label=(refused) { (of(&figures.refused)) }
                        td.n data-label=(repeats) { (of(&figures.repeats)) }
                        td.n data-label=(p99) { (ms(slowest)) }
                        td.n data-label=(paid) { (of(&figures.paid)) }
                        td.n data-label=(credits_in) { (whole_credits(of(&figures.credits_in))) }
                        td.n data-label=(credits_out) { (whole_credits(of(&figures.credits_out))) }
                    }
                }
            }
        }
    }
}

fn part(values: &[u64], row: usize, step: usize) -> Vec<u64> {
    values.iter().skip(row.saturating_mul(step)).take(step).copied().collect()
}

/// Everything that waits now, and since when.
pub(crate) fn waits(waiting: &[Waiting], lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="waits" {
            h2 id="waits" { (t(say("What waits now", "正在等待"))) }
            @if waiting.is_empty() {
                p { (badge(Tone::Good, t(say("nothing waits", "没有等待")))) }
            } @else {
                ul {
                    @for found in waiting {
                        li {
                            (found.what.text(lang)) ": "
                            strong { (found.count) @if found.has_more { "+" } }
                            @if let Some(since) = found.since {
                                " " small { (t(say("since", "自"))) " " (time(since)) " UTC" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Orders that need a person, by day and reason: the newest first.
pub(crate) fn anomalies(found: &AnomalyDays, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let rest = found.days.len().saturating_sub(DAYS_MAX);
    html! {
        section.why aria-labelledby="anomalies" {
            h2 id="anomalies" { (t(say("Orders that need a person", "需要人工处理的订单"))) }
            ul {
                @for day in found.days.iter().take(DAYS_MAX) {
                    li { (day.day) ": " strong { (day.orders) } " " (sentence::reason(day.reason).in_lang(lang)) }
                }
            }
            @if rest > 0 || found.has_more { p.hint { (t(say("There are more.", "还有更多。"))) } }
            p { a href="/console/orders?show=anomalies" { (t(say("Which, and what to do", "哪些，以及如何处理"))) } }
        }
    }
}
