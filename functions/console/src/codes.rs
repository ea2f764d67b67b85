//! Redeem codes: the campaigns, and the codes of one by their names, as `code list` has them. A code itself is searched for.

use insight::{Lang, Sentence};
use ledger::{Asset, Campaign, Code, CodePage, LinePosition, Timestamp, Word};
use maud::{Markup, html};

use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{Tone, badge, empty, event_path, say, time};
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = say("Codes", "兑换码");
const ROWS_MAX: u16 = 50;

/// What the page of a campaign shows.
pub(crate) struct CampaignView<'v> {
    pub(crate) campaign: Word,
    pub(crate) page: &'v CodePage,
    pub(crate) now: Timestamp,
    pub(crate) may_act: bool,
    pub(crate) done: Option<&'v str>,
    pub(crate) lang: Lang,
}

/// The state of a code, by the words of `code list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Live,
    UsedUp,
    Over,
    Revoked,
}

impl State {
    pub(crate) fn of(code: &Code, now: Timestamp) -> Self {
        if code.revoked_at.is_some() {
            Self::Revoked
        } else if code.uses_left == 0 {
            Self::UsedUp
        } else if code.is_redeemable(now) {
            Self::Live
        } else {
            Self::Over
        }
    }

    fn badge(self, lang: Lang) -> Markup {
        let (tone, word) = match self {
            Self::Live => (Tone::Good, say("live", "有效")),
            Self::UsedUp => (Tone::Wait, say("used up", "已用完")),
            Self::Over => (Tone::Wait, say("over", "已过期")),
            Self::Revoked => (Tone::Bad, say("revoked", "已吊销")),
        };
        badge(tone, word.in_lang(lang))
    }
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["campaign", "after", "done"])?;
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Codes), visit };
    let (context, after) = (visit.context(), query.parameter("after").and_then(form::place));
    let Some(typed) = query.parameter("campaign").map(str::trim).filter(|typed| !typed.is_empty()) else {
        let found = console.ledger.campaigns(after.as_ref(), ROWS_MAX, &context).await?;
        let main = campaigns(&found.campaigns, found.next.as_ref(), visit.lang);
        return Ok(Shown::page(document(200, &frame, &main)));
    };
    let campaign = campaign_of(typed)?;
    let page = console.ledger.code_page(campaign, after.as_ref(), ROWS_MAX, &context).await?;
    let view = CampaignView {
        campaign,
        page: &page,
        now: visit.invocation.now,
        may_act: visit.may_act(),
        done: query.parameter("done"),
        lang: visit.lang,
    };
    Ok(Shown::page(document(200, &frame, &markup(&view))))
}

pub(crate) fn campaign_of(text: &str) -> Result<Word, Refusal> {
    Word::new(text).map_err(|_| Refusal::not_found())
}

pub(crate) fn path(campaign: Word) -> String {
    format!("/console/codes?campaign={}", api::percent_encoded(campaign.as_str()))
}

fn finder(lang: Lang, campaign: &str) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section {
            form.fields method="get" action="/console/codes" {
                label { (t(say("Campaign", "活动"))) input name="campaign" value=(campaign) required maxlength="64" autocomplete="off"; }
                button.small { (t(say("Show", "查看"))) }
            }
            p.hint { (t(say("To look up one code, type it in the search above.", "查找某个兑换码：在上方的查找框中输入。"))) }
        }
    }
}

pub(crate) fn campaigns(campaigns: &[Campaign], next: Option<&LinePosition>, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let [name, since] = [say("Campaign", "活动"), say("First codes", "首批兑换码")].map(t);
    html! {
        h1 { (t(TITLE)) }
        (finder(lang, ""))
        section aria-labelledby="campaigns" {
            h2 id="campaigns" { (t(say("Campaigns", "活动"))) " " small { "UTC" } }
            @if campaigns.is_empty() {
                (empty(
                    lang,
                    say("There are no codes.", "还没有兑换码。"),
                    say("hookledger code make prints some, and only it shows their texts.", "用 hookledger code make 生成；只有它会显示兑换码。"),
                ))
            } @else {
                table.stack {
                    thead { tr { th scope="col" { (name) } th scope="col" { (since) } } }
                    tbody {
                        @for campaign in campaigns {
                            tr {
                                td data-label=(name) { a href=(path(campaign.name)) { (campaign.name) } }
                                td data-label=(since) { (time(campaign.since)) }
                            }
                        }
                    }
                }
            }
            @if let Some(next) = next { (more("/console/codes?", next, lang)) }
        }
        (glossary(&[Term::Campaign], lang))
    }
}

pub(crate) fn markup(view: &CampaignView<'_>) -> Markup {
    let CampaignView { campaign, page, now, may_act, done, lang } = view;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        (buttons::notice(*done, *lang))
        h1 { (t(TITLE)) ": " (campaign) }
        (finder(*lang, campaign.as_str()))
        section aria-labelledby="codes" {
            h2 id="codes" { (t(say("Its codes, by name", "兑换码（按名称）"))) " " small { "UTC" } }
            @if page.codes.is_empty() {
                (empty(
                    *lang,
                    say("This campaign has no codes.", "这个活动没有兑换码。"),
                    say("Is its name mistyped? New codes appear within seconds.", "名称是否写错？新生成的几秒内出现。"),
                ))
            } @else {
                (table(view))
                @if *may_act && page.codes.iter().any(|code| code.revoked_at.is_none() && code.is_redeemable(*now)) {
                    (buttons::revoke_codes(*campaign, None, *lang))
                }
            }
            @if let Some(next) = &page.next { (more(&format!("{}&", path(*campaign)), next, *lang)) }
        }
    }
}

fn table(view: &CampaignView<'_>) -> Markup {
    let CampaignView { campaign, page, now, may_act, done: _, lang } = view;
    let heads = [
        say("Name", "名称"),
        say("Credits", "额度"),
        say("Used", "已用"),
        say("State", "状态"),
        say("Until", "有效期"),
        say("Made by", "来源"),
    ];
    let [name, credits, used, state, until, made] = heads.map(|head| head.in_lang(*lang));
    html! {
        table.stack {
            thead {
                tr {
                    th scope="col" { (name) } th.n scope="col" { (credits) } th.n scope="col" { (used) }
                    @for head in [state, until, made] { th scope="col" { (head) } }
                }
            }
            tbody {
                @for code in &page.codes {
                    @let of = State::of(code, *now);
                    tr {
                        td data-label=(name) {
                            (code.hash.short())
                            @if *may_act && of == State::Live { (buttons::revoke_codes(*campaign, Some(code.hash.short()), *lang)) }
                        }
                        td.n data-label=(credits) { (Asset::CREDITS.format(code.credits)) }
                        td.n data-label=(used) { (code.uses.saturating_sub(code.uses_left)) " / " (code.uses) }
                        td data-label=(state) { (of.badge(*lang)) }
                        td data-label=(until) { @if let Some(until) = code.until { (time(until)) } }
                        td data-label=(made) { a href=(event_path(code.made_by.as_str())) { (code.made_by) } }
                    }
                }
            }
        }
    }
}

fn more(path: &str, next: &LinePosition, lang: Lang) -> Markup {
    let after = api::percent_encoded(&format!("{} {}", next.at, next.key));
    html! { p { a href={ (path) "after=" (after) } { (say("More", "更多").in_lang(lang)) } } }
}
