//! The first page: what needs a person, then what happened in numbers, and where to begin.

use std::collections::BTreeMap;

use futures_util::future::{join, try_join, try_join5};
use insight::{AnomalyDays, Lang, ListFilter, Newest, Sentence, Waiting, anomaly_days, sentence, undecided, waiting};
use ledger::{AuditProgress, Open, Pause, Pauses, Subject};
use maud::{Markup, html};

use crate::actions::pause;
use crate::events::{Since, table};
use crate::figures::{DayRow, Figures, day_rows, days_of, graphs_of};
use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{Tone, badge, empty, explain_path, say, time};
use crate::{Books, Console, buttons, form, graphs, monitor};

/// What fits on one screen; the page of events has the others.
const ROWS_MAX: usize = 5;
/// Of findings, too: `audit` lists all.
const FINDINGS_MAX: usize = 5;
const TITLE: Sentence = say("Overview", "概览");

/// What the page shows.
pub(crate) struct OverviewView<'v> {
    /// Events that are not booked, and that no person has decided about.
    pub(crate) failed: &'v Newest,
    pub(crate) pauses: &'v Pauses,
    pub(crate) audit: &'v AuditProgress,
    pub(crate) anomalies: &'v AnomalyDays,
    pub(crate) waiting: &'v [Waiting],
    pub(crate) numbers: &'v Numbers,
    pub(crate) since: Since,
    /// The options of a command that works with the same books.
    pub(crate) books: &'v str,
    pub(crate) may_act: bool,
    pub(crate) lang: Lang,
}

/// What the metrics have. A page without them shows the books.
pub(crate) enum Numbers {
    Known(Box<KnownNumbers>),
    /// They cannot be read now.
    Unread,
    /// There are none here.
    Missing,
}

pub(crate) struct KnownNumbers {
    pub(crate) days: Vec<DayRow>,
    /// The last full hour of today, to which other days are compared: `14:00`.
    pub(crate) until: String,
    pub(crate) figures: Figures,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["since"])?;
    let since = query.parameter("since").and_then(Since::named).unwrap_or(Since::Day);
    let filter = ListFilter {
        since: visit.invocation.now.plus_seconds(Since::Week.seconds().saturating_neg()),
        is_failed: Some(true),
        writer: None,
        kind: None,
        after: None,
        rows_max: ROWS_MAX,
    };
    let (ledger, context) = (&console.ledger, visit.context());
    let books = async {
        try_join5(
            Box::pin(undecided(ledger, &filter, &context)),
            ledger.pauses(&context),
            ledger.check(&context),
            Box::pin(anomaly_days(ledger, &context)),
            Box::pin(waiting(ledger, &context)),
        )
        .await
    };
    let (books, numbers) = join(Box::pin(books), numbers(console, visit, since)).await;
    let (failed, pauses, audit, anomalies, waiting) = books?;
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Overview), visit };
    let view = OverviewView {
        failed: &failed,
        pauses: &pauses,
        audit: &audit,
        anomalies: &anomalies,
        waiting: &waiting,
        numbers: &numbers,
        since,
        books: &console.parts.config.books(),
        may_act: visit.may_act(),
        lang: visit.lang,
    };
    Ok(Shown::page(document(200, &frame, &markup(&view))))
}

async fn numbers<L: Books>(console: &Console<L>, visit: &Visit<'_>, since: Since) -> Numbers {
    let now = visit.invocation.now;
    let (days, graphs, monitor) = (days_of(now), graphs_of(since, now), &console.parts.monitor);
    match try_join(monitor.series(&days), monitor.series(&graphs)).await {
        Ok((Some(of_days), Some(of_graphs))) => Numbers::Known(Box::new(KnownNumbers {
            days: day_rows(&days, &of_days),
            until: now.to_string().get(11..13).map(|hour| format!("{hour}:00")).unwrap_or_default(),
            figures: Figures::of(graphs, &of_graphs),
        })),
        Ok(_) => Numbers::Missing,
        Err(error) => {
            monitor::unread(&error);
            Numbers::Unread
        }
    }
}

