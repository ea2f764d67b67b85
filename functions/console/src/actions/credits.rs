//! Gives an owner credits, or takes some: what the commands `account credit` and `account debit` do.

use insight::{Lang, Sentence};
use ledger::{Amount, Asset, Balance, GrantTermsError, LotKind, LotTerms, Owner, PRIORITY_DEFAULT, Timestamp};
use manual::{Change, Expiry, What};
use maud::{Markup, html};

use crate::actions::confirm::{self, Booked, Confirm, Signature};
use crate::buttons::Typed;
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{owner_path, say, time};
use crate::{Books, Console, buttons, form};

/// The direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Grant,
    Debit,
}

impl Which {
    const fn title(self) -> Sentence {
        match self {
            Self::Grant => buttons::GRANTS,
            Self::Debit => buttons::DEBITS,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Grant => buttons::GRANT,
            Self::Debit => buttons::DEBIT,
        }
    }
}

/// What the form asks for.
struct Asked {
    owner: Owner,
    amount: Amount,
    expiry: Option<Expiry>,
}

/// What the preview shows.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    pub(crate) which: Which,
    pub(crate) owner: &'p Owner,
    /// `None` if there is no account yet.
    pub(crate) balance: Option<Balance>,
    pub(crate) amount: Amount,
    /// As it was named, and when that is.
    pub(crate) expires: Option<(&'p str, Option<Timestamp>)>,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>, which: Which) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["owner", "amount", "expires"])?;
    let owner = owner_of(&query)?;
    if query.parameter("amount").is_none_or(|amount| amount.trim().is_empty()) {
        return Ok(form_again(visit, which, &query, &owner, None));
    }
    let asked = match asked(&query, owner.clone(), visit.invocation.now) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(form_again(visit, which, &query, &owner, Some(&refusal))),
    };
    let account = asked.owner.account(Asset::CREDITS);
    let row = console.ledger.account_with_lots(&account, &visit.context()).await?;
    if which == Which::Debit {
        let Some((account, _)) = &row else { return Err(no_account()) };
        if account.available < Balance::from(asked.amount) {
            return Ok(form_again(visit, which, &query, &owner, Some(&confirm::insufficient())));
        }
    }
    let id = confirm::new_id(console)?;
    let expires = asked.expiry.as_ref().map(|expiry| (expiry.text.as_str(), expiry.terms.expires_at));
    let main = markup(&Preview {
        lang: visit.lang,
        which,
        owner: &asked.owner,
        balance: row.map(|(row, _)| row.balance),
        amount: asked.amount,
        expires,
        csrf: visit.csrf(),
        id: &id,
        reason: form::typed_reason(&query),
    });
    Ok(confirm::page(visit, Tab::Owners, which.title(), &main))
}

pub(crate) async fn change<L: Books>(console: &Console<L>, visit: &Visit<'_>, which: Which) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["owner", "amount", "expires", "new", "reason", "id", "csrf"])?;
    let signature = Signature::read(visit, &form)?;
    let Asked { owner, amount, expiry } = asked(&form, owner_of(&form)?, visit.invocation.now)?;
    let account = owner.account(Asset::CREDITS);
    // A name without an account is usually mistyped.
    let may_begin = which == Which::Grant && form.parameter("new").is_some();
    if !may_begin && console.ledger.account_with_lots(&account, &visit.context()).await?.is_none() {
        return Err(no_account());
    }
    let what = match which {
        Which::Grant => What::Credit { account, amount, expiry },
        Which::Debit => What::Debit { account, amount },
    };
    let decision = Change { by: signature.by(), what }.decision();
    match confirm::commit(&console.ledger, visit, decision).await? {
        Booked::Done(receipt) => Ok(confirm::done(&owner_path(owner.as_str()), &receipt, owner.as_str())),
        Booked::Stale => Err(confirm::overtaken()),
    }
}

