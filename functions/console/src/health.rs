//! What runs: the audit, what waits in each queue, what is paused, which an operator changes here, alarms and dead letters.

use futures_util::future::{join, try_join3};
use insight::{Lang, Sentence, Waiting, waiting};
use ledger::{AuditProgress, Pausable, Pauses};
use maud::{Markup, html};

use crate::actions::pause;
use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::vitals::Vitals;
use crate::words::{Tone, badge, say, time};
use crate::{Books, Console, buttons, form, graphs, vitals};

const TITLE: Sentence = say("Health", "运行状况");

/// What the page shows.
pub(crate) struct HealthView<'v> {
    pub(crate) audit: &'v AuditProgress,
    pub(crate) pauses: &'v Pauses,
    pub(crate) waiting: &'v [Waiting],
    pub(crate) vitals: &'v Vitals,
    /// The options of a command that works with the same books.
    pub(crate) books: &'v str,
    pub(crate) is_local: bool,
    pub(crate) may_act: bool,
    /// The action that has led here.
    pub(crate) done: Option<&'v str>,
    pub(crate) lang: Lang,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["done"])?;
    let (ledger, context) = (&console.ledger, visit.context());
    let books = try_join3(ledger.pauses(&context), ledger.check(&context), Box::pin(waiting(ledger, &context)));
    let vitals = vitals::vitals(console.parts.monitor.as_ref(), visit.invocation.now);
    let (books, vitals) = join(books, vitals).await;
    let (pauses, audit, waiting) = books?;
    let view = HealthView {
        audit: &audit,
        pauses: &pauses,
        waiting: &waiting,
        vitals: &vitals,
        books: &console.parts.config.books(),
        is_local: console.parts.config.is_local(),
        may_act: visit.may_act(),
        done: query.parameter("done"),
        lang: visit.lang,
    };
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Health), visit };
    Ok(Shown::page(document(200, &frame, &markup(&view))))
}

pub(crate) fn markup(view: &HealthView<'_>) -> Markup {
    let HealthView { audit, pauses, waiting, vitals, books, is_local, may_act, done, lang } = view;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        (buttons::notice(*done, *lang))
        h1 { (t(TITLE)) }
        section aria-labelledby="audit" {
            h2 id="audit" {
                (t(say("Audit", "审计"))) " "
                @if audit.open.is_empty() { (badge(Tone::Good, t(say("no difference", "没有差异")))) }
                @else { (badge(Tone::Bad, &audit.open.len().to_string())) }
            }
            p {
                @match audit.ended_at {
                    Some(at) => { (t(say("All books were compared, last at", "上次核对全部账目："))) " " (time(at)) " UTC" }
                    None => { (t(say("It is comparing the books.", "正在核对账目。"))) }
                }
            }
        }
        (graphs::waits(waiting, *lang))
        section aria-labelledby="paused" {
            h2 id="paused" { (t(say("Stop at once, and go on", "立即停止与恢复"))) }
            p { (t(say(
                "What waits is done once a pause ends. Only two gateways do not wait: what they send meanwhile is lost.",
                "暂停结束后继续处理等待中的内容。只有两个网关不会等待：期间发送的会丢失。",
            ))) }
            ul.fixes { @for what in Pausable::all() { li { (pausable(what, pauses, *may_act, *lang)) } } }
        }
        (vitals::markup(vitals, *lang))
        (vitals::only_by_command(books, *is_local, *lang))
        (glossary(&[Term::Audit, Term::DeadLetter, Term::Lane, Term::Sweep], *lang))
    }
}

fn pausable(what: Pausable, pauses: &Pauses, may_act: bool, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let found = pauses.by_word.get(what.as_str());
    html! {
        strong { (what.as_str()) } " "
        @match found {
            Some(pause) => {
                (badge(Tone::Wait, t(say("paused", "已暂停"))))
                " " small { (time(pause.since)) " UTC, " (pause.author) ": " (pause.reason) }
            }
            None => (badge(Tone::Good, t(say("runs", "运行中")))),
        }
        small { (t(pause::while_paused(what))) }
        @if may_act {
            form method="get" action="/console/pause" {
                input type="hidden" name="what" value=(what.as_str());
                button.alt.small {
                    @if found.is_some() { (t(say("Resume", "恢复"))) } @else { (t(say("Pause", "暂停"))) }
                }
            }
        }
    }
}
