//! A fake of an LLM gateway's log API, in the dialects of new-api, one-api and sub2api. Its caller adds the rows, as
//! uses do.
//!
//! The `id` of a row of new-api and one-api is its place in the answer, as some of their stores number it.

mod pages;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Quota for a dollar, unless it is changed.
const QUOTA_PER_UNIT: &str = "500000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    NewApi,
    OneApi,
    Sub2Api,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `None` for a row of an asynchronous task, and in builds without it.
    pub request_id: Option<String>,
    /// In Unix seconds, and as RFC 3339.
    pub at_s: i64,
    pub at: String,
    pub is_refund: bool,
    pub user_id: u64,
    pub token_id: u64,
    pub token_name: String,
    pub model: String,
    pub quota: i64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub content: String,
    pub task_id: Option<String>,
}

pub struct NewApi {
    dialect: Dialect,
    token: String,
    /// The header `New-Api-User` that an older version wants.
    user_id: Option<String>,
    state: Mutex<State>,
}

struct State {
    /// In the order in which they were written.
    rows: Vec<Logged>,
    quota_per_unit: String,
    writes_logs: bool,
    is_root: bool,
    page_size_max: usize,
}

/// One request.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    /// With the query.
    pub path: &'c str,
    /// The headers of new-api and one-api, and that of sub2api.
    pub authorization: Option<&'c str>,
    pub user_id: Option<&'c str>,
    pub api_key: Option<&'c str>,
}

impl NewApi {
    pub fn new(dialect: Dialect, token: &str) -> Self {
        let state = State {
            rows: Vec::new(),
            quota_per_unit: QUOTA_PER_UNIT.to_owned(),
            writes_logs: true,
            is_root: true,
            page_size_max: 100,
        };
        Self { dialect, token: token.to_owned(), user_id: None, state: Mutex::new(state) }
    }

    /// An older version, which wants the number of the token's user.
    #[must_use]
    pub fn with_user(self, user_id: &str) -> Self {
        Self { user_id: Some(user_id.to_owned()), ..self }
    }

    /// Writes a row, unless logs are turned off.
    pub fn log(&self, row: Logged) {
        let mut state = self.state();
        if state.writes_logs {
            state.rows.push(row);
        }
    }

    pub fn rows(&self) -> Vec<Logged> {
        self.state().rows.clone()
    }

    pub fn set_quota_per_unit(&self, quota: &str) {
        quota.clone_into(&mut self.state().quota_per_unit);
    }

    pub fn set_writes_logs(&self, writes_logs: bool) {
        self.state().writes_logs = writes_logs;
    }

    /// Whether the token is that of the root, who alone may read options.
    pub fn set_root(&self, is_root: bool) {
        self.state().is_root = is_root;
    }

    pub fn set_page_size_max(&self, page_size_max: usize) {
        self.state().page_size_max = page_size_max;
    }

    /// The status and the body. What fails is answered with 200, too.
    pub fn answer(&self, call: &Call<'_>) -> (u16, String) {
        let (path, query) = call.path.split_once('?').unwrap_or((call.path, ""));
        let state = self.state();
        let body = match (call.method, path, self.dialect) {
            ("GET", "/api/status", Dialect::NewApi | Dialect::OneApi) => Ok(state.status()),
            ("GET", "/api/option/", Dialect::NewApi | Dialect::OneApi) if self.admits(call) => Ok(state.options()),
            ("GET", "/api/log/", Dialect::NewApi) if self.admits(call) => state.new_api(query),
            ("GET", "/api/log/", Dialect::OneApi) if self.admits(call) => state.one_api(query),
            ("GET", "/api/v1/admin/usage", Dialect::Sub2Api) if self.admits(call) => state.sub2api(query),
            ("GET", "/api/option/" | "/api/log/", Dialect::NewApi | Dialect::OneApi) => Ok(refused()),
            ("GET", "/api/v1/admin/usage", Dialect::Sub2Api) => {
                return (401, json!({ "code": "UNAUTHORIZED", "message": "Invalid admin API key" }).to_string());
            }
            _ => return (404, json!({ "error": { "message": "Invalid URL" } }).to_string()),
        };
        body.map_or_else(
            |problem| (400, json!({ "success": false, "message": problem }).to_string()),
            |body| (200, body),
        )
    }

    fn admits(&self, call: &Call<'_>) -> bool {
        match self.dialect {
            Dialect::Sub2Api => call.api_key == Some(self.token.as_str()),
            Dialect::OneApi => call.authorization == Some(self.token.as_str()),
            Dialect::NewApi => {
                call.authorization == Some(self.token.as_str())
                    && self.user_id.as_deref().is_none_or(|user| call.user_id == Some(user))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A text, since a JSON number of this crate is a float.
    fn status(&self) -> String {
        let quota_per_unit = &self.quota_per_unit;
        format!(r#"{{"success":true,"message":"","data":{{"version":"v0.0.0","quota_per_unit":{quota_per_unit}}}}}"#)
    }

    fn options(&self) -> String {
        if !self.is_root {
            return refused();
        }
        let option = |key: &str, value: String| json!({ "key": key, "value": value });
        let options = [
            option("LogConsumeEnabled", self.writes_logs.to_string()),
            option("QuotaPerUnit", self.quota_per_unit.clone()),
        ];
        json!({ "success": true, "message": "", "data": options }).to_string()
    }
}

fn refused() -> String {
    json!({ "success": false, "message": "无权进行此操作，access token 无效" }).to_string()
}

impl fmt::Debug for NewApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApi").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The rows of a page, the newest first, and how many there are.
fn page<'r>(rows: impl Iterator<Item = &'r Logged>, first: usize, size: usize) -> (Vec<&'r Logged>, usize) {
    let mut rows: Vec<&Logged> = rows.collect();
    // A stable sort of the reversed order: of one second, the last one written is the newest.
    rows.reverse();
    rows.sort_by_key(|row| std::cmp::Reverse(row.at_s));
    let total = rows.len();
    (rows.into_iter().skip(first).take(size).collect(), total)
}

fn other(row: &Logged) -> String {
    let task = |id: &String| json!({ "task_id": id, "reason": "failed" });
    row.task_id.as_ref().map_or_else(|| json!({ "model_ratio": 1.25, "group_ratio": 1 }), task).to_string()
}

fn success(data: &Value) -> String {
    json!({ "success": true, "message": "", "data": data }).to_string()
}
