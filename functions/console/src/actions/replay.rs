//! Tries refused events again: a preview, a reason, and then what the command `replay` does.

use insight::{EventRow, Lang, NotReplayable, Replayable, Sentence, Typed, Why, replayable, sentence};
use maud::{Markup, html};

use crate::layout::{Frame, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{event_path, explain_path, reason_field, say, time};
use crate::{Books, Console, actions, form};

pub(crate) const TITLE: Sentence = say("Try again now", "立即重试");
/// What the page of the thing then says.
pub(crate) const DONE: &str = "replay";

/// The preview.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    /// As the visitor has named it.
    pub(crate) of: &'p str,
    pub(crate) what: &'p Replayable,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["of"])?;
    let of = query.parameter("of").unwrap_or_default();
    let what = named(console, visit, of).await?;
    let id = format!("{:032x}", console.parts.ids.bits()?);
    let reason = form::typed_reason(&query);
    let main = markup(&Preview { lang: visit.lang, of, what: &what, csrf: visit.csrf(), id: &id, reason });
    Ok(Shown::page(document(200, &Frame { title: TITLE.in_lang(visit.lang), tab: None, visit }, &main)))
}

pub(crate) async fn replay<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["of", "reason", "id", "csrf"])?;
    let (of, reason) = (form.parameter("of").unwrap_or_default(), form::reason(&form)?);
    let (id, context) = (form.parameter("id").unwrap_or_default(), visit.context());
    // First who and why, then the events: the same form again makes due what is not.
    match named(console, visit, of).await? {
        Replayable::Query(order) => {
            let what = vec![("order", order.number.to_string())];
            actions::record(&console.ledger, visit, id, &reason, "replay", what).await?;
            console.ledger.reschedule_order(&order, Some(context.received_at), &context).await?;
        }
        Replayable::Events(rows, _) => {
            let first = rows.first().map(|row| row.key.to_string()).unwrap_or_default();
            actions::record(&console.ledger, visit, id, &reason, "replay", vec![("event", first)]).await?;
            for row in &rows {
                // One that is not due by this is due by a retry or a delivery that was faster.
                console.ledger.retry_now(row, &context).await?;
            }
        }
    }
    let to = format!("{}&done={DONE}", explain_path(of));
    Ok(Shown::done(Shown::redirect(&to).reply, of))
}

async fn named<L: Books>(console: &Console<L>, visit: &Visit<'_>, of: &str) -> Result<Replayable, Refusal> {
    let typed = Typed { text: of, code: None, merchants: &console.parts.config.merchants };
    let found = replayable(&console.ledger, &typed, &visit.context()).await?;
    found.map_err(|why| Refusal::new(409, "not_replayable", text_of(&why)))
}

const fn text_of(why: &NotReplayable) -> Sentence {
    match why {
        NotReplayable::Nothing => say("No refused event has this name.", "没有被拒事件叫这个名字。"),
        NotReplayable::Booked(_) => {
            say("It is booked already, and no event is booked twice.", "它已入账，任何事件都不会入账两次。")
        }
        NotReplayable::Conflict(_) => say(
            "It contradicts the event that has its key, and a retry does not help.",
            "它与同一编号的事件矛盾，重试没有用。",
        ),
        NotReplayable::NoDelivery(_) => say(
            "No delivery of it is still kept: have its sender send it again.",
            "已没有保存它的投递：请让发送方重新发送。",
        ),
    }
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, of, what, csrf, id, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        section.narrow {
            h1 { (t(TITLE)) }
            @match what {
                Replayable::Query(order) => p {
                    (t(say("The provider is queried about this order, and what it reports is booked:", "会向支付方查询这个订单，并按结果入账：")))
                    " " a href=(explain_path(order.number.as_str())) { (order.number) } " (" (order.terms.provider.as_str()) ")"
                },
                Replayable::Events(rows, skipped) => {
                    p { (t(say(
                        "These are verified again and booked if they can be. An event that was booked meanwhile is not booked twice.",
                        "会重新验签，能入账的就入账。期间已入账的事件不会再次入账。",
                    ))) }
                    ul { @for row in rows { (item(row, *lang)) } }
                    @if !skipped.is_empty() {
                        p { (t(say("These are left out:", "以下不会重试："))) }
                        ul { @for why in skipped { li { (why.event().unwrap_or_default()) ": " (t(text_of(why))) } } }
                    }
                }
            }
            form method="post" action="/console/replay" {
                input type="hidden" name="csrf" value=(csrf);
                input type="hidden" name="id" value=(id);
                input type="hidden" name="of" value=(of);
                (reason_field(reason, *lang))
                button { (t(TITLE)) }
                " " a href=(explain_path(of)) { (t(say("No, back", "不，返回"))) }
            }
        }
    }
}

fn item(row: &EventRow, lang: Lang) -> Markup {
    html! {
        li {
            a href=(event_path(row.key.as_str())) { (row.key) }
            @if let Some(at) = row.received_at { " " small { (time(at)) " UTC" } }
            @if let Some(Why::Reason(reason)) = row.refused_for() { br; (sentence::reason(*reason).in_lang(lang)) }
        }
    }
}
