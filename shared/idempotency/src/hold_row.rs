//! The row of a hold, in a table of its own. While it is open it stands in a sparse index by expiry; once closed, it is
//! removed after [`KEPT_DAYS`], unless it has charged a use of its own name: that name is taken for ever.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId, Amount, AtExpiry, CallContext, CallerKey, EventKey, Hold, HoldBudget, HoldChange, HoldId, HoldState,
    Lane, Limits, Member, Owner, Source, Timestamp, Windows,
};

use crate::image::{
    Image, Read, Unreadable, amount, flag, known_form, maybe, maybe_amount, number as whole_number, owned, time, word,
};
use crate::rows::{ROW_FORMAT, Row, number, text};
use crate::{lane_row, lots_row, names};

/// The index of open holds has so many partitions, so that no write waits for another. All holds of an account are in
/// one.
pub(crate) const SHARDS: u8 = 4;
const KEPT_DAYS: i64 = 90;
const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(crate) fn shard(account: &str) -> String {
    shard_named(lots_row::hash(account).checked_rem(SHARDS).unwrap_or_default())
}

pub(crate) fn shard_named(shard: u8) -> String {
    format!("open#{shard}")
}

/// The lane in which a refused event of the same use and the same owner waits.
pub(crate) fn lane_of(hold: &Hold) -> String {
    lane_row::refused_in_lane(Source::Usage.as_str(), &Lane::Owner(hold.account.owner().clone()))
}

/// Written if no hold has this id.
pub(crate) fn open(hold: &Hold, context: &CallContext<'_>) -> Row {
    let mut row = first(hold, HoldState::Open, context);
    row.set(names::OPEN_HOLDS, text(&shard(&hold.account.to_string())));
    row
}

/// Written if no hold has this id, in place of one that is opened late.
pub(crate) fn withdrawn(hold: &Hold, at: Timestamp, context: &CallContext<'_>) -> Row {
    let mut row = first(hold, HoldState::Released { at }, context);
    row.set(names::CLOSED_AT, text(&at));
    row.set(names::REMOVED_AT, number(&removed_at(at)));
    row
}

/// When the row of a hold that was closed then may be removed, in seconds since 1970.
fn removed_at(closed_at: Timestamp) -> i64 {
    closed_at.plus_seconds(DAY_SECONDS.saturating_mul(KEPT_DAYS)).unix_s()
}

fn first(hold: &Hold, state: HoldState, context: &CallContext<'_>) -> Row {
    let Hold { id: _, account, amount, usage, key, member, budget, opened_at, expires_at, .. } = hold;
    let Hold { at_expiry, calls_max, note, state: _, .. } = hold;
    let account = account.to_string();
    let mut row = Row::default();
    row.set(names::FORMAT, number(&ROW_FORMAT));
    row.set(names::STATUS, text(state.as_str()));
    row.set(names::ACCOUNT, text(&account));
    row.set(names::AMOUNT_UNITS, number(&amount.units()));
    row.set(names::USE_KEY, text(usage));
    if let Some(key) = key {
        row.set(names::CALLER_KEY, text(key));
    }
    if let Some(Member { owner, key: _ }) = member {
        row.set(names::MEMBER, text(owner));
    }
    if let Some(HoldBudget { key: _, windows, limits: _ }) = budget {
        row.set(names::DAY, text(&windows.day));
        row.set(names::MONTH, text(&windows.month));
    }
    row.set(names::OPENED_AT, text(opened_at));
    row.set(names::EXPIRES_AT, text(expires_at));
    if let AtExpiry::Charge(charge) = at_expiry {
        row.set(names::CHARGE_UNITS, number(&charge.units()));
    }
    if let Some(calls_max) = calls_max {
        row.set(names::CALLS_MAX, number(calls_max));
    }
    if let Some(note) = note {
        row.set(names::NOTE, text(note));
    }
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let absent = row.absent();
    row.conditions.push(absent);
    row
}

