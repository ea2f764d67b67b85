//! What the page of health knows beside the books: alarms, dead letters, when each sweep last ran, and what only a command
//! can check.

use insight::{Lang, Sentence, Series, SeriesQuery, Wanted};
use ledger::{Sweep, Timestamp};
use maud::{Markup, html};

use crate::monitor::{DeadLetters, Monitor, MonitorError, Ringing, unread};
use crate::words::{Tone, badge, say, time};

/// A day in quarters of an hour.
const PART_S: u32 = 900;
const PARTS: u32 = 96;
const WANTED: Wanted = &[("runs", &["sweep"]), ("alarms", &["source", "alarm"])];
const NOT_NOW: Sentence = say("It cannot be read now.", "现在读不到。");

/// What is known of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known<T> {
    Found(T),
    /// There is no such thing here.
    Missing,
    Unread,
}

impl<T> Known<T> {
    fn of(answer: Result<Option<T>, MonitorError>) -> Self {
        match answer {
            Ok(Some(found)) => Self::Found(found),
            Ok(None) => Self::Missing,
            Err(error) => {
                unread(&error);
                Self::Unread
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vitals {
    pub(crate) ringing: Known<Vec<Ringing>>,
    pub(crate) dead_letters: Known<Vec<DeadLetters>>,
    pub(crate) day: Known<Day>,
}

/// The last day, from log lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Day {
    /// When each sweep last ended a run.
    pub(crate) runs: Vec<(Sweep, Option<Timestamp>)>,
    /// By alarm and source.
    pub(crate) raised: Vec<(String, String, u128)>,
}

pub(crate) async fn vitals(monitor: &dyn Monitor, now: Timestamp) -> Vitals {
    let query = SeriesQuery::until(now, PART_S, PARTS, WANTED);
    let read = futures_util::future::join3(monitor.alarms(now), monitor.dead_letters(now), monitor.series(&query));
    let (ringing, dead_letters, series) = read.await;
    Vitals {
        ringing: Known::of(ringing),
        dead_letters: Known::of(dead_letters),
        day: Known::of(series.map(|series| series.map(|series| day_of(&series)))),
    }
}

fn day_of(series: &[Series]) -> Day {
    let last = |sweep: Sweep| {
        let runs = series.iter().filter(|series| series.name.is_of("runs", &["sweep"]));
        runs.filter(|series| series.name.value("sweep") == sweep.as_str())
            .filter_map(|series| series.total.latest)
            .max()
    };
    let raised = series.iter().filter(|series| series.name.is_of("alarms", &["source", "alarm"]));
    let raised = raised.filter(|series| series.total.sum > 0).map(|series| {
        (series.name.value("alarm").to_owned(), series.name.value("source").to_owned(), series.total.sum)
    });
    let mut raised: Vec<_> = raised.collect();
    raised.sort();
    Day { runs: Sweep::ALL.into_iter().map(|sweep| (sweep, last(sweep))).collect(), raised }
}

pub(crate) fn markup(vitals: &Vitals, lang: Lang) -> Markup {
    html! {
        (alarms(vitals, lang))
        (dead_letters(&vitals.dead_letters, lang))
        (sweeps(&vitals.day, lang))
    }
}

fn alarms(vitals: &Vitals, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="alarms" {
            h2 id="alarms" { (t(say("Alarms", "告警"))) }
            @match &vitals.ringing {
                Known::Found(ringing) if ringing.is_empty() => {
                    p { (badge(Tone::Good, t(say("none rings", "没有告警")))) }
                }
                Known::Found(ringing) => ul {
                    @for Ringing { name, since } in ringing {
                        li {
                            (badge(Tone::Bad, t(say("rings", "告警中")))) " " strong { (name) }
                            @if let Some(since) = since { " " small { (t(say("since", "自"))) " " (time(*since)) " UTC" } }
                        }
                    }
                },
                Known::Missing => p { (t(say("There are no alarms on this machine.", "本机没有告警。"))) },
                Known::Unread => p role="alert" { (t(NOT_NOW)) },
            }
            @if let Known::Found(Day { raised, .. }) = &vitals.day {
                @if !raised.is_empty() {
                    p { (t(say("What the functions raised in the last day; docs/operate.md says what each means:", "最近一天函数发出的告警，含义见 docs/operate.zh.md："))) }
                    ul { @for (alarm, source, count) in raised { li { strong { (alarm) } " " (source) ": " (count) } } }
                }
            }
        }
    }
}

fn dead_letters(known: &Known<Vec<DeadLetters>>, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="dead" {
            h2 id="dead" { (t(say("Dead letters: what was given up", "死信：已放弃的"))) }
            @match known {
                Known::Found(queues) => ul {
                    @for DeadLetters { queue, count, oldest_s } in queues {
                        li {
                            (queue) ": "
                            @if *count == 0 { (badge(Tone::Good, t(say("none", "没有")))) }
                            @else { (badge(Tone::Bad, &count.to_string())) }
                            @if let Some(seconds) = oldest_s { " " small { (t(say("the oldest for", "最早的已有"))) " " (age(*seconds, lang)) } }
                        }
                    }
                },
                Known::Missing => p { (t(say("Books in memory keep none.", "内存账本不保留死信。"))) },
                Known::Unread => p role="alert" { (t(NOT_NOW)) },
            }
        }
    }
}

/// In the largest unit that fits.
fn age(seconds: u64, lang: Lang) -> String {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let units = [(86_400_u64, say("days", "天")), (3_600, say("hours", "小时")), (60, say("minutes", "分钟"))];
    let fitting = units.into_iter().find(|(unit, _)| seconds >= unit.saturating_mul(2));
    let (unit, name) = fitting.unwrap_or((1, say("seconds", "秒")));
    format!("{} {}", seconds.div_euclid(unit), t(name))
}

fn sweeps(day: &Known<Day>, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="sweeps" {
            h2 id="sweeps" { (t(say("Sweeps, by their last run", "定时任务的最近一次运行"))) }
            @match day {
                Known::Found(Day { runs, .. }) => ul {
                    @for (sweep, at) in runs {
                        li {
                            (sweep.as_str()) ": "
                            @match at {
                                Some(at) => { (badge(Tone::Good, t(say("ran", "已运行")))) " " (time(*at)) " UTC" }
                                None => (badge(Tone::Wait, t(say("not in the last day", "最近一天未运行")))),
                            }
                        }
                    }
                },
                Known::Missing => p { (t(say("There are no metrics here.", "这里没有指标。"))) },
                Known::Unread => p role="alert" { (t(NOT_NOW)) },
            }
        }
    }
}

