//! The page between an action and its doing: what it does, why, and a form that acts once.

use insight::{Lang, Sentence};
use ledger::{CommitError, Committed, Decision, EventKey, KeyError, Ledger, Reason, Writer};
use manual::By;
use maud::{Markup, html};

use crate::actions::ID_CHARS_MAX;
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{reason_field, say};
use crate::{Console, NAME, form};

/// The form of a preview.
pub(crate) struct Confirm<'c> {
    pub(crate) lang: Lang,
    pub(crate) title: Sentence,
    /// Where the form is sent.
    pub(crate) path: &'static str,
    pub(crate) csrf: &'c str,
    /// The id of the row that the form writes: sent twice, it acts once.
    pub(crate) id: &'c str,
    /// As it was typed before, or empty.
    pub(crate) reason: &'c str,
    /// What the action is about.
    pub(crate) fields: &'c [(&'static str, &'c str)],
    /// The page that it comes from.
    pub(crate) back: &'c str,
}

/// An id for a form.
pub(crate) fn new_id<L>(console: &Console<L>) -> Result<String, Refusal> {
    Ok(format!("{:032x}", console.parts.ids.bits()?))
}

pub(crate) fn page(visit: &Visit<'_>, tab: Tab, title: Sentence, main: &Markup) -> Shown {
    Shown::page(document(200, &Frame { title: title.in_lang(visit.lang), tab: Some(tab), visit }, main))
}

/// What the action does, as the caller has it, then the caller's fields and the reason.
pub(crate) fn markup(confirm: &Confirm<'_>, what: &Markup, asks: &Markup) -> Markup {
    let Confirm { lang, title, path, csrf, id, reason, fields, back } = confirm;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        section.narrow {
            h1 { (t(*title)) }
            (what)
            form method="post" action=(path) {
                input type="hidden" name="csrf" value=(csrf);
                input type="hidden" name="id" value=(id);
                @for (name, value) in *fields { input type="hidden" name=(name) value=(value); }
                (asks)
                (reason_field(reason, *lang))
                button { (t(*title)) }
                " " a href=(back) { (t(say("No, back", "不，返回"))) }
            }
        }
    }
}

/// Who has sent the form and why, and the id of the row that it writes.
pub(crate) struct Signature {
    author: String,
    reason: String,
    id: String,
}

impl Signature {
    pub(crate) fn read(visit: &Visit<'_>, form: &api::Query) -> Result<Self, Refusal> {
        let author =
            visit.signed.as_ref().map(|signed| signed.operator.name.to_string()).ok_or_else(Refusal::reader)?;
        let reason = form::reason(form)?;
        let id = form.parameter("id").filter(|id| !id.is_empty() && id.len() <= ID_CHARS_MAX);
        let signature = Self { author, reason, id: id.ok_or_else(Refusal::malformed)?.to_owned() };
        signature.receipt()?;
        Ok(signature)
    }

    pub(crate) fn by(&self) -> By<'_> {
        By { writer: Writer::Console, id: &self.id, author: &self.author, reason: &self.reason }
    }

    pub(crate) fn receipt(&self) -> Result<EventKey, Refusal> {
        self.by().receipt().map_err(|_| Refusal::malformed())
    }
}

/// What became of a form.
pub(crate) enum Booked {
    /// Now, or by the same form before.
    Done(EventKey),
    /// What it changes has changed since it was read.
    Stale,
}

/// Commits what a form asks for, once.
pub(crate) async fn commit<L: Ledger>(
    ledger: &L,
    visit: &Visit<'_>,
    decision: Result<Decision, KeyError>,
) -> Result<Booked, Refusal> {
    let decision = decision.map_err(|_| Refusal::malformed())?;
    let committed = ledger.commit(&decision, &visit.context()).await;
    // What a person books counts in the numbers of the day, as all else does.
    edge::record_commit(NAME, &decision, &committed);
    match committed {
        Ok(Committed::Now(receipt) | Committed::Earlier(receipt)) => Ok(Booked::Done(receipt.key)),
        Ok(Committed::Ignored { .. }) | Err(CommitError::Stale) => Ok(Booked::Stale),
        Err(error) => Err(refused(error)),
    }
}

pub(crate) fn refused(error: CommitError) -> Refusal {
    match error {
        CommitError::Conflict => Refusal::repeated(),
        CommitError::Rejected(Reason::InsufficientCredits) => insufficient(),
        CommitError::Rejected(Reason::UnknownKey) => Refusal::new(
            409,
            "unknown_key",
            say("The key is revoked already, or of another owner.", "该密钥已被吊销，或属于其他用户。"),
        ),
        CommitError::Rejected(reason) => {
            Refusal::new(409, reason.as_str(), insight::sentence::reason_by(reason, Writer::Console.as_str()))
        }
        error @ (CommitError::Stale | CommitError::Unavailable(_) | CommitError::Refused(_)) => error.into(),
    }
}

pub(crate) const fn insufficient() -> Refusal {
    Refusal::new(409, "insufficient", say("That is more than the account can spend.", "超出该账户的可用额度。"))
}

pub(crate) const fn overtaken() -> Refusal {
    let why = say("It has changed meanwhile. Open the page again.", "期间已有变化。请重新打开页面。");
    Refusal::new(409, "overtaken", why)
}

/// Where a form leads, with its row.
pub(crate) fn done(to: &str, receipt: &EventKey, subject: &str) -> Shown {
    let joint = if to.contains('?') { '&' } else { '?' };
    let to = format!("{to}{joint}done={}", api::percent_encoded(receipt.as_str()));
    Shown::done(Shown::redirect(&to).reply, subject)
}
