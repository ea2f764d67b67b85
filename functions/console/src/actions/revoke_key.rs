//! Revokes a key: what the commands `account revoke` and `key revoke` do.

use insight::{Lang, Sentence};
use ledger::{KeyId, StoredKey};
use manual::{Change, What};
use maud::{Markup, html};

use crate::actions::confirm::{self, Booked, Confirm, Signature};
use crate::layout::Tab;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{explain_path, owner_path, say, time};
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = buttons::REVOKES_KEY;
/// Attempts to revoke a key that joins or leaves a team at the same moment.
const ROUNDS_MAX: u32 = 8;

/// What the preview shows.
pub(crate) struct Preview<'p> {
    pub(crate) lang: Lang,
    pub(crate) key: &'p StoredKey,
    pub(crate) csrf: &'p str,
    pub(crate) id: &'p str,
    pub(crate) reason: &'p str,
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::preview(visit, &["key"])?;
    let key = stored(&console.ledger, visit, &key_of(&query)?).await?;
    if key.revoked_at().is_some_and(|at| at <= visit.invocation.now) {
        return Err(revoked());
    }
    let id = confirm::new_id(console)?;
    let reason = form::typed_reason(&query);
    let main = markup(&Preview { lang: visit.lang, key: &key, csrf: visit.csrf(), id: &id, reason });
    Ok(confirm::page(visit, Tab::Owners, TITLE, &main))
}

pub(crate) async fn revoke<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["key", "reason", "id", "csrf"])?;
    let (signature, id) = (Signature::read(visit, &form)?, key_of(&form)?);
    for _ in 0..ROUNDS_MAX {
        let key = stored(&console.ledger, visit, &id).await?;
        let to = place_of(&key);
        let what = match key {
            StoredKey::Owner(of) => What::RevokeKey { owner: of.owner, key: of.key, draws: of.draws },
            StoredKey::Service(of) => What::RevokeServiceKey(of.hash),
        };
        let is_of_shop = matches!(what, What::RevokeServiceKey(_));
        let decision = Change { by: signature.by(), what }.decision();
        match confirm::commit(&console.ledger, visit, decision).await? {
            Booked::Done(receipt) => return Ok(confirm::done(&to, &receipt, &id.to_string())),
            Booked::Stale if is_of_shop => return Err(revoked()),
            // It has joined a team, or left one, since it was read.
            Booked::Stale => {}
        }
    }
    Err(confirm::overtaken())
}

fn key_of(query: &api::Query) -> Result<KeyId, Refusal> {
    query.parameter("key").and_then(KeyId::of_row).ok_or_else(Refusal::not_found)
}

async fn stored<L: Books>(ledger: &L, visit: &Visit<'_>, id: &KeyId) -> Result<StoredKey, Refusal> {
    ledger.key_as_stored(id, &visit.context()).await?.ok_or_else(Refusal::not_found)
}

fn place_of(key: &StoredKey) -> String {
    match key {
        StoredKey::Owner(of) => owner_path(of.owner.as_str()),
        StoredKey::Service(of) => explain_path(&of.hash.to_string()),
    }
}

const fn revoked() -> Refusal {
    Refusal::new(409, "revoked", say("The key is revoked already.", "该密钥已被吊销。"))
}

pub(crate) fn markup(preview: &Preview<'_>) -> Markup {
    let Preview { lang, key, csrf, id, reason } = preview;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    let what = html! {
        p { (t(say(
            "It cannot be made to work again. What has used it in the last minute may accept it until that minute ends.",
            "吊销后无法恢复。最近一分钟内用过它的函数，在这一分钟结束前可能仍会接受。",
        ))) }
        dl.facts {
            dt { (t(say("Key", "密钥"))) } dd { (key.id()) }
            @if let StoredKey::Owner(of) = key { dt { (t(say("Owner", "用户"))) } dd { (of.owner) } }
            dt { (t(say("Since", "建立"))) } dd { (time(key.since())) " UTC" }
        }
    };
    let (row, back) = (key.id().row(), place_of(key));
    let fields = [("key", row.as_str())];
    let confirm = Confirm {
        lang: *lang,
        title: TITLE,
        path: buttons::REVOKE_KEY,
        csrf,
        id,
        reason,
        fields: &fields,
        back: &back,
    };
    confirm::markup(&confirm, &what, &html! {})
}
