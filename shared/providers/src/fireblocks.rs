//! Fireblocks: one transfer of a token for each external id, out of our vault to the buyer's own address, and how it stands.

mod config;

use std::sync::Arc;

use ledger::{Amount, Deadline, Timestamp, TransferDetails};
use serde::Deserialize;
use serde_json::json;
use signing::fireblocks::token;

use crate::CallError;
use crate::form::escaped;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::{ask_anew, attempt};

pub use config::{FireblocksConfig, FireblocksConfigError, FireblocksKeys};

const TRANSACTIONS: &str = "/v1/transactions";

/// What Fireblocks calls it that there is a transfer under this external id already.
const DUPLICATE: &str = "1438";

/// Fireblocks' ids are UUIDs, and its words a third as long as this.
const WORD_CHARS_MAX: usize = 64;

#[derive(Debug, Clone)]
pub struct Fireblocks {
    http: Http,
    config: FireblocksConfig,
    keys: Arc<FireblocksKeys>,
}

/// What is to be sent, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// However often it is asked for, it is one transfer.
    pub external_id: String,
    /// Fireblocks' own id of the token on its chain.
    pub asset: String,
    /// In decimals.
    pub amount: String,
    pub wallet: String,
}

/// A transfer as Fireblocks has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTransfer {
    pub id: String,
    /// Fireblocks' own word: `SUBMITTED`, `COMPLETED`.
    pub status: String,
    /// What it sends, for the caller to compare; `None` of one that this very call has made.
    pub details: Option<TransferDetails>,
}

impl Fireblocks {
    pub fn new(http: Http, config: FireblocksConfig, keys: Arc<FireblocksKeys>) -> Self {
        Self { http, config, keys }
    }

    /// One transfer, however often it is asked for. Where there was one before under this id, it is returned with what it sends.
    pub async fn create(
        &self,
        new: &NewTransfer,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<SentTransfer, CallError> {
        let body = json!({
            "operation": "TRANSFER",
            "externalTxId": new.external_id,
            "assetId": new.asset,
            "amount": new.amount,
            "source": { "type": "VAULT_ACCOUNT", "id": self.config.vault },
            "destination": { "type": "ONE_TIME_ADDRESS", "oneTimeAddress": { "address": new.wallet } },
        });
        match self.call("POST", TRANSACTIONS, &body.to_string(), now, deadline).await {
            Ok(answer) => read(&answer)?.created(),
            Err(CallError::Refused { code: Some(code), .. }) if code == DUPLICATE => {
                // What was there a moment ago and is not found now may have been made, and may not.
                self.find(&new.external_id, now, deadline).await?.ok_or(CallError::NoAnswer)
            }
            Err(error) => Err(error),
        }
    }

    /// The transfer of this external id. `None`: there is none.
    pub async fn find(
        &self,
        external_id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<SentTransfer>, CallError> {
        let path = format!("{TRANSACTIONS}/external_tx_id/{}", escaped(external_id));
        let written = match self.call("GET", &path, "", now, deadline).await {
            Ok(answer) => read(&answer)?,
            Err(CallError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_ours = written.external_tx_id.as_deref() == Some(external_id);
        if is_ours { written.found().map(Some) } else { Err(CallError::Unreadable) }
    }

    async fn call(
        &self,
        method: &'static str,
        path: &str,
        body: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Answer, CallError> {
        let FireblocksKeys { api_key, private } = &*self.keys;
        // A token is for one request, and a request that is repeated is another.
        let ask = || async {
            let token = token(private, api_key, path, body.as_bytes(), &self.http.nonce(), now.unix_s());
            let authorization = format!("Bearer {token}");
            let headers = vec![
                ("authorization", authorization.as_str()),
                ("x-api-key", api_key.as_str()),
                ("accept", "application/json"),
                ("content-type", "application/json"),
                ("user-agent", "hookledger"),
            ];
            let url = format!("{}{path}", self.config.base);
            attempt(&self.http, &Outgoing { method, url, headers, body: body.to_owned() }).await
        };
        let answer = ask_anew(&self.http, ask, deadline).await?;
        match answer.status {
            200..300 => Ok(answer),
            400..500 => Err(refused(&answer)),
            500.. => Err(CallError::Failed { status: answer.status }),
            _ => Err(CallError::Unreadable),
        }
    }
}

/// A transaction, as far as it is looked at. The answer to a new one has no more than its id and status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    id: String,
    status: String,
    external_tx_id: Option<String>,
    asset_id: Option<String>,
    destination_address: Option<String>,
    amount_info: Option<WrittenAmounts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAmounts {
    amount: Option<String>,
    requested_amount: Option<String>,
}

impl Written {
    fn found(mut self) -> Result<SentTransfer, CallError> {
        let details = self.details().ok_or(CallError::Unreadable)?;
        Ok(SentTransfer { details: Some(details), ..self.created()? })
    }

    /// From the texts alone: the numbers beside them are floats.
    fn details(&mut self) -> Option<TransferDetails> {
        let amounts = self.amount_info.take()?;
        let amount = Amount::parse(&amounts.requested_amount.or(amounts.amount)?, Amount::SCALE_MAX).ok()?;
        let wallet = self.destination_address.take().filter(|address| !address.is_empty());
        Some(TransferDetails { asset: self.asset_id.take()?, wallet, amount })
    }

    fn created(self) -> Result<SentTransfer, CallError> {
        let is_word = |text: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
        };
        let Self { id, status, .. } = self;
        if is_word(&id) && is_word(&status) {
            Ok(SentTransfer { id, status, details: None })
        } else {
            Err(CallError::Unreadable)
        }
    }
}

fn read(answer: &Answer) -> Result<Written, CallError> {
    serde_json::from_slice(&answer.body).map_err(|_| CallError::Unreadable)
}

/// Fireblocks' own number for it, where there is one.
fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct Said {
        code: Option<i64>,
    }
    let said: Option<Said> = serde_json::from_slice(&answer.body).ok();
    let code = said.and_then(|said| said.code).map(|code| code.to_string());
    CallError::Refused { status: answer.status, kind: None, code }
}
