//! The lists of the three dialects. A parameter that a gateway does not know is refused: a misspelt one would be
//! ignored there, and list all rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Logged, State, other, page, success};

const CHARGE: u8 = 2;
const REFUND: u8 = 6;
const ROWS_OF_ONE_API: usize = 10;

type Query<'q> = BTreeMap<&'q str, &'q str>;

fn parse<'q>(query: &'q str, known: &[&str]) -> Result<Query<'q>, &'static str> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query: Query<'q> = pairs.collect();
    if query.keys().any(|name| !known.contains(name)) {
        return Err("unknown parameter");
    }
    Ok(query)
}

fn number(query: &Query<'_>, name: &str, default: i64) -> Result<i64, &'static str> {
    query.get(name).map_or(Ok(default), |text| text.parse().map_err(|_| "not a number"))
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn kind(row: &Logged) -> u8 {
    if row.is_refund { REFUND } else { CHARGE }
}

/// By type and time, both ends included; 0 is no limit.
fn is_listed(row: &Logged, query: &Query<'_>) -> Result<bool, &'static str> {
    let (of_type, start) = (number(query, "type", 0)?, number(query, "start_timestamp", 0)?);
    let end = number(query, "end_timestamp", 0)?;
    let is_of_type = of_type == 0 || of_type == i64::from(kind(row));
    Ok(is_of_type && (start == 0 || row.at_s >= start) && (end == 0 || row.at_s <= end))
}

impl State {
    fn listed(&self, query: &Query<'_>) -> Result<Vec<&Logged>, &'static str> {
        self.rows.iter().filter_map(|row| is_listed(row, query).map(|is| is.then_some(row)).transpose()).collect()
    }

    pub(super) fn new_api(&self, query: &str) -> Result<String, &'static str> {
        let known = ["p", "page_size", "type", "start_timestamp", "end_timestamp", "username", "token_name"];
        let query = parse(query, &known)?;
        let number_of = size(number(&query, "p", 1)?).max(1);
        let size = size(number(&query, "page_size", 10)?).clamp(1, self.page_size_max);
        let first = number_of.saturating_sub(1).saturating_mul(size);
        let (rows, total) = page(self.listed(&query)?.into_iter(), first, size);
        let items: Vec<Value> = rows.iter().zip(first..).map(|(row, place)| of_new_api(row, place)).collect();
        Ok(success(&json!({ "page": number_of, "page_size": size, "total": total, "items": items })))
    }

    /// Its first page is 0, and `data` the bare list.
    pub(super) fn one_api(&self, query: &str) -> Result<String, &'static str> {
        let query = parse(query, &["p", "type", "start_timestamp", "end_timestamp", "username", "token_name"])?;
        let first = size(number(&query, "p", 0)?).saturating_mul(ROWS_OF_ONE_API);
        let (rows, _) = page(self.listed(&query)?.into_iter(), first, ROWS_OF_ONE_API);
        let items: Vec<Value> = rows.iter().zip(first..).map(|(row, place)| of_one_api(row, place)).collect();
        Ok(success(&json!(items)))
    }

    /// By days, both included.
    pub(super) fn sub2api(&self, query: &str) -> Result<String, &'static str> {
        let query = parse(query, &["page", "page_size", "start_date", "end_date", "user_id", "api_key_id", "model"])?;
        let number_of = size(number(&query, "page", 1)?).max(1);
        let size = size(number(&query, "page_size", 20)?).clamp(1, self.page_size_max);
        let first = number_of.saturating_sub(1).saturating_mul(size);
        let day = |row: &Logged| row.at.get(..10).unwrap_or_default().to_owned();
        let is_listed = |row: &&(usize, &Logged)| {
            let day = day(row.1);
            query.get("start_date").is_none_or(|start| day.as_str() >= *start)
                && query.get("end_date").is_none_or(|end| day.as_str() <= *end)
        };
        let numbered: Vec<(usize, &Logged)> = self.rows.iter().enumerate().collect();
        let listed: Vec<&(usize, &Logged)> = numbered.iter().filter(is_listed).collect();
        let newest_first = listed.iter().rev().skip(first).take(size);
        let items: Vec<String> = newest_first.map(|(place, row)| of_sub2api(row, place.saturating_add(1))).collect();
        let (total, items) = (listed.len(), items.join(","));
        let pages = total.div_ceil(size);
        Ok(format!(
            r#"{{"code":0,"message":"success","data":{{"items":[{items}],"total":{total},"page":{number_of},"page_size":{size},"pages":{pages}}}}}"#
        ))
    }
}

fn of_new_api(row: &Logged, place: usize) -> Value {
    json!({
        "id": place.saturating_add(1), "user_id": row.user_id, "created_at": row.at_s, "type": kind(row),
        "content": row.content, "username": format!("user-{}", row.user_id), "token_name": row.token_name,
        "model_name": row.model, "quota": row.quota, "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens, "use_time": 3, "is_stream": true, "channel": 1,
        "channel_name": "", "token_id": row.token_id, "group": "default", "ip": "",
        "request_id": row.request_id.as_deref().unwrap_or_default(), "other": other(row),
    })
}

fn of_one_api(row: &Logged, place: usize) -> Value {
    json!({
        "id": place.saturating_add(1), "user_id": row.user_id, "created_at": row.at_s, "type": kind(row),
        "content": row.content, "username": format!("user-{}", row.user_id), "token_name": row.token_name,
        "model_name": row.model, "quota": row.quota, "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens, "channel": 1, "elapsed_time": 3000, "is_stream": true,
        "request_id": row.request_id.as_deref().unwrap_or_default(), "system_prompt_reset": false,
    })
}

/// Its cost is in dollars, at 500,000 quota each. A text, since a JSON number of this crate is a float.
fn of_sub2api(row: &Logged, id: usize) -> String {
    let micros = row.quota.unsigned_abs().saturating_mul(2);
    let (whole, part) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let head = json!({
        "id": id, "user_id": row.user_id, "api_key_id": row.token_id, "model": row.model, "created_at": row.at,
        "request_id": row.request_id.as_deref().unwrap_or_default(), "input_tokens": row.prompt_tokens,
        "output_tokens": row.completion_tokens, "cache_creation_tokens": 0, "cache_read_tokens": 0, "billing_type": 0,
    });
    let head = head.to_string();
    let head = head.trim_end_matches('}');
    format!(r#"{head},"actual_cost":{whole}.{part:06}}}"#)
}
