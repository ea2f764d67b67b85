//! A statement by page: the lines of an account, the newest first, as JSON or CSV.

use std::fmt::Write as _;

use api::openapi::{Kind, Parameter, SignedAmountText, TimeText};
use api::{ApiCall, ApiOutcome, Caller, Failure, Query, percent_encoded};
use catalog::Catalog;
use edge::{Reply, Request};
use ledger::{Asset, LinePosition, Scope, ShownLine, StatementPage, StatementQuery, Statements, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::ASSET;
use crate::parse::{account_not_found, asset, owner};
use crate::{Call, cursor, shown};

const LINES: u16 = 100;
/// A fifth of what one query can return.
const LINES_MAX: u16 = 1_000;
const KIND_CHARS_MAX: usize = 32;
pub(crate) const PARAMETERS: [Parameter; 6] = [
    ASSET,
    Parameter::query("from", Kind::Time, "Lines of this time and later ones."),
    Parameter::query("to", Kind::Time, "Lines before this time."),
    Parameter::query("kind", Kind::Text("^[a-z_]{1,32}$"), "Lines of one kind: `usage`, `credit`, `expiry` …"),
    Parameter::query(
        "cursor",
        Kind::Text(cursor::PATTERN),
        "`next` of the page before, with the same `from` and `to`.",
    ),
    Parameter::query(
        "limit",
        Kind::Whole { min: 1, max: LINES_MAX, default: LINES },
        "How many lines a page has at most.",
    ),
];
const CSV: &str = "text/csv";
const CSV_HEAD: &str = "time,kind,amount,asset,id\r\n";

/// A page of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statement)]
pub(crate) struct StatementJson<'b> {
    #[schema(examples("alice/credits"))]
    account: String,
    /// The newest first.
    lines: Vec<LineJson<'b>>,
    /// The cursor of the next page; `null` on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// A line of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementLine)]
pub(crate) struct LineJson<'b> {
    #[schema(examples("usage#evt_1"))]
    id: &'b str,
    #[schema(examples("usage"))]
    kind: &'b str,
    /// The change of the balance.
    #[schema(value_type = SignedAmountText)]
    amount: String,
    #[schema(value_type = TimeText)]
    time: &'b str,
}

pub(crate) async fn show<L: Statements>(
    catalog: &Catalog,
    call: &ApiCall<'_, Call, Caller>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let owner = owner(call.found)?;
    call.caller.may_see(&owner, Scope::Read, account_not_found)?;
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let query = StatementQuery {
        account: owner.account(asset(parameters.parameter("asset"), catalog)?),
        from: time(&parameters, "from")?,
        until: time(&parameters, "to")?,
        kind: kind(&parameters)?,
        after: None,
        lines_max: cursor::limit(&parameters, LINES, LINES_MAX)?,
    };
    let query = StatementQuery { after: after(&parameters, &query)?, ..query };
    let page = ledger.statement_page(&query, &call.context()).await?;
    let reply = if is_csv(call.request)? { csv(&query, &page) } else { json(&query, &page) };
    let reply = match &page.next {
        Some(next) => reply.with_header("link", format!("<{}>; rel=\"next\"", address(&query, next))),
        None => reply,
    };
    Ok(shown(reply))
}

fn time(parameters: &Query, name: &'static str) -> Result<Option<Timestamp>, Failure> {
    let code = if name == "from" { "from_invalid" } else { "to_invalid" };
    let wrong = |_| Failure::new(400, code, format!("{name} must be a time such as 2026-01-01T00:00:00Z."));
    parameters.parameter(name).map(Timestamp::parse_rfc3339).transpose().map_err(wrong)
}

fn kind(parameters: &Query) -> Result<Option<String>, Failure> {
    let is_kind = |kind: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !kind.is_empty() && kind.len() <= KIND_CHARS_MAX && kind.bytes().all(allowed)
    };
    let Some(kind) = parameters.parameter("kind") else { return Ok(None) };
    let wrong = || Failure::new(400, "kind_invalid", "kind must be that of a line, such as usage or credit.");
    if is_kind(kind) { Ok(Some(kind.to_owned())) } else { Err(wrong()) }
}

/// A cursor of another range leads nowhere, and the store refuses it.
fn after(parameters: &Query, query: &StatementQuery) -> Result<Option<LinePosition>, Failure> {
    let Some(text) = parameters.parameter("cursor") else { return Ok(None) };
    let read =
        cursor::read(text).filter(|(_, at)| query.times().is_none_or(|(first, last)| (first..=last).contains(at)));
    let wrong =
        || Failure::new(400, "cursor_invalid", "cursor must be that of the page before, with the same from and to.");
    read.map(|(place, _)| Some(place)).ok_or_else(wrong)
}

fn is_csv(request: &Request) -> Result<bool, Failure> {
    let accepted = request.header("accept")?.unwrap_or_default();
    let name = |of: &str| of.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(CSV);
    Ok(accepted.split(',').any(name))
}

fn json(query: &StatementQuery, page: &StatementPage) -> Reply {
    let asset = query.account.asset();
    let lines = page.lines.iter().map(|line| LineJson::of(line, asset)).collect();
    let next = page.next.as_ref().map(cursor::written);
    Reply::json(200, &StatementJson { account: query.account.to_string(), lines, next })
}

impl<'b> LineJson<'b> {
    pub(crate) fn of(ShownLine { key, kind, change, at }: &'b ShownLine, asset: Asset) -> Self {
        LineJson { id: key, kind, amount: asset.format_balance(*change), time: at }
    }
}

/// Only the first page has the head, so that all pages after each other are one file.
fn csv(query: &StatementQuery, page: &StatementPage) -> Reply {
    let asset = query.account.asset();
    let mut text = if query.after.is_none() { CSV_HEAD.to_owned() } else { String::new() };
    for ShownLine { key, kind, change, at } in &page.lines {
        // A string takes everything.
        let _ = write!(text, "{at},{kind},{},{asset},{}\r\n", asset.format_balance(*change), quoted(key));
    }
    Reply { status: 200, headers: vec![("content-type", "text/csv; charset=utf-8".to_owned())], body: text }
}

/// A sender chooses the ids of its events. They begin with a word of ours, so that no program takes one for a formula.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// The address of the next page, relative to this one.
fn address(query: &StatementQuery, next: &LinePosition) -> String {
    let asset = query.account.asset().to_string();
    let [from, until] = [query.from, query.until].map(|time| time.map(|time| time.to_string()));
    let parameters = [
        ("asset", Some(asset)),
        ("from", from),
        ("to", until),
        ("kind", query.kind.clone()),
        ("limit", Some(query.lines_max.to_string())),
        ("cursor", Some(cursor::written(next))),
    ];
    let parameters =
        parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", percent_encoded(&value?))));
    let owner = percent_encoded(query.account.owner().as_str());
    format!("/v1/accounts/{owner}/statement?{}", parameters.collect::<Vec<_>>().join("&"))
}
