//! The fake of an LLM gateway's log behind a faulty network.

use std::convert::Infallible;

use fakes::new_api::{Call, Dialect, Logged, NewApi};
use ledger::Timestamp;

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::ProviderCall;

/// The base URL of the fake gateway, and the access token that it accepts.
pub const NEW_API_BASE: &str = "https://llm.invalid";
pub const NEW_API_TOKEN: &str = "one-of-an-administrator";

/// The fake gateway behind a faulty network.
pub type NewApiNet = FaultyNet<NewApi>;

impl FakeProvider for NewApi {
    type OwnFault = Infallible;

    fn path(url: &str) -> &str {
        url.strip_prefix(NEW_API_BASE).unwrap_or(url)
    }

    fn answer(&self, call: &ProviderCall, _: i64) -> ProviderReply {
        let call = Call {
            method: call.method(),
            path: call.path(),
            authorization: call.authorization(),
            user_id: call.header("new-api-user"),
            api_key: call.header("x-api-key"),
        };
        let (status, body) = Self::answer(self, &call);
        ProviderReply::of(status, body)
    }

    fn answer_with(&self, fault: Infallible, _: &ProviderCall, _: i64) -> ProviderReply {
        match fault {}
    }

    fn error_body(_: u16) -> String {
        "{}".to_owned()
    }

    /// A failure that has a status of success.
    fn more_faults() -> Vec<NetFault> {
        vec![NetFault::Reply(200, r#"{"success":false,"code":1,"message":"database is locked"}"#)]
    }
}

impl NewApiNet {
    pub fn of(dialect: Dialect) -> Self {
        Self::over(NewApi::new(dialect, NEW_API_TOKEN))
    }
}

/// A charge of 1,170 quota for the token 1, which is 0.234 credits at a hundred for a dollar.
pub fn logged(request: &str, at: Timestamp) -> Logged {
    Logged {
        request_id: Some(request.to_owned()),
        at_s: at.unix_s(),
        at: at.to_string(),
        is_refund: false,
        user_id: 7,
        token_id: 1,
        token_name: "default".to_owned(),
        model: "gpt-4o".to_owned(),
        quota: 1170,
        prompt_tokens: 120,
        completion_tokens: 30,
        content: String::new(),
        task_id: None,
    }
}

/// What the same sum is given back with, for a task that failed.
pub fn given_back(task: &str, at: Timestamp) -> Logged {
    let content = "task failed".to_owned();
    let (prompt_tokens, completion_tokens) = (0, 0);
    Logged {
        request_id: None,
        is_refund: true,
        task_id: Some(task.to_owned()),
        content,
        prompt_tokens,
        completion_tokens,
        ..logged("", at)
    }
}
