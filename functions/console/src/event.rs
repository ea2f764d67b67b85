//! One row of the journal. What names a person and what was sent are hidden until an operator asks, which is recorded.

use insight::{EventRow, EventState, Events, Lang, Retry, Sentence, Why, decision_about, sentence};
use ledger::{CallContext, EventKey, KeptBody, Resolution};
use maud::{Markup, html};

use crate::events::refused;
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{BOOKED, REASON, Tone, badge, explain_path, kind_word, say, time};
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = say("Event", "事件");
/// Facts that name no person: ids, amounts and words of ours. Any other one is hidden.
const SHOWN_FACTS: [&str; 44] = [
    "account",
    "amount",
    "anomaly",
    "author",
    "campaign",
    "code",
    "completion_tokens",
    "cost",
    "created",
    "credits",
    "disputes",
    "estimated",
    "event",
    "events",
    "expires",
    "hold",
    "invoice",
    "key",
    "lot_kind",
    "model",
    "money",
    "opened_at",
    "order",
    "owner",
    "pair",
    "payment",
    "price",
    "priority",
    "product",
    "prompt_tokens",
    "provider",
    "quantity",
    "rate",
    "reason",
    "receipt",
    "reference",
    "refunds",
    "sent_at",
    "seq",
    "state",
    "status",
    "total_tokens",
    "usage",
    "verdict",
];

/// What of the event is shown beside its row.
pub(crate) struct View<'v> {
    pub(crate) lang: Lang,
    /// For the form that asks, if the visitor may.
    pub(crate) asks: Option<Asks<'v>>,
    /// What was sent, once it was asked for.
    pub(crate) delivery: Option<&'v KeptBody>,
    /// What a person has decided, if it was refused.
    pub(crate) decided: Option<Resolution>,
}

#[derive(Clone, Copy)]
pub(crate) struct Asks<'v> {
    pub(crate) csrf: &'v str,
    /// The id of the row that records it: a form that is sent twice is recorded once.
    pub(crate) id: &'v str,
    /// As it was typed before, or empty.
    pub(crate) reason: &'v str,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["key"])?;
    let row = row_of(&console.ledger, query.parameter("key").unwrap_or_default(), &visit.context()).await?;
    let id = format!("{:032x}", console.parts.ids.bits()?);
    let asks = visit.may_act().then_some(Asks { csrf: visit.csrf(), id: &id, reason: form::typed_reason(&query) });
    let decided = decision_about(&console.ledger, &row, &visit.context()).await?;
    Ok(page(visit, &row, &View { lang: visit.lang, asks, delivery: None, decided }))
}

pub(crate) fn page(visit: &Visit<'_>, row: &EventRow, view: &View<'_>) -> Shown {
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Events), visit };
    Shown::page(document(200, &frame, &markup(row, view)))
}

/// The row with this very key.
pub(crate) async fn row_of<L: Events>(ledger: &L, key: &str, context: &CallContext<'_>) -> Result<EventRow, Refusal> {
    let key = EventKey::of_row(key);
    let mut rows = ledger.events(&[key.clone()].into(), context).await?;
    match rows.remove(&key) {
        Some(Ok(row)) => Ok(row),
        Some(Err(_)) | None => Err(Refusal::not_found()),
    }
}

