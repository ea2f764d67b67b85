//! The fake of Fireblocks: its API, transfers that advance by themselves, and signed webhooks about them to our own webhook.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge::Reply;
use fakes::{Call, FIREBLOCKS_WORKSPACE, Fireblocks, FireblocksFate};
use http::HeaderMap;
use ledger::Timestamp;

use crate::error::Error;
use crate::sources::Headers;
use crate::sources::fireblocks::{self, SETTING, Sides};

/// The prefix of Fireblocks' own paths: `<base>/mock/fireblocks/v1/transactions`.
pub(crate) const PATH: &str = "/mock/fireblocks";

/// How long a transfer stays at each step.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// The delay of a late reply: longer than our client's timeout for one call.
const LATE: Duration = Duration::from_secs(3);

pub(crate) struct MockFireblocks {
    fireblocks: Fireblocks,
    base_url: String,
    published: String,
    public: String,
    secret: String,
    unsent: Mutex<Vec<String>>,
}

impl MockFireblocks {
    /// `secret` holds the keys of both sides.
    pub(crate) fn new(base_url: &str, secret: &str) -> Result<Self, Error> {
        let sides = fireblocks::sides(secret).map_err(|error| Error::Secret(SETTING, error))?;
        let Sides { api_key, api_public_key, published, public } = sides;
        let fireblocks = Fireblocks::new(&api_key, api_public_key, fastrand::u32(..));
        let (base_url, secret) = (base_url.to_owned(), secret.to_owned());
        Ok(Self { fireblocks, base_url, published, public, secret, unsent: Mutex::default() })
    }

    /// The default of a function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        Some(match name {
            "FIREBLOCKS_API_BASE" => format!("{}{PATH}", self.base_url),
            "FIREBLOCKS_VAULT" => "0".to_owned(),
            "FIREBLOCKS_WORKSPACE" => FIREBLOCKS_WORKSPACE.to_owned(),
            "FIREBLOCKS_JWKS_URL" => self.published.clone(),
            "FIREBLOCKS_V1" => self.public.clone(),
            _ => return None,
        })
    }

    /// `path` is the part after [`PATH`]. Returns the reply and the delay before it.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> (Reply, Duration) {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let call = Call { method, path, authorization, idempotency_key: None, body, now_s: now.unix_s() };
        let response = self.fireblocks.answer(&call);
        let is_created = !response.events.is_empty();
        self.unsent().extend(response.events);
        let transfers = self.fireblocks.transfers();
        let is_late =
            is_created && transfers.last().is_some_and(|transfer| transfer.fate() == FireblocksFate::AnswersLate);
        let reply = Reply { status: response.status, headers: response.headers, body: response.body };
        (reply, if is_late { LATE } else { Duration::ZERO })
    }

    /// Advances every transfer by one step, and returns the JSON bodies of the webhooks to send now, in order.
    pub(crate) fn advance(&self, now: Timestamp) -> Vec<String> {
        let mut bodies = std::mem::take(&mut *self.unsent());
        for transfer in self.fireblocks.transfers() {
            bodies.extend(self.fireblocks.go_on(&transfer.id, now.unix_s()).unwrap_or_default());
        }
        bodies
    }

    pub(crate) fn signed(&self, body: &str, now: Timestamp) -> Headers {
        fireblocks::sign(&self.secret, now, body.as_bytes()).unwrap_or_default()
    }

    fn unsent(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
