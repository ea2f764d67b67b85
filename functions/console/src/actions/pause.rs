//! Pauses a source, fulfilment or a sweep, and lets it go on: a preview, a reason, and then what the commands do.

use insight::{Lang, Sentence};
use ledger::{Effect, EventKey, Pausable, Pause, Source, Sweep, Writer};
use maud::{Markup, html};

use crate::actions::confirm;
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{reason_field, say};
use crate::{Books, Console, actions, form};

const PAUSE: &str = "pause";
const RESUME: &str = "resume";

/// The preview.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    pub(crate) what: Pausable,
    pub(crate) is_paused: bool,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["what"])?;
    let what = query.parameter("what").and_then(Pausable::named).ok_or_else(Refusal::not_found)?;
    let is_paused = console.ledger.pauses(&visit.context()).await?.has(what);
    let id = format!("{:032x}", console.parts.ids.bits()?);
    let reason = form::typed_reason(&query);
    let preview = Preview { lang: visit.lang, what, is_paused, csrf: visit.csrf(), id: &id, reason };
    let frame = Frame { title: title(is_paused).in_lang(visit.lang), tab: Some(Tab::Health), visit };
    Ok(Shown::page(document(200, &frame, &markup(&preview))))
}

pub(crate) async fn change<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["what", "to", "loses", "reason", "id", "csrf"])?;
    let (reason, id) = (form::reason(&form)?, form.parameter("id").unwrap_or_default());
    let what = form.parameter("what").and_then(Pausable::named).ok_or_else(Refusal::malformed)?;
    let receipt = EventKey::new(Writer::Console, id).map_err(|_| Refusal::malformed())?;
    let before = console.ledger.pauses(&visit.context()).await?;
    let (kind, after) = match form.parameter("to") {
        Some(PAUSE) => {
            if what.lost_by().is_some() && form.parameter("loses").is_none() {
                return Err(unconfirmed());
            }
            let author = visit.signed.as_ref().map(|signed| signed.operator.name.to_string()).unwrap_or_default();
            let pause = Pause { since: visit.invocation.now, author, reason: reason.clone(), receipt: receipt.clone() };
            (PAUSE, before.pause(what, pause))
        }
        Some(RESUME) => (RESUME, before.resume(what)),
        _ => return Err(Refusal::malformed()),
    };
    let after = after.map_err(|_| overtaken())?;
    let facts = vec![("what", what.as_str().to_owned())];
    actions::record_with(&console.ledger, visit, id, &reason, kind, facts, vec![Effect::Pauses(after)]).await?;
    Ok(confirm::done("/console/health", &receipt, what.as_str()))
}

const fn unconfirmed() -> Refusal {
    let why = say(
        "Its sender does not keep what is turned away. Confirm that it may be lost.",
        "发送方不会保留被拒的事件。请确认可以丢失。",
    );
    Refusal::new(400, "loses_events", why)
}

/// Also for a form that is sent twice.
const fn overtaken() -> Refusal {
    Refusal::new(409, "overtaken", say("It is so already. Open the page again.", "已是这个状态。请重新打开页面。"))
}

pub(crate) const fn title(is_paused: bool) -> Sentence {
    if is_paused { say("Resume", "恢复") } else { say("Pause", "暂停") }
}

const fn means(what: Pausable, is_paused: bool) -> Sentence {
    if is_paused {
        return say("It goes on within ten seconds, with what has waited.", "十秒内恢复，处理等待中的内容。");
    }
    match what {
        Pausable::Source(_) => say(
            "Its deliveries are answered 503 until it is resumed. A function that has just run books for up to ten seconds more.",
            "恢复之前，对它的投递应答 503。刚运行过的函数最多再入账十秒。",
        ),
        Pausable::Fulfil => {
            say("Nothing is delivered for paid orders until it is resumed.", "恢复之前，已付订单不会交付。")
        }
        Pausable::Sweep(_) => say("Its runs do nothing until it is resumed.", "恢复之前，它每次运行什么都不做。"),
    }
}

/// What does not happen while it is paused.
pub(crate) const fn while_paused(what: Pausable) -> Sentence {
    match what {
        Pausable::Source(Source::Litellm | Source::Openrouter) => say(
            "Paused: its usage is answered 503, and lost once the gateway gives up.",
            "暂停时：对用量应答 503，网关放弃后会丢失。",
        ),
        Pausable::Source(Source::Usage | Source::Stripe | Source::Wechat | Source::Epay | Source::Fireblocks) => say(
            "Paused: its events are answered 503, and the sender repeats them.",
            "暂停时：对事件应答 503，发送方会重新投递。",
        ),
        Pausable::Fulfil => say("Paused: nothing is delivered for paid orders.", "暂停时：已付订单不会交付。"),
        Pausable::Sweep(sweep) => match sweep {
            Sweep::Refused => say("Paused: refused events are not tried again.", "暂停时：不重试被拒的事件。"),
            Sweep::StripeBackfill => {
                say("Paused: what Stripe could not deliver is not fetched.", "暂停时：不补取 Stripe 未送达的事件。")
            }
            Sweep::GatewayLog => say("Paused: the log of the gateway is not compared.", "暂停时：不核对网关的日志。"),
            Sweep::Unpaid => {
                say("Paused: providers are not queried about unpaid orders.", "暂停时：不向支付方查询未付订单。")
            }
            Sweep::Unfulfilled => {
                say("Paused: deliveries that have stopped are not tried again.", "暂停时：不重试停住的交付。")
            }
            Sweep::PendingExternal => say(
                "Paused: operators and Fireblocks are not queried about what they have accepted.",
                "暂停时：不查询运营商和 Fireblocks 已受理的。",
            ),
            Sweep::Expiring => say(
                "Paused: expired credits stay on the account, and cannot be spent.",
                "暂停时：过期额度仍在账户上，但不能使用。",
            ),
            Sweep::Holds => say("Paused: holds that are over stay open.", "暂停时：到期的预留不会结束。"),
            Sweep::Audit => say("Paused: the books are not compared.", "暂停时：不核对账目。"),
        },
    }
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, what, is_paused, csrf, id, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    let title = t(title(*is_paused));
    html! {
        section.narrow {
            h1 { (title) ": " (what.as_str()) }
            p { (t(means(*what, *is_paused))) }
            form method="post" action="/console/pause" {
                input type="hidden" name="csrf" value=(csrf);
                input type="hidden" name="id" value=(id);
                input type="hidden" name="what" value=(what.as_str());
                input type="hidden" name="to" value=(if *is_paused { RESUME } else { PAUSE });
                @if !is_paused && what.lost_by().is_some() {
                    p role="alert" { (t(say("Its sender does not keep what is turned away: what it sends meanwhile is lost.", "发送方不会保留被拒的事件：期间发送的会丢失。"))) }
                    label { input.check type="checkbox" name="loses" value="1" required; (t(say("It may be lost", "可以丢失"))) }
                }
                (reason_field(reason, *lang))
                button { (title) }
                " " a href="/console/health" { (t(say("No, back", "不，返回"))) }
            }
        }
    }
}
