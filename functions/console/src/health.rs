//! What runs: the audit, what waits in each queue, what is paused, which an operator changes here, alarms and dead letters.

use futures_util::future::{join, try_join_all, try_join3};
use insight::{Events, Lang, Sentence};
use ledger::{AuditProgress, Backlog, CallContext, CommitError, Pausable, Pauses, Provider, Source, Work};
use maud::{Markup, html};

use crate::actions::pause;
use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::vitals::Vitals;
use crate::words::{Tone, badge, say, time};
use crate::{Books, Console, form, vitals};

const TITLE: Sentence = say("Health", "运行状况");
/// Beyond it the page says that there are more.
const COUNTED_MAX: u16 = 100;
/// Longer than any lane waits.
const AHEAD_SECONDS: i64 = 400 * 24 * 60 * 60;

/// What the page shows.
pub(crate) struct HealthView<'v> {
    pub(crate) audit: &'v AuditProgress,
    pub(crate) pauses: &'v Pauses,
    /// Refused events by source, and orders by their work.
    pub(crate) waiting: &'v [(&'static str, u32)],
    pub(crate) vitals: &'v Vitals,
    /// The options of a command that works with the same books.
    pub(crate) books: &'v str,
    pub(crate) is_local: bool,
    pub(crate) may_act: bool,
    pub(crate) lang: Lang,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    form::query(visit, &["done"])?;
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
        lang: visit.lang,
    };
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Health), visit };
    Ok(Shown::page(document(200, &frame, &markup(&view))))
}

/// The queues that have something, each counted up to a bound.
async fn waiting<L: Backlog + Events>(
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Vec<(&'static str, u32)>, CommitError> {
    let refused = Source::ALL.map(|source| async move {
        let waiting = ledger.waiting(source, COUNTED_MAX, context).await?;
        Ok::<_, CommitError>((source.as_str(), u32::try_from(waiting.len()).unwrap_or(u32::MAX)))
    });
    let works = [
        ("unpaid: stripe", Work::Payment(Provider::Stripe)),
        ("unpaid: wechat", Work::Payment(Provider::Wechat)),
        ("unpaid: epay", Work::Payment(Provider::Epay)),
        ("fulfil", Work::Fulfilment),
        ("pending_external", Work::PendingExternal),
    ];
    let orders = works.map(|(name, work)| async move {
        Ok::<_, CommitError>((name, ledger.count_open_orders(work, COUNTED_MAX.into(), context).await?))
    });
    let (refused, orders) = (try_join_all(refused).await?, try_join_all(orders).await?);
    // A lane is due at a time of its own: all of them are, far enough ahead.
    let later = CallContext { received_at: context.received_at.plus_seconds(AHEAD_SECONDS), ..context.clone() };
    let lanes = ledger.due_lanes(Source::Usage, COUNTED_MAX, &later).await?;
    let lanes = ("usage that waits for credits, a key or a price", u32::try_from(lanes.len()).unwrap_or(u32::MAX));
    Ok(refused.into_iter().chain([lanes]).chain(orders).filter(|(_, count)| *count > 0).collect())
}

pub(crate) fn markup(view: &HealthView<'_>) -> Markup {
    let HealthView { audit, pauses, waiting, vitals, books, is_local, may_act, lang } = view;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
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
        section aria-labelledby="waits" {
            h2 id="waits" { (t(say("What waits", "等待中"))) }
            @if waiting.is_empty() {
                p { (badge(Tone::Good, t(say("nothing waits", "没有等待")))) }
            } @else {
                ul {
                    @for (name, count) in *waiting {
                        li { (name) ": " (count) @if *count >= u32::from(COUNTED_MAX) { "+" } }
                    }
                }
            }
        }
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
