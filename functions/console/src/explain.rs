//! What became of a thing: why it stopped and what helps, and a timeline in three columns, the provider's, ours and the
//! shop's.

use insight::{
    Chain, Commands, Explained, Explanation, Fix, Halt, Happened, Headline, Lang, Link, Sender, Sentence, Side, Typed,
    explain, sender_of,
};
use ledger::{CodeHash, CodeText, Fulfilment, KeyId, OrderNumber};
use maud::{Markup, html};

use crate::actions::replay;
use crate::event::is_use;
use crate::glossary::{Term, glossary};
use crate::layout::{Frame, document};
use crate::orders::status_word;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{STOPPED, Tone, WELL, badge, event_path, explain_path, owner_path, say, time};
use crate::{Books, Console, buttons, form};

const PROGRAM: &str = "hookledger";

/// How the page shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) lang: Lang,
    /// The options of a command that works with the same books.
    pub(crate) books: &'v str,
    /// Whether the visitor is offered what changes something.
    pub(crate) may_act: bool,
    /// The action that has led here.
    pub(crate) done: Option<&'v str>,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["q", "done"])?;
    let text = query.parameter("q").unwrap_or_default().trim();
    let code = code_hash(console, text);
    let typed = Typed { text, code: code.as_ref(), merchants: &console.parts.config.merchants };
    page_of(console, visit, &typed, query.parameter("done")).await
}

/// The hash of a text that may be a redeem code.
pub(crate) fn code_hash<L>(console: &Console<L>, text: &str) -> Option<CodeHash> {
    api::code_hash(&console.parts.pepper, &CodeText::parse(text)?)
}

pub(crate) async fn page_of<L: Books>(
    console: &Console<L>,
    visit: &Visit<'_>,
    typed: &Typed<'_>,
    done: Option<&str>,
) -> Result<Shown, Refusal> {
    let explained = explain(&console.ledger, typed, &visit.context()).await?;
    let books = console.parts.config.books();
    let view = View { lang: visit.lang, books: &books, may_act: visit.may_act(), done };
    let status = if explained == Explained::Missing { 404 } else { 200 };
    let title = say("Explain", "解释").in_lang(visit.lang);
    let main = markup(&explained, typed.text, view);
    Ok(Shown::page(document(status, &Frame { title, tab: None, visit }, &main)))
}

pub(crate) fn markup(explained: &Explained, text: &str, view: View<'_>) -> Markup {
    match explained {
        Explained::Missing => missing(text, view.lang),
        Explained::Several(named) => several(text, named, view.lang),
        Explained::One(explanation) => one(explanation, view),
    }
}

/// Everything that the search takes.
const TAKES: Sentence = say(
    "The search takes an order's number, the id of an event, a payment, a refund's payment, a session or a subscription at its provider, an owner's name, a key or its id, a hold, a redeem code, and the key of any row of the journal.",
    "可以查找：订单号，事件、付款、会话或订阅在支付方的编号，用户名，密钥或其编号，预留，兑换码，以及账本任何记录的编号。",
);

/// A text that no row has may be a secret, so it is not repeated.
fn missing(text: &str, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let senders: Vec<Sender> = sender_of(text).map_or_else(|| Sender::ALL.into(), |sender| vec![sender]);
    html! {
        section {
            h1 { (t(say("No row has this name", "没有任何记录叫这个名字"))) }
            p {
                (t(say(
                    "Nothing of this name was accepted here. It may be mistyped, of another stage, or never have arrived. Where to look:",
                    "这里没有收下过它。可能写错了、属于另一个环境，或从未到达。可以查看：",
                )))
            }
            ul {
                @for sender in senders { li { (t(sender.shows())) } }
                li { (t(Sender::OURS)) }
            }
            p { (t(TAKES)) }
            p.hint {
                (t(say(
                    "Ids are case-sensitive: paste one as its sender writes it. The numbers of our orders and redeem codes are not, and a name is also looked up in small letters.",
                    "编号区分大小写：请按发送方的写法粘贴。本系统的订单号和兑换码不区分，名称也会按小写查找。",
                )))
            }
        }
    }
}

fn several(text: &str, named: &[(insight::Kind, String)], lang: Lang) -> Markup {
    html! {
        section {
            h1 { (say("Several things have this name", "有几项都叫这个名字").in_lang(lang)) ": " (text) }
            ul {
                @for (kind, exact) in named {
                    li { (kind.word(lang)) ": " a href=(explain_path(exact)) { (exact) } }
                }
            }
        }
    }
}

