//! Shows what was sent for an event: first the row that says who reads it and why, then the delivery.

use crate::event::{self, View};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::say;
use crate::{Books, Console, actions, form};

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let form = form::of(visit, &["key", "reason", "id", "csrf"])?;
    let (reason, id) = (form::reason(&form)?, form.parameter("id").unwrap_or_default());
    let row = event::row_of(&console.ledger, form.parameter("key").unwrap_or_default(), &visit.context()).await?;
    let kept = console.ledger.delivery(&row, &visit.context()).await?;
    let kept = kept.ok_or(Refusal::new(
        404,
        "no_delivery",
        say(
            "Nothing is kept of what was sent: it has expired, or no sender has delivered it.",
            "没有保存收到的内容：已过期，或不是由发送方送达的。",
        ),
    ))?;
    let what = vec![("event", row.key.to_string())];
    actions::record(&console.ledger, visit, id, &reason, "show_body", what).await?;
    let decided = insight::decision_about(&console.ledger, &row, &visit.context()).await?;
    let view = View { lang: visit.lang, asks: None, delivery: Some(&kept), decided };
    let shown = event::page(visit, &row, &view);
    Ok(Shown::done(shown.reply, &row.key))
}
