//! What people have paused: one row among the accounts, so that one read finds all.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{CallContext, EventKey, Pause, Pauses};

use crate::image::{Image, Read, by_id, known_form, number, owned, time, word};
use crate::names;
use crate::rows::{ROW_FORMAT, Row, map, number as units, read_version, text};

/// No account's id contains a `#`.
pub(crate) const ID: &str = "paused#all";

/// Written over the version that was read, so that two people's changes are not merged into one that neither made.
pub(crate) fn write(pauses: &Pauses, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.set(names::FORMAT, units(&ROW_FORMAT));
    row.set(names::VERSION, units(&pauses.version));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let by_word = pauses.by_word.iter().map(|(word, pause)| (word.as_str(), fields(pause)));
    row.set(names::PAUSED, map(by_word));
    let condition = match read_version(pauses.version) {
        None => row.absent(),
        Some(read) => format!("{} = {}", row.name(names::VERSION), row.value(units(&read))),
    };
    row.conditions.push(condition);
    row.require_known_form();
    row
}

fn fields(pause: &Pause) -> AttributeValue {
    map([
        (names::SINCE, text(&pause.since)),
        (names::AUTHOR, text(&pause.author)),
        (names::REASON, text(&pause.reason)),
        (names::RECEIPT, text(&pause.receipt)),
    ])
}

pub(crate) fn read(row: &Image) -> Read<Pauses> {
    known_form(row)?;
    let by_word: BTreeMap<String, Pause> = by_id(row, names::PAUSED, |pause| {
        Ok(Pause {
            since: word(pause, names::SINCE, time)?,
            author: word(pause, names::AUTHOR, owned)?,
            reason: word(pause, names::REASON, owned)?,
            receipt: word(pause, names::RECEIPT, |receipt| Some(EventKey::of_row(receipt)))?,
        })
    })?;
    Ok(Pauses { by_word, version: number(row, names::VERSION)? })
}
