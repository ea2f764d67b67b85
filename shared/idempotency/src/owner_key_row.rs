//! The row of an owner's key: its name, budget and rate, and the time of its end.

use ledger::{CallContext, CallerKey, KeySettings, Owner, OwnerKey, Timestamp};

use crate::image::{Image, Read, known_form, maybe, short, time, word};
use crate::rows::{Row, number, text};
use crate::{budget_row, call_rate, member_row, names};

/// What is set on a key that is made.
pub(crate) fn set_first(row: &mut Row, settings: &KeySettings, until: Option<Timestamp>) {
    let KeySettings { name, budget, rate } = settings;
    if let Some(name) = name {
        row.set(names::KEY_NAME, text(name));
    }
    if let Some(budget) = budget {
        budget_row::set_first(row, budget);
    }
    if let Some(rate) = rate {
        row.set(names::CALLS_A_MINUTE, number(rate));
    }
    if let Some(until) = until {
        row.set(names::REVOKED_AT, text(&until));
    }
}

/// The settings over those that were read.
pub(crate) fn set(owner: &Owner, from: &KeySettings, to: &KeySettings, context: &CallContext<'_>) -> Row {
    let mut row = of_owner(owner, context);
    let (revoked, now) = (row.name(names::REVOKED_AT), row.value(text(&context.received_at)));
    row.conditions.push(format!("(attribute_not_exists({revoked}) OR {revoked} > {now})"));
    let name = |settings: &KeySettings| settings.name.as_ref().map(text);
    row.set_over(names::KEY_NAME, name(from), name(to));
    budget_row::set_over(&mut row, Ok(from.budget), to.budget);
    call_rate::set_over(&mut row, from.rate, to.rate);
    row
}

/// The end of a key that works until then.
pub(crate) fn end(owner: &Owner, at: Timestamp, context: &CallContext<'_>) -> Row {
    let mut row = of_owner(owner, context);
    row.require(names::REVOKED_AT, None);
    row.set(names::REVOKED_AT, text(&at));
    row
}

/// Of a revoked key, too, which no longer resolves to its owner but is listed as theirs.
pub(crate) fn unname(owner: &Owner, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.require(names::KEY_OWNER, Some(text(owner)));
    row.require_known_form();
    row.remove(names::KEY_NAME);
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

fn of_owner(owner: &Owner, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.require(names::OWNER, Some(text(owner)));
    row.require_known_form();
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

/// A revoked key no longer has the attribute that resolves it to its owner, but is listed as the owner's.
pub(crate) fn read(row: &Image) -> Read<OwnerKey> {
    known_form(row)?;
    Ok(OwnerKey {
        key: word(row, names::ID, CallerKey::of_row)?,
        owner: word(row, names::KEY_OWNER, |owner| Owner::new(owner).ok())?,
        settings: KeySettings {
            name: maybe(row, names::KEY_NAME, short)?,
            budget: budget_row::budget(row)?,
            rate: call_rate::read(row)?,
        },
        draws: member_row::read_draws(row)?,
        since: word(row, names::RECEIVED_AT, time)?,
        revoked_at: maybe(row, names::REVOKED_AT, time)?,
    })
}
