//! The fake of an LLM gateway's log. `POST <base>/mock/new-api/log` writes a row, in the form in which the log lists it.

use edge::Reply;
use fakes::new_api::{Call, Dialect, Logged, NewApi};
use http::HeaderMap;
use ledger::Timestamp;
use providers::NewApiKey;
use serde::Deserialize;

use crate::secrets::Secrets;

/// The prefix of the gateway's own paths: `<base>/mock/new-api/api/log/`.
pub(crate) const PATH: &str = "/mock/new-api";
/// The path that writes a row, which no gateway has.
const LOG: &str = "/log";
const REFUND: u8 = 6;

pub(crate) struct MockNewApi {
    new_api: NewApi,
    base_url: String,
}

/// A row to write; what is left out is as for a small use of the demo key, now.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    request_id: Option<String>,
    created_at: Option<i64>,
    #[serde(rename = "type")]
    kind: u8,
    user_id: u64,
    token_id: u64,
    token_name: String,
    model_name: String,
    quota: i64,
    prompt_tokens: u64,
    completion_tokens: u64,
    content: String,
    task_id: Option<String>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            request_id: None,
            created_at: None,
            kind: 2,
            user_id: 1,
            token_id: 1,
            token_name: "default".to_owned(),
            model_name: "gpt-4o".to_owned(),
            quota: 1170,
            prompt_tokens: 120,
            completion_tokens: 30,
            content: String::new(),
            task_id: None,
        }
    }
}

impl MockNewApi {
    /// It accepts the token that the function has.
    pub(crate) fn new(base_url: &str, secrets: &Secrets) -> Self {
        let [token] = NewApiKey::SETTINGS;
        Self { new_api: NewApi::new(Dialect::NewApi, secrets.named(token)), base_url: base_url.to_owned() }
    }

    /// The default of a function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        (name == "NEW_API_BASE_URL").then(|| format!("{}{PATH}", self.base_url))
    }

    /// `path` is the part after [`PATH`].
    pub(crate) fn answer(&self, method: &str, path: &str, headers: &HeaderMap, body: &str, now: Timestamp) -> Reply {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (status, body) = if (method, path) == ("POST", LOG) {
            self.write(body, now)
        } else {
            self.new_api.answer(&Call {
                method,
                path,
                authorization: header("authorization"),
                user_id: header("new-api-user"),
                api_key: header("x-api-key"),
            })
        };
        Reply { status, headers: vec![("content-type", "application/json".to_owned())], body }
    }

    fn write(&self, body: &str, now: Timestamp) -> (u16, String) {
        let refused = || (400, r#"{"success":false,"message":"not a row of the log"}"#.to_owned());
        let Ok(row) = serde_json::from_str::<Row>(body) else { return refused() };
        let Ok(at) = row.created_at.map_or(Ok(now), Timestamp::from_unix) else { return refused() };
        self.new_api.log(Logged {
            request_id: row.request_id,
            at_s: at.unix_s(),
            at: at.to_string(),
            is_refund: row.kind == REFUND,
            user_id: row.user_id,
            token_id: row.token_id,
            token_name: row.token_name,
            model: row.model_name,
            quota: row.quota,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            content: row.content,
            task_id: row.task_id,
        });
        (200, r#"{"success":true,"message":""}"#.to_owned())
    }
}
