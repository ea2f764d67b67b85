//! The row of the check: how far it has come and what it has found, written over the version that was read and no other.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{Balance, Check, Counted, Counting, Delivery, Difference, Matter, Open, OrderNumber, Place, Timestamp};

use crate::names;
use crate::order_image::{Image, Unreadable};
use crate::order_row::{map, written as versioned};
use crate::rows::{ROW_FORMAT, Row, number, text};

/// Among the accounts, whose names hold no `#`.
pub(crate) const CHECK: &str = "check#conservation";

pub(crate) fn written(check: &Check, delivery: &Delivery<'_>) -> Row {
    let mut row = Row::default();
    versioned(&mut row, check.version, delivery);
    fields(&mut row, check);
    row
}

/// One that has not begun, over whatever stands there.
pub(crate) fn renewed(delivery: &Delivery<'_>) -> Row {
    let mut row = Row::default();
    row.set(names::FORMAT, number(&ROW_FORMAT));
    row.set(names::VERSION, number(&1));
    row.set(names::UPDATED_AT, text(&delivery.received_at));
    row.set(names::WRITTEN_BY, text(delivery.attempt.as_str()));
    fields(&mut row, &Check::default());
    row
}

fn fields(row: &mut Row, check: &Check) {
    row.set_or_remove(names::BEGAN_AT, check.began_at.as_ref().map(text));
    row.set_or_remove(names::ENDED_AT, check.ended_at.as_ref().map(text));
    row.set_or_remove(names::AFTER, check.after.as_ref().map(text));
    row.set_or_remove(names::COUNTING, check.counting.as_ref().map(counting));
    row.set(names::OPEN, AttributeValue::L(check.open.iter().map(open).collect()));
}

fn counting(counting: &Counting) -> AttributeValue {
    let Counting { account, counted: Counted { lines, sum }, last: Place { key, at } } = counting;
    map([
        (names::ACCOUNT, text(account)),
        (names::LINES, number(lines)),
        (names::SUM_UNITS, number(&sum.units())),
        (names::ID, text(key)),
        (names::PROCESSED_AT, text(at)),
    ])
}

fn open(open: &Open) -> AttributeValue {
    let Open { difference, looks, since, looked_at } = open;
    let Difference { matter, account, order, line, said, found } = difference;
    let mut fields = vec![
        (names::MATTER, text(matter.as_str())),
        (names::ACCOUNT, text(account)),
        (names::SAID_UNITS, number(&said.units())),
        (names::FOUND_UNITS, number(&found.units())),
        (names::LOOKS, number(looks)),
        (names::SINCE, text(since)),
        (names::LOOKED_AT, text(looked_at)),
    ];
    fields.extend(order.as_ref().map(|order| (names::ORDER, text(order))));
    fields.extend(line.as_ref().map(|line| (names::LINE, text(line))));
    AttributeValue::M(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(crate) fn read(row: &Image) -> Result<Check, Unreadable> {
    let inner = |name| Ok(optional(row, name, |value| value.as_m().ok())?.map(read_counting));
    let open = row.get(names::OPEN).and_then(|open| open.as_l().ok()).ok_or(Unreadable(names::OPEN))?;
    Ok(Check {
        version: count(row, names::VERSION)?,
        began_at: optional(row, names::BEGAN_AT, time)?,
        ended_at: optional(row, names::ENDED_AT, time)?,
        after: optional(row, names::AFTER, word)?,
        counting: inner(names::COUNTING)?.transpose()?,
        open: open
            .iter()
            .map(|open| read_open(open.as_m().map_err(|_| Unreadable(names::OPEN))?))
            .collect::<Result<_, _>>()?,
    })
}

fn read_counting(row: &Image) -> Result<Counting, Unreadable> {
    Ok(Counting {
        account: required(row, names::ACCOUNT, word)?,
        counted: Counted { lines: count(row, names::LINES)?, sum: units(row, names::SUM_UNITS)? },
        last: Place { key: required(row, names::ID, word)?, at: required(row, names::PROCESSED_AT, word)? },
    })
}

fn read_open(row: &Image) -> Result<Open, Unreadable> {
    let order = |value: &AttributeValue| OrderNumber::new(value.as_s().ok()?).ok();
    let difference = Difference {
        matter: required(row, names::MATTER, |value| Matter::named(value.as_s().ok()?))?,
        account: required(row, names::ACCOUNT, word)?,
        order: optional(row, names::ORDER, order)?,
        line: optional(row, names::LINE, word)?,
        said: units(row, names::SAID_UNITS)?,
        found: units(row, names::FOUND_UNITS)?,
    };
    let (since, looked_at) = (required(row, names::SINCE, time)?, required(row, names::LOOKED_AT, time)?);
    Ok(Open { difference, looks: count(row, names::LOOKS)?, since, looked_at })
}

fn required<'r, T>(
    row: &'r Image,
    name: &'static str,
    read: impl Fn(&'r AttributeValue) -> Option<T>,
) -> Result<T, Unreadable> {
    row.get(name).and_then(read).ok_or(Unreadable(name))
}

fn optional<'r, T>(
    row: &'r Image,
    name: &'static str,
    read: impl Fn(&'r AttributeValue) -> Option<T>,
) -> Result<Option<T>, Unreadable> {
    row.get(name).map(|value| read(value).ok_or(Unreadable(name))).transpose()
}

fn word(value: &AttributeValue) -> Option<String> {
    value.as_s().ok().cloned()
}

fn time(value: &AttributeValue) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(value.as_s().ok()?).ok()
}

fn count<N: std::str::FromStr>(row: &Image, name: &'static str) -> Result<N, Unreadable> {
    required(row, name, |value| value.as_n().ok()?.parse().ok())
}

fn units(row: &Image, name: &'static str) -> Result<Balance, Unreadable> {
    count(row, name).map(Balance::from_units)
}