fn one(explanation: &Explanation, view: View<'_>) -> Markup {
    let Explanation { headline, chain } = explanation;
    let lang = view.lang;
    let state =
        if chain.is_well() { badge(Tone::Good, WELL.in_lang(lang)) } else { badge(Tone::Bad, STOPPED.in_lang(lang)) };
    html! {
        @if view.done == Some(replay::DONE) {
            p role="status" {
                (say(
                    "It is due now, and tried within a minute. Load the page again then.",
                    "已安排立即重试，一分钟内会处理。请稍后刷新页面。",
                ).in_lang(lang))
            }
        }
        (buttons::notice(view.done, lang))
        h1 { (headline.text(lang)) " " (state) }
        (owner_link(headline, lang))
        @if let Headline::Event { key, .. } = headline {
            p { a href=(event_path(key)) { (say("Its row in the journal", "账本记录").in_lang(lang)) } }
        }
        @if let Headline::Code { campaign, .. } = headline {
            p { a href={ "/console/codes?campaign=" (api::percent_encoded(campaign)) } { (say("All codes of the campaign", "该活动的全部兑换码").in_lang(lang)) } }
        }
        @if view.may_act { (more(headline, chain.is_well(), lang)) }
        @for halt in &chain.halts { (why(halt, view)) }
        @if let Headline::NoOrder { .. } = headline { (without_order(lang)) }
        @if !view.may_act && chain.halts.iter().any(|halt| !halt.fixes.is_empty()) {
            p.hint {
                (say(
                    "Your role sees and changes nothing: send the address of this page to an operator.",
                    "你的角色只能查看：请把本页地址发给有操作权限的人。",
                ).in_lang(lang))
            }
        }
        @if chain.is_well() {
            section.why.well { p { (say("Nothing of it waits for anyone.", "没有任何环节在等待处理。").in_lang(lang)) } }
        }
        (timeline(chain, lang))
        (glossary(&[Term::Anomaly, Term::Audit, Term::Hold, Term::Journal, Term::NotBooked, Term::Replay], lang))
    }
}

/// What to do for a buyer whose payment names an order that these books do not have.
fn without_order(lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        p.hint {
            (t(say(
                "Is the payment this shop's? Then see in the buyer's statement that it was not granted yet, and grant its credits by hand, with the payment as the reason:",
                "这笔付款属于本店？先在买家的明细中确认尚未发放，再手动发放额度，并在原因中写明这笔付款：",
            )))
            " " a href="/console/owners" { (t(say("Owners", "用户"))) } ". "
            (t(say(
                "Else refund it at its provider, or look in the other stage: both may have the same endpoint there.",
                "否则在支付方退款，或查看另一个环境：两者可能共用同一个 endpoint。",
            )))
        }
    }
}

/// To the account of what belongs to an owner.
fn owner_link(headline: &Headline, lang: Lang) -> Markup {
    let (Headline::Owner { owner } | Headline::Order { owner, .. } | Headline::Key { owner: Some(owner), .. }) =
        headline
    else {
        return html! {};
    };
    let text = say("Balance, keys and statement of", "余额、密钥与明细：").in_lang(lang);
    html! { p { (text) " " a href=(owner_path(owner)) { (owner) } } }
}

/// Why it stopped, when it goes on by itself, and what helps.
fn why(halt: &Halt, view: View<'_>) -> Markup {
    let lang = view.lang;
    let before = halt.before.word(lang);
    html! {
        section.why {
            h2 {
                @match lang {
                    Lang::En => { "Stopped before: " (before) }
                    Lang::Zh => { "停在“" (before) "”之前" }
                }
            }
            p { (halt.cause.text(lang)) }
            @if let Some(details) = &halt.details { p.soft { (details) } }
            @if let Some(next) = halt.next {
                p { (say("It is tried again by itself at", "会自动重试，时间：").in_lang(lang)) " " (time(next)) }
            }
            @if !halt.fixes.is_empty() {
                // First what a button does.
                @let (pages, commands): (Vec<&Fix>, Vec<&Fix>) = halt.fixes.iter().partition(|fix| is_of_page(fix, view));
                ul.fixes { @for fix in pages.into_iter().chain(commands) { li { (help(fix, view)) } } }
            }
        }
    }
}

/// Without the option that the command has for it.
const ACCEPTS: Sentence = say("Book the payment", "入账这笔付款");
const CLEARS: Sentence = say("Close it, once the provider has refunded it", "服务商退款后，关闭它");

const QUERIES: Sentence = say("Query the provider now", "立即查询支付方");
const RECORDS_DONE: Sentence = say("Record that it was done", "记录为已到账");
const RECORDS_FAILED: Sentence = say("Record that it was not", "记录为未到账");
const CALLS_AGAIN: Sentence = say("Call the phone company again", "再次充值");

/// Whether a page of the console does it or shows it.
const fn is_of_page(fix: &Fix, view: View<'_>) -> bool {
    let is_action = matches!(
        fix,
        Fix::Replay(_)
            | Fix::Query(_)
            | Fix::Accept { .. }
            | Fix::Clear { .. }
            | Fix::ResolveDone(_)
            | Fix::ResolveFailed(_)
            | Fix::ResolveAgain(_)
            | Fix::Credit { .. }
    );
    matches!(fix, Fix::Explain(_) | Fix::ShowBody(_) | Fix::ListRefused(_)) || (view.may_act && is_action)
}