/// The form before the preview, with what was typed and why it cannot be done.
fn form_again(visit: &Visit<'_>, which: Which, query: &api::Query, owner: &Owner, refusal: Option<&Refusal>) -> Shown {
    let text = |name: &str| query.parameter(name).unwrap_or_default();
    let typed = Typed { amount: text("amount"), expires: text("expires"), reason: form::typed_reason(query) };
    let form = match which {
        Which::Grant => buttons::grant(owner, typed, visit.lang),
        Which::Debit => buttons::debit(owner, typed, visit.lang),
    };
    let main = html! {
        section.narrow {
            h1 { (which.title().in_lang(visit.lang)) ": " (owner) }
            @if let Some(refusal) = refusal { p role="alert" { (refusal.why.in_lang(visit.lang)) } }
            (form)
        }
    };
    let Some(refusal) = refusal else { return confirm::page(visit, Tab::Owners, which.title(), &main) };
    let frame = Frame { title: which.title().in_lang(visit.lang), tab: Some(Tab::Owners), visit };
    let reply = document(refusal.status, &frame, &main);
    Shown { outcome: "refused", reason: Some(refusal.code), ..Shown::page(reply) }
}

fn owner_of(query: &api::Query) -> Result<Owner, Refusal> {
    Owner::new(query.parameter("owner").unwrap_or_default().trim()).map_err(|_| Refusal::not_found())
}

fn asked(query: &api::Query, owner: Owner, now: Timestamp) -> Result<Asked, Refusal> {
    let text = |name: &str| query.parameter(name).map(str::trim).filter(|text| !text.is_empty());
    let amount = form::amount(text("amount").unwrap_or_default())?;
    let expiry = text("expires").map(|text| expiry(text, now)).transpose()?;
    Ok(Asked { owner, amount, expiry })
}

/// As the command's `--expires`, with its priority and kind.
fn expiry(text: &str, now: Timestamp) -> Result<Expiry, Refusal> {
    let terms = LotTerms::read(text, PRIORITY_DEFAULT, LotKind::Paid, now).map_err(|cause| {
        let why = match cause {
            GrantTermsError::Past => say("That day is over.", "该日期已过。"),
            GrantTermsError::TooLate => say("That is too far ahead.", "日期太远。"),
            GrantTermsError::Days | GrantTermsError::Priority | GrantTermsError::DaysOrDate => say(
                "Give a number of days or a last day, as 90d or 2027-03-31.",
                "请写天数或最后一天，如 90d 或 2027-03-31。",
            ),
        };
        Refusal::new(400, "expires", why)
    })?;
    Ok(Expiry { text: text.to_owned(), terms })
}

const fn no_account() -> Refusal {
    let why = say(
        "There is no account under this name. Is it mistyped? A grant can create it, once you confirm that.",
        "没有这个用户的账户。是不是写错了？确认后，发放额度时可以新建。",
    );
    Refusal::new(409, "no_account", why)
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, which, owner, balance, amount, expires, csrf, id, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    let written = Asset::CREDITS.format(*amount);
    let before = balance.unwrap_or(Balance::ZERO);
    let units = Balance::from(*amount).units();
    let after = Balance::from_units(match which {
        Which::Grant => before.units().saturating_add(units),
        Which::Debit => before.units().saturating_sub(units),
    });
    let what = html! {
        dl.facts {
            dt { (t(say("Owner", "用户"))) } dd { a href=(owner_path(owner.as_str())) { (owner) } }
            dt { (t(say("Balance", "余额"))) } dd.n { (Asset::CREDITS.format_balance(before)) }
            dt { (t(which.title())) } dd.n { (written) }
            dt { (t(say("Balance then", "之后的余额"))) } dd.n { strong { (Asset::CREDITS.format_balance(after)) } }
            @if let Some((text, at)) = expires {
                dt { (t(say("Until", "有效期"))) } dd { (text) @if let Some(at) = at { ": " (time(*at)) " UTC" } }
            }
        }
    };
    let asks = html! {
        @if balance.is_none() {
            p role="alert" { (t(say("There is no account under this name yet.", "这个用户还没有账户。"))) }
            label { input.check type="checkbox" name="new" value="1" required; (t(say("Create it", "新建账户"))) }
        }
    };
    let mut hidden = vec![("owner", owner.as_str()), ("amount", written.as_str())];
    hidden.extend(expires.map(|(text, _)| ("expires", text)));
    let back = owner_path(owner.as_str());
    let confirm = Confirm {
        lang: *lang,
        title: which.title(),
        path: which.path(),
        csrf,
        id,
        reason,
        fields: &hidden,
        back: &back,
    };
    confirm::markup(&confirm, &what, &asks)
}
