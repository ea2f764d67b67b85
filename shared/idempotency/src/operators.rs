//! Operators of the console, their sessions, sign-ins and attempts: rows of a table of their own, which has no money.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{CallContext, CommitError, Timestamp};
use operators::{
    Attempts, Counted, Credentials, Link, Operator, OperatorName, Operators, Role, Session, SignIn, TokenHash,
};

use crate::batch::Read as RowsToRead;
use crate::image::{Image, Read, Unreadable, known_form, maybe, number, owned, time, word};
use crate::names;
use crate::rows::{ROW_FORMAT, Row, number as units, read_version, text};
use crate::store::{DynamoLedger, unreadable};

/// The sign-ins of an operator that are shown.
const SIGN_INS_MAX: u64 = 20;
/// As long as an audit may ask who had signed in.
const SIGN_IN_KEPT_SECONDS: i64 = 400 * 24 * 60 * 60;
/// A session that is over is kept for a day.
const SESSION_KEPT_SECONDS: i64 = 24 * 60 * 60;
const ATTRIBUTES: [&str; 18] = [
    names::ID,
    names::FORMAT,
    names::ROLE,
    names::PASSWORD,
    names::TOTP_KEY,
    names::TOTP_STEP,
    names::CHOSEN_AT,
    names::LINK_HASH,
    names::LINK_UNTIL,
    names::SIGN_INS,
    names::SINCE,
    names::REVOKED_AT,
    names::VERSION,
    names::OPERATOR,
    names::BEGAN_AT,
    names::SEEN_AT,
    names::ENDED_AT,
    names::ADDRESS,
];
const OF_ATTEMPTS: [&str; 4] = [names::ID, names::FORMAT, names::FAILURES, names::FAILED_AT];

impl Operators for DynamoLedger {
    async fn operator(&self, name: &OperatorName, context: &CallContext<'_>) -> Result<Option<Operator>, CommitError> {
        let row = self.row(&self.tables().operators, operator_id(name), context).await?;
        row.map(|row| operator(name, &row)).transpose().map_err(unreadable)
    }

    async fn write_operator(&self, operator: &Operator, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let id = operator_id(&operator.name);
        self.write_if_unchanged(operator_row(operator), &self.tables().operators, &id, context).await
    }

    async fn session(
        &self,
        hash: &TokenHash,
        name: &OperatorName,
        context: &CallContext<'_>,
    ) -> Result<Option<(Session, Operator)>, CommitError> {
        let (session_id, operator_id) = (session_id(hash), operator_id(name));
        let rows = self.rows_by_id(&[&session_id, &operator_id], &ATTRIBUTES, context).await?;
        let found = rows.get(&session_id).zip(rows.get(&operator_id));
        found.map(|(of, by)| Ok((session(hash, of)?, operator(name, by)?))).transpose().map_err(unreadable)
    }

    async fn begin_session(
        &self,
        session: &Session,
        sign_in: &SignIn,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        // After a lost answer the row is there, by this very sign-in: its number and its token are no one else's.
        let id = sign_in_id(&sign_in.operator, sign_in.number);
        self.write_if_unchanged(sign_in_row(sign_in), &self.tables().operators, &id, context).await?;
        let id = session_id(&session.hash);
        self.write_if_unchanged(session_row(session), &self.tables().operators, &id, context).await.map(|_| ())
    }

    async fn note_session(&self, session: &Session, context: &CallContext<'_>) -> Result<(), CommitError> {
        let mut row = Row::default();
        row.set(names::SEEN_AT, text(&session.seen_at));
        if let Some(at) = &session.ended_at {
            row.set(names::ENDED_AT, text(at));
        }
        row.require(names::ENDED_AT, None);
        row.require(names::BEGAN_AT, Some(text(&session.began_at)));
        row.require_known_form();
        let id = session_id(&session.hash);
        self.write_if_unchanged(row, &self.tables().operators, &id, context).await.map(|_| ())
    }

