//! Revokes a code of a campaign, or all of them: what the command `code revoke` does. What was redeemed stays.

use insight::{Lang, Sentence};
use ledger::{CODES_MAX, Code, CodeHash, Word};
use manual::{Change, What};
use maud::{Markup, html};

use crate::actions::confirm::{self, Booked, Confirm, Signature};
use crate::codes::{State, campaign_of, path};
use crate::layout::Tab;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::say;
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = buttons::REVOKES;

/// What the preview shows.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    pub(crate) campaign: Word,
    /// `None`: all of the campaign.
    pub(crate) name: Option<&'p str>,
    /// How many are revoked now, and how many live ones are left for another form.
    pub(crate) revoked: usize,
    pub(crate) left: usize,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["campaign", "name"])?;
    let (campaign, name) = named(&query)?;
    let codes = live(&console.ledger, visit, campaign, name).await?;
    if codes.iter().all(|code| State::of(code, visit.invocation.now) != State::Live) {
        let why = say("No code of this name can still be redeemed.", "没有仍可兑换的这种兑换码。");
        return Err(Refusal::new(409, "nothing_to_revoke", why));
    }
    let id = confirm::new_id(console)?;
    let revoked = codes.len().min(at_once());
    let left = codes.len().saturating_sub(revoked);
    let reason = form::typed_reason(&query);
    let main =
        markup(&Preview { lang: visit.lang, campaign, name, revoked, left, csrf: visit.csrf(), id: &id, reason });
    Ok(confirm::page(visit, Tab::Codes, TITLE, &main))
}

pub(crate) async fn revoke<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["campaign", "name", "reason", "id", "csrf"])?;
    let (signature, (campaign, name)) = (Signature::read(visit, &form)?, named(&form)?);
    let mut codes: Vec<CodeHash> =
        live(&console.ledger, visit, campaign, name).await?.into_iter().map(|code| code.hash).collect();
    codes.truncate(at_once());
    let what = What::RevokeCodes { campaign, name: name.map(str::to_owned), codes };
    let decision = Change { by: signature.by(), what }.decision();
    match confirm::commit(&console.ledger, visit, decision).await? {
        Booked::Done(receipt) => Ok(confirm::done(&path(campaign), &receipt, campaign.as_str())),
        Booked::Stale => Err(confirm::overtaken()),
    }
}

fn at_once() -> usize {
    usize::try_from(CODES_MAX).unwrap_or_default()
}

fn named(query: &api::Query) -> Result<(Word, Option<&str>), Refusal> {
    let campaign = campaign_of(query.parameter("campaign").unwrap_or_default())?;
    Ok((campaign, query.parameter("name").filter(|name| !name.is_empty())))
}

/// Those that are not revoked, in the order of their names, as the command takes them. A name that no code has is refused.
async fn live<L: Books>(
    ledger: &L,
    visit: &Visit<'_>,
    campaign: Word,
    name: Option<&str>,
) -> Result<Vec<Code>, Refusal> {
    let mut codes = ledger.codes(campaign, &visit.context()).await?;
    codes.retain(|code| name.is_none_or(|name| code.hash.short() == name));
    if codes.is_empty() {
        return Err(Refusal::not_found());
    }
    codes.retain(|code| code.revoked_at.is_none());
    codes.sort_by(|one, other| one.hash.cmp(&other.hash));
    Ok(codes)
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, campaign, name, revoked, left, csrf, id, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    let what = html! {
        p { (t(say(
            "They cannot be redeemed any more, and not be made to work again. Credits that were redeemed stay.",
            "吊销后不能再兑换，也无法恢复。已兑换的额度保留。",
        ))) }
        dl.facts {
            dt { (t(say("Campaign", "活动"))) } dd { (campaign) }
            @if let Some(name) = name { dt { (t(say("Code", "兑换码"))) } dd { (name) } }
            dt { (t(say("Codes", "数量"))) } dd { strong { (revoked) } }
            @if *left > 0 { dt { (t(say("Left for another time", "需再次操作"))) } dd { (left) } }
        }
    };
    let mut fields = vec![("campaign", campaign.as_str())];
    fields.extend(name.map(|name| ("name", name)));
    let back = path(*campaign);
    let confirm = Confirm {
        lang: *lang,
        title: TITLE,
        path: buttons::REVOKE_CODES,
        csrf,
        id,
        reason,
        fields: &fields,
        back: &back,
    };
    confirm::markup(&confirm, &what, &html! {})
}
