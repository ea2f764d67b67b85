//! What leads to the preview of an action, and the notice that one is done.

use insight::{Lang, Sentence};
use ledger::{Amount, Asset, KeyId, Owner, Word};
use maud::{Markup, html};

use crate::form::{AMOUNT, AMOUNT_PATTERN};
use crate::words::{event_path, say};

pub(crate) const ACCEPT: &str = "/console/accept";
pub(crate) const CLEAR: &str = "/console/clear";
pub(crate) const RESOLVE: &str = "/console/resolve";
pub(crate) const GRANT: &str = "/console/grant";
pub(crate) const DEBIT: &str = "/console/debit";
pub(crate) const PAUSE: &str = "/console/pause";
pub(crate) const REVERSE: &str = "/console/reverse";
pub(crate) const REVOKE_KEY: &str = "/console/revoke-key";
pub(crate) const REVOKE_CODES: &str = "/console/revoke-codes";

pub(crate) const GRANTS: Sentence = say("Grant credits", "发放额度");
pub(crate) const DEBITS: Sentence = say("Take credits", "扣减额度");
pub(crate) const REVERSES: Sentence = say("Give the charge back", "退还扣费");
pub(crate) const REVOKES_KEY: Sentence = say("Revoke the key", "吊销密钥");
pub(crate) const REVOKES: Sentence = say("Revoke", "吊销");

/// That an action is done, on the page to which it has led.
pub(crate) fn notice(done: Option<&str>, lang: Lang) -> Markup {
    let own = done.filter(|key| key.starts_with("console#") || key.starts_with("reversed#"));
    html! {
        @if let Some(key) = own {
            p role="status" {
                (say("Done. The journal has it with your name and why:", "已完成。账本记录了你的名字和原因：").in_lang(lang))
                " " a href=(event_path(key)) { (key) }
            }
        }
    }
}

/// What helps, with what it is about. Nothing is done before its preview is confirmed.
pub(crate) fn help(path: &str, fields: &[(&str, &str)], when: &str) -> Markup {
    html! {
        form method="get" action=(path) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button { (when) " …" }
        }
    }
}

/// As many credits as an owner lacks, or an amount that a person says.
pub(crate) fn cover(owner: &Owner, amount: Option<Amount>, when: &str) -> Markup {
    let amount = amount.map(|amount| Asset::CREDITS.format(amount));
    let fields = [("owner", owner.as_str()), ("amount", amount.as_deref().unwrap_or_default())];
    help(GRANT, &fields, when)
}

/// The two changes of a balance.
pub(crate) fn credits(owner: &Owner, lang: Lang) -> Markup {
    html! {
        section aria-labelledby="change" {
            h2 id="change" { (say("Change the balance", "更改余额").in_lang(lang)) }
            (grant(owner, Typed::default(), lang))
            (debit(owner, Typed::default(), lang))
        }
    }
}

/// What was typed into such a form before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Typed<'t> {
    pub(crate) amount: &'t str,
    pub(crate) expires: &'t str,
    pub(crate) reason: &'t str,
}

pub(crate) fn grant(owner: &Owner, typed: Typed<'_>, lang: Lang) -> Markup {
    let expires = html! {
        label {
            (say("Until (empty: for ever)", "有效期（空：永久）").in_lang(lang))
            input name="expires" value=[given(typed.expires)] maxlength="10" autocomplete="off" placeholder="90d";
        }
    };
    amount_form(GRANT, GRANTS, owner, typed, &expires, lang)
}

pub(crate) fn debit(owner: &Owner, typed: Typed<'_>, lang: Lang) -> Markup {
    amount_form(DEBIT, DEBITS, owner, typed, &html! {}, lang)
}

fn given(typed: &str) -> Option<&str> {
    Some(typed).filter(|typed| !typed.is_empty())
}

fn amount_form(path: &str, title: Sentence, owner: &Owner, typed: Typed<'_>, more: &Markup, lang: Lang) -> Markup {
    html! {
        form.fields method="get" action=(path) {
            input type="hidden" name="owner" value=(owner);
            @if let Some(reason) = given(typed.reason) { input type="hidden" name="reason" value=(reason); }
            label {
                (say("Amount", "数额").in_lang(lang))
                input name="amount" value=[given(typed.amount)] required inputmode="decimal" maxlength="40" autocomplete="off"
                    pattern=(AMOUNT_PATTERN) title=(AMOUNT.in_lang(lang));
            }
            (more)
            button.alt.small { (title.in_lang(lang)) " …" }
        }
    }
}

/// For a booked usage event.
pub(crate) fn reverse(usage: &str, lang: Lang) -> Markup {
    html! {
        form method="get" action=(REVERSE) {
            input type="hidden" name="usage" value=(usage);
            button.alt.small { (REVERSES.in_lang(lang)) " …" }
        }
    }
}

pub(crate) fn revoke_key(key: &KeyId, lang: Lang) -> Markup {
    html! {
        form method="get" action=(REVOKE_KEY) {
            input type="hidden" name="key" value=(key.row());
            button.alt.small aria-label={ (REVOKES.in_lang(lang)) " … " (key) } { (REVOKES.in_lang(lang)) " …" }
        }
    }
}

/// One code of a campaign by its name, or all of them.
pub(crate) fn revoke_codes(campaign: Word, name: Option<&str>, lang: Lang) -> Markup {
    let all = say("Revoke all of the campaign", "吊销整个活动").in_lang(lang);
    html! {
        form method="get" action=(REVOKE_CODES) {
            input type="hidden" name="campaign" value=(campaign);
            @match name {
                Some(name) => {
                    input type="hidden" name="name" value=(name);
                    button.alt.small aria-label={ (REVOKES.in_lang(lang)) " … " (name) } { (REVOKES.in_lang(lang)) " …" }
                }
                None => button.alt.small { (all) " …" },
            }
        }
    }
}
