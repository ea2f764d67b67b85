//! The newest rows of the journal: payments, refused events, orders and changes by people.

use std::collections::BTreeMap;

use insight::{Lang, ListFilter, Newest, Sentence, Why, decisions, newest, sentence};
use ledger::{ListedRow, Resolution, Source};
use maud::{Markup, html};

use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{BOOKED, NOT_BOOKED, Tone, badge, empty, event_path, explain_path, kind_word, say, stored_time};
use crate::{Books, Console, form};

/// Some screens; a page stays below 60 KB.
const ROWS_MAX: usize = 100;
const TITLE: Sentence = say("Events", "事件");

/// What people have decided, by the keys of the rows.
pub(crate) type Decided = BTreeMap<String, Resolution>;

/// How far back the page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Hour,
    Day,
    Week,
    Month,
}

impl Since {
    pub(crate) const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
        }
    }

    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|since| since.word() == word)
    }

    pub(crate) const fn name(self) -> Sentence {
        match self {
            Self::Hour => say("hour", "一小时"),
            Self::Day => say("day", "一天"),
            Self::Week => say("week", "一周"),
            Self::Month => say("30 days", "30 天"),
        }
    }
}

/// What the form has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) since: Since,
    pub(crate) is_failed: bool,
    pub(crate) writer: Option<&'static str>,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["since", "failed", "from"])?;
    let since = query.parameter("since").and_then(Since::named);
    let chosen = Chosen {
        since: since.unwrap_or(Since::Day),
        is_failed: query.parameter("failed").is_some_and(|failed| !failed.is_empty()),
        writer: query.parameter("from").and_then(|word| writers().find(|writer| *writer == word)),
    };
    let filter = ListFilter {
        since: visit.invocation.now.plus_seconds(chosen.since.seconds().saturating_neg()),
        is_failed: chosen.is_failed.then_some(true),
        writer: chosen.writer.map(str::to_owned),
        kind: None,
        after: None,
        rows_max: ROWS_MAX,
    };
    let found = newest(&console.ledger, &filter, &visit.context()).await?;
    let decided = decisions(&console.ledger, &found.rows, &visit.context()).await?;
    let main = markup(&found, &decided, &chosen, visit.lang);
    Ok(Shown::page(document(200, &Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Events), visit }, &main)))
}

/// The words of sources, and of the others that write what is listed.
fn writers() -> impl Iterator<Item = &'static str> {
    let others = ["orders", "checkout", "reconcile", "redeem", "credits", "manual", "console", "repair"];
    Source::ALL.into_iter().map(Source::as_str).chain(others)
}

pub(crate) fn markup(found: &Newest, decided: &Decided, chosen: &Chosen, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        h1 { (t(TITLE)) }
        section { (filter_form(chosen, lang)) }
        section aria-labelledby="newest" {
            h2 id="newest" { (t(say("The newest first", "最新在前"))) " " small { "UTC" } }
            @if found.rows.is_empty() {
                (empty(
                    lang,
                    say("Nothing like this happened in this time.", "这段时间内没有这样的事件。"),
                    say(
                        "Look further back, or at all sources. A booked usage event is not listed: search for its id, or for its owner.",
                        "可以看更早的，或不限来源。已入账的用量事件不在此列：请按编号或用户查找。",
                    ),
                ))
            } @else {
                (table(&found.rows, decided, lang))
            }
            @if found.has_more {
                p.hint { (t(say("There are older ones. Choose a shorter time or a source, or search by id.", "还有更早的。请缩小时间或来源，或按编号查找。"))) }
            }
        }
        (glossary(&[Term::Journal, Term::NotBooked, Term::Replay, Term::Repeat], lang))
    }
}

fn filter_form(chosen: &Chosen, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        form.fields method="get" action="/console/events" {
            label {
                (t(say("Which", "哪些")))
                select name="failed" {
                    option value="" selected[!chosen.is_failed] { (t(say("all", "全部"))) }
                    option value="1" selected[chosen.is_failed] { (t(NOT_BOOKED)) }
                }
            }
            label {
                (t(say("From", "来源")))
                select name="from" {
                    option value="" selected[chosen.writer.is_none()] { (t(say("everywhere", "不限"))) }
                    @for writer in writers() {
                        option value=(writer) selected[chosen.writer == Some(writer)] { (writer) }
                    }
                }
            }
            label {
                (t(say("Of the last", "时间")))
                select name="since" {
                    @for since in Since::ALL {
                        option value=(since.word()) selected[chosen.since == since] { (t(since.name())) }
                    }
                }
            }
            button.small { (t(say("Show", "查看"))) }
        }
    }
}

pub(crate) fn table(rows: &[ListedRow], decided: &Decided, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let heads =
        [say("Time", "时间"), say("Event", "事件"), say("Kind", "类型"), say("State", "状态"), say("Order", "订单")]
            .map(t);
    let [at, event, kind, state, order] = heads;
    html! {
        table.stack {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr {
                        td data-label=(at) { (stored_time(&row.at)) }
                        td data-label=(event) { a href=(event_path(&row.key)) { (row.key) } }
                        td data-label=(kind) { (kind_word(&row.kind, lang)) " " small { (row.writer) } }
                        td data-label=(state) { (state_of(row, decided.get(&row.key).copied(), lang)) }
                        td data-label=(order) {
                            @if let Some(number) = &row.order { a href=(explain_path(number)) { (number) } }
                        }
                    }
                }
            }
        }
    }
}

fn state_of(row: &ListedRow, decided: Option<Resolution>, lang: Lang) -> Markup {
    let reason = row.reason.as_deref().map(Why::of_word);
    html! {
        @if row.is_failed {
            (refused(decided, lang))
            @if let Some(Why::Reason(reason)) = reason { " " small { (sentence::reason_by(reason, &row.writer).in_lang(lang)) } }
        } @else {
            (badge(Tone::Good, BOOKED.in_lang(lang)))
        }
    }
}

/// What became of a refused event: it stays refused, and its payment may be booked by a person.
pub(crate) fn refused(decided: Option<Resolution>, lang: Lang) -> Markup {
    match decided {
        Some(Resolution::Accepted) => badge(Tone::Good, say("booked by a person", "已人工入账").in_lang(lang)),
        Some(Resolution::Cleared) => badge(Tone::Wait, say("closed by a person", "已人工关闭").in_lang(lang)),
        Some(Resolution::Open) | None => badge(Tone::Bad, NOT_BOOKED.in_lang(lang)),
    }
}
