//! Gives the charge of a usage event back, whole or in part: what the command `reverse` does.

use insight::{Lang, Sentence};
use ledger::{AccountId, Amount, Asset, EventKey, MoneyKey, UsageReversalError};
use manual::{Change, ReversalStep, What, reversal_of};
use maud::{Markup, html};

use crate::actions::confirm::{self, Booked, Confirm, Signature};
use crate::layout::Tab;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{event_path, owner_path, say};
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = buttons::REVERSES;
/// How often the rows are read again after another change of them.
const ROUNDS_MAX: u32 = 3;

/// What the preview shows.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    pub(crate) usage: &'p str,
    pub(crate) account: &'p AccountId,
    pub(crate) charged: Amount,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    /// As they were typed before, or empty.
    pub(crate) part: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["usage", "amount"])?;
    let usage = usage_of(&query)?;
    let reversal = match step(&console.ledger, visit, &usage, None).await? {
        ReversalStep::Book(reversal) => reversal,
        ReversalStep::Earlier { .. } | ReversalStep::Other { .. } => return Err(refused(UsageReversalError::Reversed)),
    };
    let id = confirm::new_id(console)?;
    let main = markup(&Preview {
        lang: visit.lang,
        usage: usage.as_str(),
        account: reversal.account(),
        charged: reversal.amount(),
        csrf: visit.csrf(),
        id: &id,
        part: query.parameter("amount").unwrap_or_default(),
        reason: form::typed_reason(&query),
    });
    Ok(confirm::page(visit, Tab::Events, TITLE, &main))
}

pub(crate) async fn reverse<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["usage", "amount", "reason", "id", "csrf"])?;
    let (signature, usage) = (Signature::read(visit, &form)?, usage_of(&form)?);
    let amount = form.parameter("amount").map(str::trim).filter(|text| !text.is_empty());
    let amount = amount.map(form::amount).transpose()?;
    for _ in 0..ROUNDS_MAX {
        let reversal = match step(&console.ledger, visit, &usage, amount).await? {
            ReversalStep::Book(reversal) => reversal,
            ReversalStep::Earlier { receipt, account } => {
                let to = owner_path(account.owner().as_str());
                return Ok(confirm::done(&to, &EventKey::of_row(&receipt), usage.as_str()));
            }
            ReversalStep::Other { .. } => return Err(refused(UsageReversalError::Reversed)),
        };
        let to = owner_path(reversal.account().owner().as_str());
        let decision = Change { by: signature.by(), what: What::ReverseUsage(reversal) }.decision();
        match confirm::commit(&console.ledger, visit, decision).await? {
            Booked::Done(receipt) => return Ok(confirm::done(&to, &receipt, usage.as_str())),
            // Another reversal was faster, or a person repairs the line.
            Booked::Stale => {}
        }
    }
    Err(confirm::overtaken())
}

fn usage_of(query: &api::Query) -> Result<MoneyKey, Refusal> {
    let key = query.parameter("usage").unwrap_or_default();
    if form::is_key(key) { Ok(MoneyKey::of_row(key)) } else { Err(Refusal::not_found()) }
}

async fn step<L: Books>(
    ledger: &L,
    visit: &Visit<'_>,
    usage: &MoneyKey,
    amount: Option<Amount>,
) -> Result<ReversalStep, Refusal> {
    let (charge, reversal) = ledger.line_with_reversal(usage, &visit.context()).await?;
    let charge = charge.ok_or_else(|| refused(UsageReversalError::NotUsage))?;
    reversal_of(charge, reversal, amount).map_err(refused)
}

const fn refused(cause: UsageReversalError) -> Refusal {
    let why = match cause {
        UsageReversalError::NotUsage => say("It is not a booked usage event.", "它不是已入账的用量。"),
        UsageReversalError::Reversed => say("It is reversed already.", "已经退还过。"),
        UsageReversalError::Free => say("It cost nothing.", "它没有扣费。"),
        UsageReversalError::Nothing => say("An amount of 0 gives nothing back.", "数额为 0，没有可退还的。"),
        UsageReversalError::TooMuch { .. } => say("That is more than it has charged.", "超出它的扣费。"),
    };
    Refusal::new(409, "not_reversed", why)
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, usage, account, charged, csrf, id, part, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    let what = html! {
        p { (t(say("The owner gets the charge of this use back, once.", "把这次用量的扣费退还给用户，只退一次。"))) }
        dl.facts {
            dt { (t(say("Use", "用量"))) } dd { a href=(event_path(usage)) { (usage) } }
            dt { (t(say("Owner", "用户"))) } dd { a href=(owner_path(account.owner().as_str())) { (account.owner()) } }
            dt { (t(say("Charged", "扣费"))) } dd { strong { (Asset::CREDITS.format(*charged)) } }
        }
    };
    let asks = html! {
        label for="amount" { (t(say("A part of it (empty: all)", "只退一部分（空：全部）"))) }
        input id="amount" name="amount" value=[Some(*part).filter(|part| !part.is_empty())] inputmode="decimal" maxlength="40"
            autocomplete="off" pattern=(form::AMOUNT_PATTERN) title=(t(form::AMOUNT));
    };
    let (fields, back) = ([("usage", *usage)], event_path(usage));
    let confirm =
        Confirm { lang: *lang, title: TITLE, path: buttons::REVERSE, csrf, id, reason, fields: &fields, back: &back };
    confirm::markup(&confirm, &what, &asks)
}
