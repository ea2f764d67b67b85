//! Two fake LLM upstreams in OpenAI's format. Words of the last message choose what they do: `shared/fakes/src/openai/words.rs` has the
//! table.

use std::time::Duration;

use fakes::openai::{Answered, Call, MODELS, OpenAi};
use fakes::unitel::Wait;
use http::{HeaderMap, Response, StatusCode};
use ledger::Timestamp;
use serde_json::json;

use crate::body::{self, HttpBody};
use crate::secrets::{OPENAI_KEYS, Secrets};

/// The prefixes of the upstreams' own paths: `<base>/mock/openai/v1/chat/completions`. `<base>/mock/openai/totals` has what each has
/// generated.
pub(crate) const PATHS: [&str; 2] = ["/mock/openai-spare", "/mock/openai"];
/// Their names, for words that hold at one of them.
const NAMES: [&str; 2] = ["spare", "main"];

pub(crate) struct MockOpenAi {
    upstreams: [OpenAi; 2],
    base_url: String,
}

impl MockOpenAi {
    /// They accept the keys that the function has.
    pub(crate) fn new(base_url: &str, secrets: &Secrets) -> Self {
        let seed = format!("{:012x}", fastrand::u64(..) >> 16);
        let [spare, main] = NAMES;
        let [key_of_main, key_of_spare] = OPENAI_KEYS.map(|key| secrets.named(key));
        let of = |name: &str, key: &str| OpenAi::new(key, &format!("{name}{seed}")).named(name);
        Self { upstreams: [of(spare, key_of_spare), of(main, key_of_main)], base_url: base_url.to_owned() }
    }

    /// The default of a function's setting that points it to these fakes.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let [spare, main] = PATHS.map(|path| format!("{}{path}/v1", self.base_url));
        match name {
            "LLM_BASE_URL" => Some(main),
            "LLM_UPSTREAMS" => {
                let [name, _] = NAMES;
                Some(json!([{ "name": name, "base_url": spare, "models": MODELS }]).to_string())
            }
            _ => None,
        }
    }

    /// `None` if the path is of none of them. A call that hangs has no answer until its caller closes the connection.
    pub(crate) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> Option<Response<HttpBody>> {
        let of = |(upstream, prefix)| {
            let rest = path.strip_prefix(prefix).filter(|rest: &&str| rest.starts_with('/'))?;
            Some((upstream, rest))
        };
        let (upstream, path): (&OpenAi, &str) = self.upstreams.iter().zip(PATHS).find_map(of)?;
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let answered = upstream.answer(&Call { method, path, authorization, body, now_s: now.unix_s() });
        match answered.wait {
            Wait::None => {}
            Wait::Seconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Wait::ForEver => std::future::pending().await,
        }
        Some(response(answered))
    }
}

fn response(Answered { status, headers, parts, pace_ms, end, .. }: Answered) -> Response<HttpBody> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let body = body::of_fake(parts, Duration::from_millis(pace_ms), end);
    response.body(body).unwrap_or_else(|_| {
        let mut failed = Response::new(body::whole(""));
        *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}