/// What needs the rights of a person.
pub(crate) fn only_by_command(books: &str, is_local: bool, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="commands" {
            h2 id="commands" { (t(say("Only by command", "只能用命令检查"))) }
            p {
                (t(say(
                    "Keys and secrets, the clock, URLs, Stripe's endpoint and prices, and on AWS the stacks, tables, schedules, subscriptions of alarms and quotas: they need your own rights, which this page has not.",
                    "密钥与 Secret、时钟、网址、Stripe 的 endpoint 和价格，以及 AWS 上的堆栈、数据表、定时计划、告警订阅和配额：需要你自己的权限，本页没有。",
                )))
            }
            ul.fixes {
                li { code.copy { "hookledger doctor" (books) } }
                @if !is_local { li { code.copy { "hookledger dlq list" (books) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use insight::{SeriesName, Summary};

    use super::*;

    fn at() -> Timestamp {
        Timestamp::parse_rfc3339("2026-01-01T12:30:45Z").expect("a time")
    }

    fn series(metric: &str, dimensions: &[(&str, &str)], sum: u128) -> Series {
        let total = Summary { sum, latest: Some(at()), ..Summary::default() };
        Series { name: SeriesName::new(metric, dimensions), total, parts: Vec::new() }
    }

    #[test]
    fn day_has_each_sweep_and_the_alarms_that_were_raised() {
        let day = day_of(&[
            series("runs", &[("sweep", "audit")], 1),
            series("alarms", &[("source", "usage"), ("alarm", "conflict")], 3),
            series("alarms", &[("source", "epay"), ("alarm", "conflict")], 0),
        ]);
        assert_eq!(day.raised, [("conflict".to_owned(), "usage".to_owned(), 3)]);
        assert_eq!(day.runs.len(), Sweep::ALL.len());
        let ran: Vec<_> = day.runs.iter().filter(|(_, at)| at.is_some()).collect();
        assert_eq!(ran, [&(Sweep::Audit, Some(at()))]);
    }

    #[test]
    fn each_state_has_its_word() {
        let letters =
            |count| DeadLetters { queue: "q-failures".to_owned(), count, oldest_s: (count > 0).then_some(7_300) };
        let found = Vitals {
            ringing: Known::Found(vec![Ringing { name: "drift".to_owned(), since: Some(at()) }]),
            dead_letters: Known::Found(vec![letters(0), letters(2)]),
            day: Known::Found(day_of(&[series("alarms", &[("source", "usage"), ("alarm", "conflict")], 3)])),
        };
        let page = markup(&found, Lang::En).into_string();
        for part in [
            r#"<span class="badge bad">rings</span> <strong>drift</strong>"#,
            r#"q-failures: <span class="badge good">none</span>"#,
            r#"q-failures: <span class="badge bad">2</span> <small>the oldest for 2 hours</small>"#,
            "<strong>conflict</strong> usage: 3",
            r#"audit: <span class="badge wait">not in the last day</span>"#,
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let none = Vitals { ringing: Known::Found(Vec::new()), dead_letters: Known::Missing, day: Known::Missing };
        let page = markup(&none, Lang::Zh).into_string();
        assert!(page.contains("没有告警") && page.contains("内存账本") && page.contains("没有指标"), "{page}");
        let unread = Vitals { ringing: Known::Unread, dead_letters: Known::Unread, day: Known::Unread };
        assert_eq!(markup(&unread, Lang::En).into_string().matches("It cannot be read now.").count(), 3);
    }
}