/// A page of the console that does it, or the command to copy.
fn help(fix: &Fix, view: View<'_>) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(view.lang);
    let when = t(fix.when());
    let commands = Commands { program: PROGRAM, books: view.books };
    html! {
        @match fix {
            Fix::Explain(text) => a href=(explain_path(text)) { (text) },
            Fix::ShowBody(event) => { span { (when) } a href=(event_path(event.as_str())) { (event) } },
            Fix::ListRefused(source) => {
                a href={ "/console/events?since=7d&failed=1&from=" (source.as_str()) } { (when) }
            }
            Fix::Replay(event) if view.may_act => (try_again(event.as_str(), t(replay::TITLE))),
            Fix::Query(order) if view.may_act => (try_again(order.as_str(), t(QUERIES))),
            Fix::Accept { order, payment, is_confirmed: _ } if view.may_act => {
                (buttons::help(buttons::ACCEPT, &[("order", order.as_str()), ("payment", payment)], t(ACCEPTS)))
            }
            Fix::Clear { order, reason, payment } if view.may_act => {
                (buttons::help(
                    buttons::CLEAR,
                    &[
                        ("order", order.as_str()),
                        ("anomaly", reason.as_str()),
                        ("payment", payment.as_deref().unwrap_or_default()),
                    ],
                    t(CLEARS),
                ))
            }
            Fix::ResolveDone(order) if view.may_act => { span { (when) } (resolve(order, "done", t(RECORDS_DONE))) }
            Fix::ResolveFailed(order) if view.may_act => { span { (when) } (resolve(order, "failed", t(RECORDS_FAILED))) }
            Fix::ResolveAgain(order) if view.may_act => (resolve(order, "again", t(CALLS_AGAIN))),
            Fix::Credit { owner, amount } if view.may_act => (buttons::cover(owner, *amount, t(buttons::GRANTS))),
            _ => { span { (when) } code.copy { (commands.written(fix)) } },
        }
    }
}

fn resolve(order: &OrderNumber, verdict: &str, when: &str) -> Markup {
    buttons::help(buttons::RESOLVE, &[("order", order.as_str()), ("as", verdict)], when)
}

/// What may be done to a thing that is well, too.
fn more(headline: &Headline, is_well: bool, lang: Lang) -> Markup {
    html! {
        @match headline {
            Headline::Event { key, .. } if is_well && is_use(key) => (buttons::reverse(key, lang)),
            Headline::Key { id, .. } => {
                @if let Some(id) = KeyId::parse(id) { (buttons::revoke_key(&id, lang)) }
            }
            Headline::Event { .. }
            | Headline::Order { .. }
            | Headline::NoOrder { .. }
            | Headline::Hold { .. }
            | Headline::Code { .. }
            | Headline::Owner { .. }
            | Headline::Lane { .. }
            | Headline::Row { .. } => {}
        }
    }
}

/// Leads to the preview of the action.
fn try_again(of: &str, when: &str) -> Markup {
    html! {
        form method="get" action="/console/replay" {
            input type="hidden" name="of" value=(of);
            button { (when) " …" }
        }
    }
}

fn timeline(chain: &Chain, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { (t(say("What happened", "经过"))) " " small { "UTC" } }
            div.heads aria-hidden="true" {
                span {}
                @for side in Side::ALL { span { (t(name_of(side))) } }
            }
            ol.lanes { @for link in &chain.links { (moment(link, lang)) } }
        }
    }
}

fn moment(link: &Link, lang: Lang) -> Markup {
    let side = link.what.side();
    let class = match side {
        Side::Provider => "theirs",
        Side::Ours => "ours",
        Side::Shop => "shop",
    };
    html! {
        li class=(class) {
            span.soft {
                @match link.at {
                    Some(at) => (time(at)),
                    None if link.what.is_of_now() => (say("now", "现在").in_lang(lang)),
                    None => (say("time not kept", "未记时间").in_lang(lang)),
                }
            }
            div {
                strong { (link.stage.word(lang)) }
                span.side { " · " (name_of(side).in_lang(lang)) }
                br;
                (happened(&link.what, lang))
            }
        }
    }
}

/// The text, with a link to what has a page.
fn happened(what: &Happened, lang: Lang) -> Markup {
    html! {
        @match what {
            Happened::OrderOf { number, payment, fulfilment } => {
                a href=(explain_path(number)) { (number) } ": " (status_word(payment.as_str(), lang))
                @if *fulfilment != Fulfilment::None { ", " (status_word(fulfilment.as_str(), lang)) }
            }
            Happened::Booked { key } => a href=(event_path(key)) { (key) },
            _ => (what.text(lang)),
        }
    }
}

const fn name_of(side: Side) -> Sentence {
    match side {
        Side::Provider => say("The provider or gateway", "支付方或网关"),
        Side::Ours => say("hookledger", "hookledger"),
        Side::Shop => say("The shop and its people", "商店与人工"),
    }
}