pub(crate) fn markup(view: &OverviewView<'_>) -> Markup {
    let OverviewView { failed, pauses, audit, anomalies, waiting, numbers, since, books, may_act, lang } = view;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        h1 { (t(TITLE)) }
        @for (what, pause) in &pauses.by_word { (paused(what, pause, (!may_act).then_some(*books), *lang)) }
        @if !audit.open.is_empty() { (findings(&audit.open, books, *lang)) }
        @if !anomalies.days.is_empty() { (graphs::anomalies(anomalies, *lang)) }
        section aria-labelledby="failed" {
            h2 id="failed" { (t(say("Not booked, in the last week", "最近一周未入账的"))) }
            @if failed.rows.is_empty() {
                (empty(
                    *lang,
                    say("Every event of the last week is booked, or decided about.", "最近一周的事件都已入账，或已由人处理。"),
                    say("New ones that are refused appear here first.", "新的被拒事件会先出现在这里。"),
                ))
            } @else {
                (table(&failed.rows, &BTreeMap::new(), *lang))
                @if failed.has_more {
                    p { a href="/console/events?failed=1&since=30d" { (t(say("All of them", "全部"))) } }
                }
            }
        }
        (graphs::waits(waiting, *lang))
        @match numbers {
            Numbers::Known(known) => {
                (graphs::days(&known.days, &known.until, *lang))
                (graphs::graphs(&known.figures, *since, *lang))
            }
            Numbers::Unread => section {
                p role="alert" { (t(say("The metrics cannot be read now. The books above are complete.", "暂时读不到指标。以上账目是完整的。"))) }
            },
            Numbers::Missing => {}
        }
        section {
            h2 { (t(say("What became of something?", "某件事怎么样了？"))) }
            p {
                (t(say(
                    "Search for whatever you have: an order, a payment's id at its provider, an owner, a key, a hold or a redeem code. The page says what happened, why it stopped, and what helps.",
                    "用手头的任何信息查找：订单、支付方的付款编号、用户、密钥、预留或兑换码。页面会说明经过、停住的原因和解决办法。",
                )))
            }
            p.soft {
                @match audit.ended_at {
                    Some(at) => { (t(say("The audit has compared all books, last at", "审计上次核对全部账目："))) " " (time(at)) " UTC" }
                    None => { (t(say("The audit is comparing the books.", "审计正在核对账目。"))) }
                }
            }
        }
        (glossary(&[Term::Anomaly, Term::Audit, Term::Lane, Term::NotBooked, Term::P99, Term::Repeat], *lang))
    }
}

/// With the form that resumes it, or the command, which works with these books.
fn paused(what: &str, pause: &Pause, books: Option<&str>, lang: Lang) -> Markup {
    html! {
        section.why {
            h2 { (what) " " (badge(Tone::Wait, say("paused", "已暂停").in_lang(lang))) }
            p { (time(pause.since)) " UTC, " (pause.author) ": " (pause.reason) }
            @match books {
                Some(books) => code.copy { "hookledger resume " (what) " --reason R" (books) },
                None => (buttons::help(buttons::PAUSE, &[("what", what)], pause::title(true).in_lang(lang))),
            }
        }
    }
}

fn findings(open: &[Open], books: &str, lang: Lang) -> Markup {
    let rest = open.len().saturating_sub(FINDINGS_MAX);
    html! {
        section.why aria-labelledby="findings" {
            h2 id="findings" { (say("The books differ", "账目有差异").in_lang(lang)) " " (badge(Tone::Bad, &open.len().to_string())) }
            ul { @for finding in open.iter().take(FINDINGS_MAX) { (finding_item(finding, lang)) } }
            @if rest > 0 { p.hint { "+ " (rest) } }
            code.copy { "hookledger audit" (books) }
        }
    }
}

fn finding_item(finding: &Open, lang: Lang) -> Markup {
    let text = match finding.difference.subject() {
        Subject::Account(text) | Subject::Line(text) => text,
        Subject::Order(number) => number.to_string(),
    };
    html! {
        li {
            a href=(explain_path(&text)) { (text) } ": "
            (sentence::finding(finding.difference.difference_kind).in_lang(lang))
            " " small { (time(finding.since)) " UTC" }
        }
    }
}
