//! Members: the periods on the row of a key, and for each owner a row of the keys that tie them to others.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{CallContext, CallerKey, Draw, Draws, MEMBERS_MAX, Members, Owner};

use crate::image::{Image, Read, Unreadable, known_form, maybe, time, word};
use crate::names;
use crate::rows::{Row, number, text};

/// Of the row of an owner's lists.
pub(crate) const ATTRIBUTES: [&str; 4] = [names::ID, names::FORMAT, names::DRAWN_BY, names::DRAWING];

/// What a key's membership changes of the row of its owner, or of the team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Owner,
    Team,
}

/// The periods over those that were read.
pub(crate) fn over(row: &mut Row, from: &Draws, to: &Draws) {
    row.require(names::DRAWS, draws(from));
    if from != to {
        row.set_or_remove(names::DRAWS, draws(to));
    }
}

/// The key is added, unless the owner is on the other side of a membership.
pub(crate) fn join(key: &CallerKey, of: Of, context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    let (own, other) = lists(of);
    let (own, other) = (row.name(own), row.name(other));
    let most = row.value(number(&MEMBERS_MAX));
    row.conditions.push(format!("attribute_not_exists({other})"));
    row.conditions.push(format!("(attribute_not_exists({own}) OR size({own}) < {most})"));
    row.require_known_form();
    row.add(lists(of).0, AttributeValue::Ss(vec![key.to_string()]));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

pub(crate) fn leave(key: &CallerKey, of: Of, context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    row.require_known_form();
    row.delete(lists(of).0, AttributeValue::Ss(vec![key.to_string()]));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

/// The list that a membership is in, and the one that must be empty.
const fn lists(of: Of) -> (&'static str, &'static str) {
    match of {
        Of::Owner => (names::DRAWING, names::DRAWN_BY),
        Of::Team => (names::DRAWN_BY, names::DRAWING),
    }
}

fn draws(draws: &Draws) -> Option<AttributeValue> {
    let period = |draw: &Draw| {
        let until = draw.until.map(|until| (names::UNTIL, text(&until)));
        let fields = [(names::PAYER, text(&draw.payer)), (names::SINCE, text(&draw.since))];
        crate::rows::map(fields.into_iter().chain(until))
    };
    let all = draws.all();
    (!all.is_empty()).then(|| AttributeValue::L(all.iter().map(period).collect()))
}

/// A row that cannot be read is an error: it decides who pays.
pub(crate) fn read_draws(row: &Image) -> Read<Draws> {
    let unreadable = || Unreadable(names::DRAWS);
    let Some(stored) = row.get(names::DRAWS) else { return Ok(Draws::default()) };
    let draw = |period: &AttributeValue| -> Read<Draw> {
        let period: &HashMap<_, _> = period.as_m().map_err(|_| unreadable())?;
        Ok(Draw {
            payer: word(period, names::PAYER, |owner| Owner::new(owner).ok())?,
            since: word(period, names::SINCE, time)?,
            until: maybe(period, names::UNTIL, time)?,
        })
    };
    let all = stored.as_l().map_err(|_| unreadable())?.iter().map(draw).collect::<Read<Vec<Draw>>>()?;
    Draws::new(all).ok_or_else(unreadable)
}

/// Whose row this is, from its id.
pub(crate) fn owner_of(row: &Image) -> Option<Owner> {
    Members::owner_of(row.get(names::ID)?.as_s().ok()?)
}

pub(crate) fn read(row: &Image) -> Read<Members> {
    known_form(row)?;
    let keys = |name: &'static str| -> Read<BTreeSet<CallerKey>> {
        let Some(stored) = row.get(name) else { return Ok(BTreeSet::new()) };
        let ids = stored.as_ss().map_err(|_| Unreadable(name))?;
        ids.iter().map(|id| CallerKey::of_row(id).ok_or(Unreadable(name))).collect()
    };
    Ok(Members { drawing: keys(names::DRAWING)?, drawn_by: keys(names::DRAWN_BY)? })
}