/// Written over the state that was read, with the same owner, amount, use and budget: they decide what is charged, freed
/// and counted.
pub(crate) fn close(change: &HoldChange, context: &CallContext<'_>) -> Row {
    let HoldChange { before, after, usage, reported_key: _, entry, note } = change;
    let mut row = Row::default();
    let as_read = [
        (names::STATUS, text(before.state.as_str())),
        (names::ACCOUNT, text(&before.account)),
        (names::AMOUNT_UNITS, number(&before.amount.units())),
        (names::USE_KEY, text(&before.usage)),
    ];
    for (attribute, value) in as_read {
        let (name, value) = (row.name(attribute), row.value(value));
        row.conditions.push(format!("{name} = {value}"));
    }
    row.require(names::CALLER_KEY, before.key.as_ref().map(text));
    // Without a key it counts in no window.
    if before.key.is_some() {
        let windows = before.budget.as_ref().map(|budget| &budget.windows);
        row.require(names::DAY, windows.map(|windows| text(&windows.day)));
        row.require(names::MONTH, windows.map(|windows| text(&windows.month)));
    }
    if !before.is_open() {
        let charged = row.name(names::CHARGED_UNITS);
        row.conditions.push(format!("attribute_not_exists({charged})"));
    }
    row.require_known_form();
    row.set(names::STATUS, text(after.as_str()));
    row.remove(names::OPEN_HOLDS);
    if *usage != before.usage {
        row.set(names::USE_KEY, text(usage));
    }
    match after {
        HoldState::Open | HoldState::Released { .. } => {}
        HoldState::Settled { cost, is_charged_before, at: _ } => {
            row.set(names::COST_UNITS, number(&cost.units()));
            row.set(names::CHARGED_BEFORE, AttributeValue::Bool(*is_charged_before));
        }
        HoldState::Expired { charged, at: _ } => {
            if let Some(charged) = charged {
                row.set(names::CHARGED_UNITS, number(&charged.units()));
            }
        }
    }
    if let Some(note) = note {
        row.set(names::NOTE, text(note));
    }
    if let Some(at) = after.closed_at() {
        row.set(names::CLOSED_AT, text(&at));
        let is_kept = *usage == before.id.own_use() && entry.is_some();
        row.set_or_remove(names::REMOVED_AT, (!is_kept).then(|| number(&removed_at(at))));
    }
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

pub(crate) fn read(row: &Image) -> Read<Hold> {
    known_form(row)?;
    let at = || word::<Timestamp>(row, names::CLOSED_AT, time);
    let state = match row.get(names::STATUS).and_then(|status| status.as_s().ok()).map(String::as_str) {
        Some("open") => HoldState::Open,
        Some("settled") => HoldState::Settled {
            cost: amount(row, names::COST_UNITS)?,
            is_charged_before: flag(row, names::CHARGED_BEFORE)?,
            at: at()?,
        },
        Some("released") => HoldState::Released { at: at()? },
        Some("expired") => HoldState::Expired { charged: maybe_amount(row, names::CHARGED_UNITS)?, at: at()? },
        _ => return Err(Unreadable(names::STATUS)),
    };
    let at_expiry: Option<Amount> = maybe_amount(row, names::CHARGE_UNITS)?;
    let key = maybe(row, names::CALLER_KEY, CallerKey::of_row)?;
    Ok(Hold {
        id: word(row, names::ID, |id| HoldId::new(id).ok())?,
        account: word(row, names::ACCOUNT, AccountId::read)?,
        amount: amount(row, names::AMOUNT_UNITS)?,
        usage: word(row, names::USE_KEY, |usage| Some(EventKey::of_row(usage)))?,
        member: member(row, key.as_ref())?,
        budget: budget(row, key.as_ref())?,
        key,
        opened_at: word(row, names::OPENED_AT, time)?,
        expires_at: word(row, names::EXPIRES_AT, time)?,
        at_expiry: at_expiry.map_or(AtExpiry::Release, AtExpiry::Charge),
        calls_max: row.get(names::CALLS_MAX).map(|_| whole_number(row, names::CALLS_MAX)).transpose()?,
        note: maybe(row, names::NOTE, owned)?,
        state,
    })
}

fn member(row: &Image, key: Option<&CallerKey>) -> Read<Option<Member>> {
    let Some(owner) = maybe(row, names::MEMBER, |owner| Owner::new(owner).ok())? else { return Ok(None) };
    Ok(Some(Member { owner, key: key.cloned().ok_or(Unreadable(names::CALLER_KEY))? }))
}

/// Its limits are those of the key, which the opening has checked.
fn budget(row: &Image, key: Option<&CallerKey>) -> Read<Option<HoldBudget>> {
    let Some(day) = maybe(row, names::DAY, owned)? else { return Ok(None) };
    let windows = Windows { day, month: word(row, names::MONTH, owned)? };
    let key = key.cloned().ok_or(Unreadable(names::CALLER_KEY))?;
    Ok(Some(HoldBudget { key, windows, limits: Limits::default() }))
}