pub(crate) fn markup(row: &EventRow, view: &View<'_>) -> Markup {
    let lang = view.lang;
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        h1 { (row.key) " " (state(row, view.decided, lang)) }
        section {
            dl.facts {
                dt { (t(say("Kind", "类型"))) } dd { (kind_word(&row.kind, lang)) }
                dt { (t(say("Written by", "写入者"))) } dd { (row.source) }
                @if let Some(at) = row.received_at { dt { (t(say("First received", "首次收到"))) } dd { (time(at)) " UTC" } }
                @if let Some(at) = row.booked_at() { dt { (t(BOOKED)) } dd { (time(at)) " UTC" } }
                @if let Some(why) = row.refused_for() { dt { (t(say("Why not", "原因"))) } dd { (why_text(why, &row.source, lang)) } }
                @if let Some(at) = next_retry(row) { dt { (t(say("Next retry", "下次重试"))) } dd { (time(at)) " UTC" } }
                dt { (t(say("Attempts", "次数"))) } dd { (row.attempts) }
                @if let Some(number) = &row.order {
                    dt { (t(say("Order", "订单"))) } dd { a href=(explain_path(number.as_str())) { (number) } }
                }
                @if let Some(posting) = &row.posting {
                    dt { (t(say("Account", "账户"))) } dd { a href=(explain_path(&posting.account)) { (posting.account) } }
                }
                @for (name, fact) in &row.facts {
                    dt { (name) }
                    dd { @if is_shown(name, view) { (fact) } @else { em.soft { (t(say("hidden", "已隐藏"))) } } }
                }
            }
            @if view.asks.is_some() && row.is_booked() && row.reversed_by.is_none() && is_use(row.key.as_str()) {
                (buttons::reverse(row.key.as_str(), lang))
            }
            p { a href=(explain_path(row.key.as_str())) { (t(say("What became of it, and what helps", "经过与解决办法"))) } }
        }
        @if let Some(delivery) = view.delivery { (delivered(delivery, lang)) } @else { (hidden(row, view)) }
    }
}

/// Whether it is the key of a usage event, which has charged its owner if it is booked.
pub(crate) fn is_use(key: &str) -> bool {
    key.strip_prefix("usage#").is_some_and(|id| !id.contains('#'))
}

fn is_shown(name: &str, view: &View<'_>) -> bool {
    view.delivery.is_some() || SHOWN_FACTS.contains(&name)
}

fn state(row: &EventRow, decided: Option<Resolution>, lang: Lang) -> Markup {
    match &row.state {
        EventState::Booked { .. } => badge(Tone::Good, BOOKED.in_lang(lang)),
        EventState::Refused { .. } if decided.is_some() => refused(decided, lang),
        EventState::Refused { retry: Some(_), .. } => badge(Tone::Wait, say("waits", "等待重试").in_lang(lang)),
        EventState::Refused { retry: None, .. } => refused(None, lang),
    }
}

fn why_text(why: &Why, writer: &str, lang: Lang) -> Markup {
    let word = why.as_str();
    html! {
        (word)
        @if let Why::Reason(reason) = why { ": " (sentence::reason_by(*reason, writer).in_lang(lang)) }
    }
}

const fn next_retry(row: &EventRow) -> Option<ledger::Timestamp> {
    match &row.state {
        EventState::Refused { retry: Some(Retry { at, .. }), .. } => Some(*at),
        EventState::Refused { retry: None, .. } | EventState::Booked { .. } => None,
    }
}

/// The form that asks for what is hidden.
fn hidden(row: &EventRow, view: &View<'_>) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(view.lang);
    html! {
        section aria-labelledby="sent" {
            h2 id="sent" { (t(say("What was sent", "收到的内容"))) }
            @if let Some(asks) = view.asks {
                p { (t(say(
                    "It may hold personal data, so it is hidden. Asking for it leaves a row in the journal, with your name and why.",
                    "其中可能有个人信息，所以默认隐藏。查看会在账本中留下记录，写明你的名字和原因。",
                ))) }
                form.fields method="post" action="/console/event/body" {
                    input type="hidden" name="csrf" value=(asks.csrf);
                    input type="hidden" name="id" value=(asks.id);
                    input type="hidden" name="key" value=(row.key);
                    label {
                        (t(REASON))
                        input name="reason" value=[Some(asks.reason).filter(|typed| !typed.is_empty())] required
                            maxlength="160" autocomplete="off";
                    }
                    button.small { (t(say("Show it", "查看"))) }
                }
            } @else {
                p { (t(say("It is hidden. An operator may show it.", "已隐藏。有操作权限的人可以查看。"))) }
            }
        }
    }
}

fn delivered(delivery: &KeptBody, lang: Lang) -> Markup {
    let KeptBody { method, path, query, headers, bytes, bytes_at } = delivery;
    html! {
        section aria-labelledby="sent" {
            h2 id="sent" { (say("What was sent", "收到的内容").in_lang(lang)) " " small { (time(*bytes_at)) " UTC" } }
            pre tabindex="0" {
                (method) " " (path) @if !query.is_empty() { "?" (query) } "\n"
                @for (name, value) in headers { (name) ": " (value) "\n" }
                "\n" (String::from_utf8_lossy(bytes))
            }
        }
    }
}
