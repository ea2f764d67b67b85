//! The search: it takes whatever `explain` takes, and leads to the page of what it names.
//!
//! It is a form and not a link, since a person also searches for keys and redeem codes: what is found is named by the id of
//! its row, so that no secret stands in an address, which a browser keeps.

use insight::{Found, Typed, find};

use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::explain_path;
use crate::{Books, Console, explain, form};

pub(crate) async fn search<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["q", "csrf"])?;
    let text = form.parameter("q").unwrap_or_default().trim();
    let code = explain::code_hash(console, text);
    let typed = Typed { text, code: code.as_ref(), merchants: &console.parts.config.merchants };
    let found = find(&console.ledger, &typed, &visit.context()).await?;
    match found.as_slice() {
        [one] => Ok(Shown::redirect(&explain_path(&name_of(one, text)))),
        // Nothing, or a choice: a text that names none of our rows stays off the address.
        _ => explain::page_of(console, visit, &typed, None).await,
    }
}

/// The text itself where it is no secret: a person recognizes what they typed.
fn name_of(found: &Found, text: &str) -> String {
    match found {
        Found::Key(_) | Found::Code(_) => found.exact(),
        Found::Order(_)
        | Found::Event(_)
        | Found::Hold(_)
        | Found::Owner(_)
        | Found::Lane(..)
        | Found::Unreadable(_) => text.to_owned(),
    }
}
