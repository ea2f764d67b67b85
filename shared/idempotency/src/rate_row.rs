//! The exchange rates of a pair: one row among the accounts, so that one read finds the rate in force.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{CallContext, CurrencyPair, DatedRate, EventKey, Rate, Rates, Timestamp};

use crate::image::{Image, Read, Unreadable, inner, known_form, maybe, number, time, word};
use crate::names;
use crate::rows::{ROW_FORMAT, Row, map, number as units, read_version, text};

/// No account's id contains a `#`.
pub(crate) fn id(pair: CurrencyPair) -> String {
    format!("rate#{pair}")
}

/// Written over the version that was read, so that two changes at once are not merged into one that no person made.
pub(crate) fn write(rates: &Rates, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.set(names::FORMAT, units(&ROW_FORMAT));
    row.set(names::VERSION, units(&rates.version));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let by_start = rates.by_start.iter().map(|(start, dated)| (start.to_string(), dated_rate(dated)));
    row.set(names::RATES, AttributeValue::M(by_start.collect()));
    let condition = match read_version(rates.version) {
        None => row.absent(),
        Some(read) => format!("{} = {}", row.name(names::VERSION), row.value(units(&read))),
    };
    row.conditions.push(condition);
    row.require_known_form();
    row
}

fn dated_rate(dated: &DatedRate) -> AttributeValue {
    let fields = [(names::RATE, text(dated.rate.as_str())), (names::RECEIPT, text(&dated.set_by))];
    map(fields.into_iter().chain(dated.revoked_at.iter().map(|at| (names::REVOKED_AT, text(at)))))
}

pub(crate) fn read(pair: CurrencyPair, row: &Image) -> Read<Rates> {
    known_form(row)?;
    let mut by_start = BTreeMap::new();
    for (start, dated) in inner(row, names::RATES)?.ok_or(Unreadable(names::RATES))? {
        let start = Timestamp::parse_rfc3339(start).map_err(|_| Unreadable(names::RATES))?;
        let dated = dated.as_m().map_err(|_| Unreadable(names::RATES))?;
        let dated = DatedRate {
            rate: word(dated, names::RATE, |rate| Rate::parse(rate).ok())?,
            set_by: word(dated, names::RECEIPT, |receipt| Some(EventKey::of_row(receipt)))?,
            revoked_at: maybe(dated, names::REVOKED_AT, time)?,
        };
        by_start.insert(start, dated);
    }
    Ok(Rates { pair, by_start, version: number(row, names::VERSION)? })
}