    async fn sign_ins(&self, operator: &Operator, context: &CallContext<'_>) -> Result<Vec<SignIn>, CommitError> {
        let first = operator.sign_ins.saturating_sub(SIGN_INS_MAX);
        let numbers = (first..operator.sign_ins).rev().map(|before| before.saturating_add(1));
        let ids: Vec<String> = numbers.map(|number| sign_in_id(&operator.name, number)).collect();
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rows = self.rows_by_id(&wanted, &ATTRIBUTES, context).await?;
        ids.iter().filter_map(|id| rows.get(id)).map(sign_in).collect::<Read<_>>().map_err(unreadable)
    }

    async fn attempts(&self, counted: &[Counted; 2], context: &CallContext<'_>) -> Result<[Attempts; 2], CommitError> {
        let ids = counted.each_ref().map(attempts_id);
        let [name, address] = &ids;
        let rows = self.rows_by_id(&[name, address], &OF_ATTEMPTS, context).await?;
        let read = |id: &String| rows.get(id).map_or(Ok(Attempts::default()), attempts).map_err(unreadable);
        Ok([read(name)?, read(address)?])
    }

    async fn write_attempts(
        &self,
        counted: &Counted,
        read: Attempts,
        attempts: Attempts,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let mut row = Row::with_form();
        row.set(names::FAILURES, units(&attempts.count));
        row.set_or_remove(names::FAILED_AT, attempts.last_at.as_ref().map(text));
        row.set_or_remove(names::REMOVED_AT, attempts.removed_at().map(|at| units(&at.unix_s())));
        // A row whose attempts were forgotten stays until it is removed.
        let (count, known) = (row.name(names::FAILURES), row.value(units(&read.count)));
        let absent = if read.count == 0 { format!("attribute_not_exists({count}) OR ") } else { String::new() };
        row.conditions.push(format!("({absent}{count} = {known})"));
        row.require_known_form();
        self.write_if_unchanged(row, &self.tables().operators, &attempts_id(counted), context).await
    }
}

impl DynamoLedger {
    async fn rows_by_id(
        &self,
        ids: &[&str],
        attributes: &[&str],
        context: &CallContext<'_>,
    ) -> Result<HashMap<String, Image>, CommitError> {
        let read = RowsToRead { table: &self.tables().operators, attributes, is_strong: true };
        let rows = self.rows(&read, ids, context).await?;
        rows.into_iter().map(|row| Ok((word(&row, names::ID, owned)?, row))).collect::<Read<_>>().map_err(unreadable)
    }
}

fn operator_id(name: &OperatorName) -> String {
    format!("operator#{name}")
}

fn session_id(hash: &TokenHash) -> String {
    format!("session#{hash}")
}

fn sign_in_id(name: &OperatorName, number: u64) -> String {
    format!("sign_in#{name}#{number}")
}

fn attempts_id(counted: &Counted) -> String {
    format!("attempts#{}", counted.word())
}

fn operator_row(operator: &Operator) -> Row {
    let Operator { name: _, role, credentials, link, sign_ins, since, revoked_at, version } = operator;
    let mut row = Row::default();
    row.set(names::FORMAT, units(&ROW_FORMAT));
    row.set(names::ROLE, text(role.as_str()));
    row.set(names::SIGN_INS, units(sign_ins));
    row.set(names::SINCE, text(since));
    row.set(names::VERSION, units(version));
    row.set_or_remove(names::REVOKED_AT, revoked_at.as_ref().map(text));
    row.set_or_remove(names::LINK_HASH, link.as_ref().map(|link| text(&link.hash)));
    row.set_or_remove(names::LINK_UNTIL, link.as_ref().map(|link| text(&link.until)));
    let chosen = credentials.as_ref();
    row.set_or_remove(names::PASSWORD, chosen.map(|chosen| text(&chosen.password)));
    row.set_or_remove(names::TOTP_KEY, chosen.map(|chosen| AttributeValue::B(Blob::new(chosen.totp.clone()))));
    row.set_or_remove(names::TOTP_STEP, chosen.map(|chosen| units(&chosen.last_step)));
    row.set_or_remove(names::CHOSEN_AT, chosen.map(|chosen| text(&chosen.since)));
    row.require(names::VERSION, read_version(*version).as_ref().map(units));
    row.require_known_form();
    row
}

