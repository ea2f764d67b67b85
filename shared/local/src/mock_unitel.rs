//! The fake of a telephone operator. The phone number selects its behaviour: `shared/fakes/src/unitel/phones.rs` has the table.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge::Reply;
use fakes::unitel::{Call, Unitel, Wait};
use http::HeaderMap;
use ledger::Timestamp;
use providers::UnitelKeys;

use crate::secrets::Secrets;

/// The prefix of the operator's own paths: `<base>/mock/unitel/service/recharge`. `<base>/mock/unitel/calls` lists the calls for each
/// order.
pub(crate) const PATH: &str = "/mock/unitel";
const CHECK_PATH: &str = "/service/check_transaction_result";

pub(crate) struct MockUnitel {
    unitel: Unitel,
    base_url: String,
}

impl MockUnitel {
    /// It accepts the credentials that the functions have.
    pub(crate) fn new(base_url: &str, secrets: &Secrets) -> Self {
        let [username, password] = UnitelKeys::SETTINGS.map(|name| secrets.named(name));
        let basic = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
        let seed = format!("{:012x}", fastrand::u64(..) >> 16);
        Self { unitel: Unitel::new(&basic, &seed), base_url: base_url.to_owned() }
    }

    /// The default of a function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        match name {
            "UNITEL_API_URL" => Some(format!("{}{PATH}", self.base_url)),
            "UNITEL_CHECK_PATH" => Some(CHECK_PATH.to_owned()),
            _ => None,
        }
    }

    /// `path` is the part after [`PATH`]. Some numbers get no reply until the caller closes the connection.
    pub(crate) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> Reply {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let response = self.unitel.answer(&Call { method, path, authorization, body, now_s: now.unix_s() });
        match response.wait {
            Wait::None => {}
            Wait::Seconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Wait::ForEver => std::future::pending().await,
        }
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply { status: response.status, headers, body: response.body }
    }
}
