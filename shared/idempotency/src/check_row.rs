//! Serialization of the audit's progress and findings, with optimistic locking on the version that was read.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountsOpened, AuditProgress, Balance, CallContext, Census, CountProgress, Difference, DifferenceKind,
    LinePosition, LineTotals, LinesSeen, MissingAccounts, Open, OrderNumber, Subject, Suspect, Timestamp,
    UnsettledAccount,
};

use crate::image::{Image, Unreadable, inner, known_form};
use crate::order_row::write_over;
use crate::rows::{ROW_FORMAT, Row, map, number, text};
use crate::{day_row, names};

/// Stored in the accounts table. No account id contains a `#`.
pub(crate) const CHECK: &str = "check#audit";

pub(crate) fn row(check: &AuditProgress, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    write_over(&mut row, check.version, context);
    fields(&mut row, check);
    row
}

/// Resets the progress, whatever the row contains.
pub(crate) fn reset(context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    row.set(names::FORMAT, number(&ROW_FORMAT));
    row.set(names::VERSION, number(&1));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    fields(&mut row, &AuditProgress::default());
    row
}

fn fields(row: &mut Row, check: &AuditProgress) {
    row.set_or_remove(names::BEGAN_AT, check.began_at.as_ref().map(text));
    row.set_or_remove(names::ENDED_AT, check.ended_at.as_ref().map(text));
    row.set_or_remove(names::AFTER, check.after.as_ref().map(text));
    row.set_or_remove(names::COUNTING, check.counting.as_ref().map(counting));
    row.set(names::OPEN, AttributeValue::L(check.open.iter().map(open).collect()));
    let unlisted = AttributeValue::L(check.unlisted.iter().map(place).collect());
    row.set_or_remove(names::UNLISTED, (!check.unlisted.is_empty()).then_some(unlisted));
    row.set(names::UNSETTLED, AttributeValue::L(check.unsettled_accounts.iter().map(unsettled_accounts).collect()));
    row.set(names::CENSUS, census(&check.census));
    row.set_or_remove(names::TRIAL_BALANCE, check.day.as_ref().map(day_row::counted));
}

fn census(census: &Census) -> AttributeValue {
    let Census { last, again, next, gone } = census;
    let last = last.iter().map(|AccountsOpened { until, accounts }| {
        (names::LAST, map([(names::UNTIL, text(until)), (names::ACCOUNTS, number(accounts))]))
    });
    let gone = gone.iter().map(|MissingAccounts { accounts, since, reported_at }| {
        let fields =
            [(names::ACCOUNTS, number(accounts)), (names::SINCE, text(since)), (names::REPORTED_AT, text(reported_at))];
        (names::MISSING_ACCOUNTS, map(fields))
    });
    map(last.chain(gone).chain([(names::AGAIN, number(again)), (names::NEXT, number(next))]))
}

fn counting(counting: &CountProgress) -> AttributeValue {
    let CountProgress { account, counted, earlier, last: LinePosition { key, at }, sides } = counting;
    let LineTotals { lines, sum } = counted;
    let fields = [
        (names::ACCOUNT, text(account)),
        (names::LINES, number(lines)),
        (names::SUM_UNITS, number(&sum.units())),
        (names::ID, text(key)),
        (names::PROCESSED_AT, text(at)),
    ];
    let earlier = earlier.iter().map(|earlier| (names::EARLIER, seen(earlier)));
    let sides = sides.iter().map(|sides| (names::SIDES, day_row::sides(sides)));
    map(fields.into_iter().chain(earlier).chain(sides))
}

fn seen(seen: &LinesSeen) -> AttributeValue {
    let LinesSeen { until, counted: LineTotals { lines, sum } } = seen;
    map([(names::UNTIL, text(until)), (names::LINES, number(lines)), (names::SUM_UNITS, number(&sum.units()))])
}

fn unsettled_accounts(unsettled_accounts: &UnsettledAccount) -> AttributeValue {
    let UnsettledAccount { account, since, checked_at } = unsettled_accounts;
    map([(names::ACCOUNT, text(account)), (names::SINCE, text(since)), (names::CHECKED_AT, text(checked_at))])
}

fn open(open: &Open) -> AttributeValue {
    let Open { difference, equal_checks, since, checked_at, seen: last_seen } = open;
    let Difference { difference_kind, suspect, account, order, line, recorded, found, missing } = difference;
    let mut fields = vec![
        (names::DIFFERENCE_KIND, text(difference_kind.as_str())),
        (names::SUSPECT, text(suspect.as_str())),
        (names::ACCOUNT, text(account)),
        (names::RECORDED_UNITS, number(&recorded.units())),
        (names::FOUND_UNITS, number(&found.units())),
        (names::MISSING, number(missing)),
        (names::EQUAL_CHECKS, number(equal_checks)),
        (names::SINCE, text(since)),
        (names::CHECKED_AT, text(checked_at)),
    ];
    fields.extend(order.as_ref().map(|order| (names::ORDER, text(order))));
    fields.extend(line.as_ref().map(|line| (names::LINE, text(line))));
    fields.extend(last_seen.iter().map(|last| (names::SEEN, seen(last))));
    map(fields)
}

fn place(subject: &Subject) -> AttributeValue {
    map([match subject {
        Subject::Account(account) => (names::ACCOUNT, text(account)),
        Subject::Order(order) => (names::ORDER, text(order)),
        Subject::Line(line) => (names::LINE, text(line)),
    }])
}

