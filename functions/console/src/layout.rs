//! The document around every page: the bar with search and sign-out, and the main part.

use edge::Reply;
use insight::{Lang, Sentence};
use maud::{DOCTYPE, Markup, html};

use crate::visit::Visit;
use crate::words::{SEARCH, say};

/// The preview under the tab of health.
const PAUSE_PATH: &str = "/console/pause";

/// The places in the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Events,
    Orders,
    Owners,
    Codes,
    Health,
}

pub(crate) struct Frame<'f, 'r> {
    pub(crate) title: &'f str,
    pub(crate) tab: Option<Tab>,
    pub(crate) visit: &'f Visit<'r>,
}

impl Tab {
    const ALL: [Self; 6] = [Self::Overview, Self::Events, Self::Orders, Self::Owners, Self::Codes, Self::Health];

    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Events => "/console/events",
            Self::Orders => "/console/orders",
            Self::Owners => "/console/owners",
            Self::Codes => "/console/codes",
            Self::Health => "/console/health",
        }
    }

    const fn name(self) -> Sentence {
        match self {
            Self::Overview => say("Overview", "概览"),
            Self::Events => say("Events", "事件"),
            Self::Orders => say("Orders", "订单"),
            Self::Owners => say("Owners", "用户"),
            Self::Codes => say("Codes", "兑换码"),
            Self::Health => say("Health", "运行状况"),
        }
    }
}

pub(crate) fn document(status: u16, frame: &Frame<'_, '_>, main: &Markup) -> Reply {
    let Frame { title, tab, visit } = frame;
    let (lang, assets) = (visit.lang, &visit.parts.assets);
    // A form of a preview is not loaded again under a person's hands.
    let is_live = status == 200 && matches!(tab, Some(Tab::Overview | Tab::Health)) && visit.request.path != PAUSE_PATH;
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let html_lang = if lang == Lang::Zh { "zh-CN" } else { "en" };
    let html = html! {
        (DOCTYPE)
        html lang=(html_lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · hookledger " (visit.parts.config.stage) }
                link rel="stylesheet" href=(assets.style.path);
                script src=(assets.script.path) defer {}
            }
            body data-copy=(t(say("Copy", "复制"))) data-copied=(t(say("Copied", "已复制")))
                data-refresh=(t(say("Refresh every 30 seconds", "每 30 秒刷新"))) {
                a.skip href="#main" { (t(say("To the content", "跳到内容"))) }
                (bar(frame))
                main id="main" data-live[is_live] { (main) }
            }
        }
    };
    Reply::html(status, html.into_string()).with_header("vary", "accept-language, cookie")
}

fn bar(frame: &Frame<'_, '_>) -> Markup {
    let Frame { title: _, tab, visit } = frame;
    let t = |sentence: Sentence| sentence.in_lang(visit.lang);
    html! {
        header.bar {
            b { "hookledger " small { (visit.parts.config.stage) } }
            @if let Some(signed) = &visit.signed {
                nav aria-label=(t(say("Pages", "页面"))) {
                    @for other in Tab::ALL {
                        a href=(other.path()) aria-current=[(*tab == Some(other)).then_some("page")] { (t(other.name())) }
                    }
                }
                (search_form(visit))
                div.who {
                    (language_form(visit))
                    span { (signed.operator.name) " " small { (signed.operator.role.as_str()) } }
                    form method="post" action="/console/sign-out" {
                        input type="hidden" name="csrf" value=(signed.csrf);
                        button.alt.small { (t(say("Sign out", "退出"))) }
                    }
                }
            } @else {
                div.who { (language_form(visit)) }
            }
        }
    }
}

fn search_form(visit: &Visit<'_>) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(visit.lang);
    html! {
        form.search role="search" method="post" action="/console/search" {
            input type="hidden" name="csrf" value=(visit.csrf());
            input id="q" name="q" type="search" required maxlength="512" autocomplete="off" spellcheck="false"
                aria-label=(t(say("An order, event, payment, owner, key, hold or code", "订单、事件、付款、用户、密钥、预留或兑换码")))
                title=(t(say("An order, event, payment, owner, key, hold or code", "订单、事件、付款、用户、密钥、预留或兑换码")))
                placeholder=(t(say("Order, payment …", "订单、付款……")));
            button { (t(SEARCH)) }
        }
    }
}

/// A form, since a link would be a GET that sets a cookie.
fn language_form(visit: &Visit<'_>) -> Markup {
    let (other, name, html_lang) = match visit.lang {
        Lang::En => (Lang::Zh, "中文", "zh-CN"),
        Lang::Zh => (Lang::En, "English", "en"),
    };
    let query = if visit.request.query.is_empty() { String::new() } else { format!("?{}", visit.request.query) };
    html! {
        form method="post" action="/console/language" {
            input type="hidden" name="lang" value=(other.as_str());
            input type="hidden" name="then" value={ (visit.request.path) (query) };
            button.alt.small lang=(html_lang) { (name) }
        }
    }
}