fn operator(name: &OperatorName, row: &Image) -> Read<Operator> {
    known_form(row)?;
    let hash = maybe(row, names::LINK_HASH, TokenHash::read)?;
    let until = maybe(row, names::LINK_UNTIL, time)?;
    Ok(Operator {
        name: name.clone(),
        role: word(row, names::ROLE, Role::named)?,
        credentials: maybe(row, names::PASSWORD, owned)?.map(|password| credentials(password, row)).transpose()?,
        link: hash.zip(until).map(|(hash, until)| Link { hash, until }),
        sign_ins: number(row, names::SIGN_INS)?,
        since: word(row, names::SINCE, time)?,
        revoked_at: maybe(row, names::REVOKED_AT, time)?,
        version: number(row, names::VERSION)?,
    })
}

fn credentials(password: String, row: &Image) -> Read<Credentials> {
    let key = row.get(names::TOTP_KEY).and_then(|key| key.as_b().ok()).ok_or(Unreadable(names::TOTP_KEY))?;
    Ok(Credentials {
        password,
        totp: key.as_ref().to_vec(),
        last_step: number(row, names::TOTP_STEP)?,
        since: word(row, names::CHOSEN_AT, time)?,
    })
}

fn session_row(session: &Session) -> Row {
    let Session { hash: _, operator, began_at, seen_at, ended_at: _, address } = session;
    let mut row = Row::with_form();
    row.set(names::OPERATOR, text(operator));
    row.set(names::BEGAN_AT, text(began_at));
    row.set(names::SEEN_AT, text(seen_at));
    row.set(names::ADDRESS, text(address));
    row.set(names::REMOVED_AT, units(&removed_at(session.ends_at(), SESSION_KEPT_SECONDS)));
    let absent = row.absent();
    row.conditions.push(absent);
    row
}

fn session(hash: &TokenHash, row: &Image) -> Read<Session> {
    known_form(row)?;
    Ok(Session {
        hash: hash.clone(),
        operator: word(row, names::OPERATOR, |name| OperatorName::new(name).ok())?,
        began_at: word(row, names::BEGAN_AT, time)?,
        seen_at: word(row, names::SEEN_AT, time)?,
        ended_at: maybe(row, names::ENDED_AT, time)?,
        address: word(row, names::ADDRESS, owned)?,
    })
}

fn sign_in_row(sign_in: &SignIn) -> Row {
    let mut row = Row::with_form();
    row.set(names::OPERATOR, text(&sign_in.operator));
    row.set(names::SIGN_INS, units(&sign_in.number));
    row.set(names::BEGAN_AT, text(&sign_in.at));
    row.set(names::ADDRESS, text(&sign_in.address));
    row.set(names::REMOVED_AT, units(&removed_at(sign_in.at, SIGN_IN_KEPT_SECONDS)));
    let absent = row.absent();
    row.conditions.push(absent);
    row
}

fn sign_in(row: &Image) -> Read<SignIn> {
    known_form(row)?;
    Ok(SignIn {
        operator: word(row, names::OPERATOR, |name| OperatorName::new(name).ok())?,
        number: number(row, names::SIGN_INS)?,
        at: word(row, names::BEGAN_AT, time)?,
        address: word(row, names::ADDRESS, owned)?,
    })
}

fn attempts(row: &Image) -> Read<Attempts> {
    known_form(row)?;
    Ok(Attempts { count: number(row, names::FAILURES)?, last_at: maybe(row, names::FAILED_AT, time)? })
}

fn removed_at(after: Timestamp, kept_seconds: i64) -> i64 {
    after.plus_seconds(kept_seconds).unix_s()
}
