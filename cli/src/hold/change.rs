//! Opens or closes a hold, and prints it and its account after it.

use ledger::{
    Amount, Asset, CommitError, Hold, HoldClosing, HoldError, HoldId, HoldRefusal, HoldState, Holds as _, Timestamp,
};
use local::context;
use serde::Serialize;

use super::stored;
use crate::account::{AccountAfter, PATIENCE, after, insufficient};
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;
use crate::error::hold::{HoldRefused, HoldStep};
use crate::hold_facts::HoldFacts;
use crate::print::{self, Facts, Form};

#[derive(Serialize)]
struct HoldChanged {
    #[serde(flatten)]
    changed: ChangeResult,
    hold: HoldFacts,
    #[serde(flatten)]
    after: AccountAfter,
    /// What was done, and what a person has to know of it.
    #[serde(skip)]
    lines: Vec<String>,
}

pub(super) async fn open(books: &Books, hold: &Hold, by: &Authorship, form: Form) -> Result<(), Error> {
    by.print_id("hold");
    if books.ledger.account(&hold.account).await?.is_none() {
        return Err(Error::NoAccount(hold.account.clone()));
    }
    let opened = match books.ledger.open_hold(hold, &context(PATIENCE)).await {
        Ok(opened) => opened,
        Err(HoldError::Refused(HoldRefusal::InsufficientCredits)) => {
            return Err(insufficient(books, hold.account.clone(), hold.amount).await);
        }
        Err(HoldError::Refused(cause)) => return Err(refused(hold, HoldStep::Open, cause)),
        Err(HoldError::Store(cause @ CommitError::Unavailable(_))) => {
            return Err(Error::Unanswered { retry_option: by.retry_option(), cause });
        }
        Err(HoldError::Store(error)) => return Err(error.into()),
    };
    // Nothing but this call has this time and this note.
    let is_now = opened == *hold;
    let lines = vec![
        format!("{} is held by {}", format(opened.amount), opened.id),
        format!("until {}, for {}", opened.expires_at, opened.usage),
    ];
    show(books, &opened, (is_now, opened.opened_at), lines, form).await;
    Ok(())
}

pub(super) async fn close(
    books: &Books,
    id: &HoldId,
    closing: &HoldClosing,
    step: HoldStep,
    form: Form,
) -> Result<(), Error> {
    let before = stored(books, id).await?;
    let closed = match books.ledger.close_hold(&before, closing, &context(PATIENCE)).await {
        Ok(closed) => closed,
        Err(HoldError::Refused(cause)) => return Err(refused(&before, step, cause)),
        // The same command is safe to repeat: a hold is closed once.
        Err(HoldError::Store(error)) => return Err(error.into()),
    };
    let is_now = closed.state != before.state && is_of(closing, closed.state);
    let at = closed.state.closed_at().unwrap_or(closed.opened_at);
    show(books, &closed, (is_now, at), lines(&closed, closing), form).await;
    Ok(())
}

/// Whether this closing leads to this state: an expiry may have been faster.
const fn is_of(closing: &HoldClosing, state: HoldState) -> bool {
    match closing {
        HoldClosing::Settle { .. } => matches!(state, HoldState::Settled { .. }),
        HoldClosing::Release | HoldClosing::ReleaseByHand { .. } => matches!(state, HoldState::Released { .. }),
        HoldClosing::Expire => matches!(state, HoldState::Expired { .. }),
    }
}

fn refused(hold: &Hold, step: HoldStep, cause: HoldRefusal) -> Error {
    HoldRefused { id: hold.id.clone(), usage: hold.usage.clone(), step, cause }.into()
}

async fn show(books: &Books, hold: &Hold, (is_now, at): (bool, Timestamp), lines: Vec<String>, form: Form) {
    let facts = HoldFacts::of(hold);
    let changed = ChangeResult::of_hold(is_now, facts.receipt(), at);
    form.show(&HoldChanged { changed, hold: facts, after: after(books, &hold.account).await, lines });
}

/// What the closing did, or what was done before it.
fn lines(hold: &Hold, closing: &HoldClosing) -> Vec<String> {
    let Hold { id, usage, amount, expires_at, .. } = hold;
    match hold.state {
        HoldState::Open => vec![format!("{id} is open")],
        HoldState::Released { .. } => vec![format!("{id} is released, and {} is free", format(*amount))],
        HoldState::Settled { cost, is_charged_before: true, .. } => vec![
            format!("{id} is settled with {}, and {} is free", format(cost), format(*amount)),
            format!("{usage} was charged before, so nothing is charged twice"),
        ],
        HoldState::Settled { cost, is_charged_before: false, at } => {
            let late = (at >= *expires_at).then(|| format!("it expired at {expires_at}: the use is charged late"));
            let beyond = cost.units().checked_sub(amount.units()).and_then(Amount::from_wide);
            let beyond = beyond.filter(|beyond| !beyond.is_zero());
            let beyond = beyond.map(|beyond| {
                format!(
                    "{} was held: {} beyond it is charged too, and owed where the balance is short",
                    format(*amount),
                    format(beyond)
                )
            });
            let first = format!("{id} is settled, and {usage} charges {}", format(cost));
            std::iter::once(first).chain(late).chain(beyond).collect()
        }
        HoldState::Expired { charged: None, .. } => vec![format!("{id} expired at {expires_at}, without a charge")],
        HoldState::Expired { charged: Some(charged), .. } => {
            let first = format!("{id} expired at {expires_at}, and {usage} charges {}", format(charged));
            let other = match closing {
                HoldClosing::Settle { cost, .. } if *cost != charged => Some(format!(
                    "the first cost of a use stands, and not {}: correct it with `account debit` or `reverse {usage}`",
                    format(*cost)
                )),
                HoldClosing::Settle { .. }
                | HoldClosing::Release
                | HoldClosing::ReleaseByHand { .. }
                | HoldClosing::Expire => None,
            };
            std::iter::once(first).chain(other).collect()
        }
    }
}

fn format(amount: Amount) -> String {
    Asset::CREDITS.format(amount)
}

impl Facts for HoldChanged {
    fn print(&self) {
        let (first, more) =
            self.lines.split_first().map_or(("", [].as_slice()), |(first, more)| (first.as_str(), more));
        self.changed.print_done(first);
        for line in more {
            print::line(format_args!("  {line}"));
        }
        print::line(self.after.account());
        self.after.print();
    }
}
