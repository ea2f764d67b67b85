//! The Fireblocks adapter: creates one on-chain transfer per external id, from our vault to the buyer's address, and
//! queries it.

mod config;

use std::sync::Arc;

use ledger::{Amount, Deadline, Timestamp, TransferDetails};
use serde::Deserialize;
use serde_json::json;
use signing::fireblocks::token;

use crate::CallError;
use crate::form::escaped;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::{attempt, retry};

pub use config::{FireblocksConfig, FireblocksConfigError, FireblocksKeys};

const TRANSACTIONS: &str = "/v1/transactions";

/// Fireblocks' error code for an external id that is already in use.
const DUPLICATE: &str = "1438";

/// Fireblocks' ids are UUIDs, and its statuses a third as long as this.
const WORD_CHARS_MAX: usize = 64;

#[derive(Debug, Clone)]
pub struct Fireblocks {
    http: Http,
    config: FireblocksConfig,
    keys: Arc<FireblocksKeys>,
}

/// A transfer to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// The idempotency key: repeated calls with it create one transfer.
    pub external_id: String,
    /// Fireblocks' id of the token on its chain.
    pub asset: String,
    /// A decimal number.
    pub amount: String,
    pub wallet: String,
}

/// The current state of a transfer at Fireblocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTransfer {
    pub id: String,
    /// Fireblocks' status, such as `SUBMITTED` or `COMPLETED`.
    pub status: String,
    /// The asset, wallet and amount, for the caller to compare; `None` if this call created the transfer.
    pub details: Option<TransferDetails>,
}

impl Fireblocks {
    pub fn new(http: Http, config: FireblocksConfig, keys: Arc<FireblocksKeys>) -> Self {
        Self { http, config, keys }
    }

    /// Creates the transfer, idempotently. If the external id is in use, returns the existing transfer with its
    /// details.
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
                // The id was in use a moment ago and the query finds nothing: the transfer may exist or not.
                self.find(&new.external_id, now, deadline).await?.ok_or(CallError::NoAnswer)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds a transfer by external id; `None` if there is none.
    pub async fn find(
        &self,
        external_id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<SentTransfer>, CallError> {
        let path = format!("{TRANSACTIONS}/external_tx_id/{}", escaped(external_id));
        let transaction = match self.call("GET", &path, "", now, deadline).await {
            Ok(answer) => read(&answer)?,
            Err(CallError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_ours = transaction.external_tx_id.as_deref() == Some(external_id);
        if is_ours { transaction.found().map(Some) } else { Err(CallError::Unreadable) }
    }

    /// The external id and the status of the transaction that Fireblocks calls this; `None` if there is none.
    pub async fn transaction(
        &self,
        id: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Option<(Option<String>, SentTransfer)>, CallError> {
        let path = format!("{TRANSACTIONS}/{}", escaped(id));
        let found = match self.call("GET", &path, "", now, deadline).await {
            Ok(answer) => read(&answer)?,
            Err(CallError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.id != id {
            return Err(CallError::Unreadable);
        }
        Ok(Some((found.external_tx_id.clone(), found.created()?)))
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
        // A token is valid for one request, so each attempt signs a new one.
        let send = || async {
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
        let answer = retry(&self.http, send, deadline).await?;
        match answer.status {
            200..300 => Ok(answer),
            400..500 => Err(refused(&answer)),
            500.. => Err(CallError::Failed { status: answer.status }),
            _ => Err(CallError::Unreadable),
        }
    }
}

/// The members of a transaction that we read. The response to a new one has only its id and status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransactionResponse {
    id: String,
    status: String,
    external_tx_id: Option<String>,
    asset_id: Option<String>,
    destination_address: Option<String>,
    amount_info: Option<AmountInfoJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AmountInfoJson {
    amount: Option<String>,
    requested_amount: Option<String>,
}

impl TransactionResponse {
    fn found(mut self) -> Result<SentTransfer, CallError> {
        let details = self.details().ok_or(CallError::Unreadable)?;
        Ok(SentTransfer { details: Some(details), ..self.created()? })
    }

    /// Parses only the strings: the numbers beside them are floats.
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

fn read(answer: &Answer) -> Result<TransactionResponse, CallError> {
    serde_json::from_slice(&answer.body).map_err(|_| CallError::Unreadable)
}

/// Carries Fireblocks' error code, if the body has one.
fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct ErrorResponse {
        code: Option<i64>,
    }
    let error: Option<ErrorResponse> = serde_json::from_slice(&answer.body).ok();
    let code = error.and_then(|error| error.code).map(|code| code.to_string());
    CallError::Refused { status: answer.status, kind: None, code }
}