fn read_place(place: &AttributeValue) -> Result<Subject, Unreadable> {
    let place = place.as_m().map_err(|_| Unreadable(names::UNLISTED))?;
    if let Some(account) = optional(place, names::ACCOUNT, word)? {
        return Ok(Subject::Account(account));
    }
    if let Some(line) = optional(place, names::LINE, word)? {
        return Ok(Subject::Line(line));
    }
    required(place, names::ORDER, |order| OrderNumber::new(order.as_s().ok()?).ok()).map(Subject::Order)
}

pub(crate) fn read(row: &Image) -> Result<AuditProgress, Unreadable> {
    known_form(row)?;
    let counting = optional(row, names::COUNTING, |value| value.as_m().ok())?.map(read_counting);
    let open = row.get(names::OPEN).and_then(|open| open.as_l().ok()).ok_or(Unreadable(names::OPEN))?;
    let unsettled_accounts = row
        .get(names::UNSETTLED)
        .and_then(|unsettled_accounts| unsettled_accounts.as_l().ok())
        .ok_or(Unreadable(names::UNSETTLED))?;
    Ok(AuditProgress {
        version: count(row, names::VERSION)?,
        began_at: optional(row, names::BEGAN_AT, time)?,
        ended_at: optional(row, names::ENDED_AT, time)?,
        after: optional(row, names::AFTER, word)?,
        counting: counting.transpose()?,
        open: open
            .iter()
            .map(|open| read_open(open.as_m().map_err(|_| Unreadable(names::OPEN))?))
            .collect::<Result<_, _>>()?,
        unlisted: optional(row, names::UNLISTED, |unlisted| unlisted.as_l().ok())?
            .into_iter()
            .flatten()
            .map(read_place)
            .collect::<Result<_, _>>()?,
        unsettled_accounts: unsettled_accounts
            .iter()
            .map(|unsettled_accounts| read_moving(unsettled_accounts.as_m().map_err(|_| Unreadable(names::UNSETTLED))?))
            .collect::<Result<_, _>>()?,
        census: read_census(inner_of(row, names::CENSUS)?)?,
        day: inner(row, names::TRIAL_BALANCE)?.map(day_row::read).transpose()?,
    })
}

fn inner_of<'r>(row: &'r Image, name: &'static str) -> Result<&'r Image, Unreadable> {
    row.get(name).and_then(|value| value.as_m().ok()).ok_or(Unreadable(name))
}

fn read_census(row: &Image) -> Result<Census, Unreadable> {
    let of = |name| optional(row, name, |value| value.as_m().ok());
    let opened =
        |row| Ok(AccountsOpened { until: required(row, names::UNTIL, time)?, accounts: count(row, names::ACCOUNTS)? });
    let gone = |row| {
        let (since, reported_at) = (required(row, names::SINCE, time)?, required(row, names::REPORTED_AT, time)?);
        Ok(MissingAccounts { accounts: count(row, names::ACCOUNTS)?, since, reported_at })
    };
    Ok(Census {
        last: of(names::LAST)?.map(opened).transpose()?,
        again: count(row, names::AGAIN)?,
        next: count(row, names::NEXT)?,
        gone: of(names::MISSING_ACCOUNTS)?.map(gone).transpose()?,
    })
}

fn read_moving(row: &Image) -> Result<UnsettledAccount, Unreadable> {
    Ok(UnsettledAccount {
        account: required(row, names::ACCOUNT, word)?,
        since: required(row, names::SINCE, time)?,
        checked_at: required(row, names::CHECKED_AT, time)?,
    })
}

fn read_seen(row: &Image, name: &'static str) -> Result<Option<LinesSeen>, Unreadable> {
    let Some(seen) = optional(row, name, |value| value.as_m().ok())? else { return Ok(None) };
    let counted = LineTotals { lines: count(seen, names::LINES)?, sum: units(seen, names::SUM_UNITS)? };
    Ok(Some(LinesSeen { until: required(seen, names::UNTIL, time)?, counted }))
}

fn read_counting(row: &Image) -> Result<CountProgress, Unreadable> {
    Ok(CountProgress {
        account: required(row, names::ACCOUNT, word)?,
        counted: LineTotals { lines: count(row, names::LINES)?, sum: units(row, names::SUM_UNITS)? },
        earlier: read_seen(row, names::EARLIER)?,
        last: LinePosition { key: required(row, names::ID, word)?, at: required(row, names::PROCESSED_AT, word)? },
        sides: inner(row, names::SIDES)?.map(day_row::read_sides).transpose()?,
    })
}

fn read_open(row: &Image) -> Result<Open, Unreadable> {
    let order = |value: &AttributeValue| OrderNumber::new(value.as_s().ok()?).ok();
    let difference = Difference {
        difference_kind: required(row, names::DIFFERENCE_KIND, |value| DifferenceKind::named(value.as_s().ok()?))?,
        suspect: required(row, names::SUSPECT, |value| Suspect::named(value.as_s().ok()?))?,
        account: required(row, names::ACCOUNT, word)?,
        order: optional(row, names::ORDER, order)?,
        line: optional(row, names::LINE, word)?,
        recorded: units(row, names::RECORDED_UNITS)?,
        found: units(row, names::FOUND_UNITS)?,
        missing: count(row, names::MISSING)?,
    };
    let (since, checked_at) = (required(row, names::SINCE, time)?, required(row, names::CHECKED_AT, time)?);
    Ok(Open {
        difference,
        equal_checks: count(row, names::EQUAL_CHECKS)?,
        since,
        checked_at,
        seen: read_seen(row, names::SEEN)?,
    })
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
