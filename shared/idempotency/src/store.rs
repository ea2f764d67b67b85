//! The DynamoDB ledger: the client, its timeouts, and the reads of the storage port.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use ledger::{
    BoundKey, CallContext, CallerKey, CommitError, Committed, CurrencyPair, Decision, Effect, EventKey, Fingerprints,
    Ledger, Order, OrderNumber, Owner, Pausable, Pauses, PaymentProof, Pointer, Rates, Receipt, RowKeys, Rows,
};

use crate::bare_calls::BareCalls;
use crate::cache::{BoundKeys, KnownBreakers, KnownPauses, LiveServiceKeys, NotedDays, PairRates, Receipts};
use crate::image::{Image, Read, Unreadable, known_form};
use crate::order_image;
use crate::retry::{Answer, Backoff, CALL_TIMEOUT, Jitter, after_failure, until_answered};
use crate::rows::{referrer, text};
use crate::{Tables, budget_row, names, places, rate_row, uncounted};

/// The SDK's default is 3.1 s, most of the time that a sender waits.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(600);
/// The connection during init is optional.
const WARM_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A handle: clones share the client and the caches of the process.
#[derive(Debug, Clone)]
pub struct DynamoLedger(Arc<Store>);

#[derive(Debug)]
struct Store {
    client: Client,
    tables: Tables,
    jitter: Jitter,
    receipts: Receipts,
    keys: BoundKeys,
    service_keys: LiveServiceKeys,
    rates: PairRates,
    breakers: KnownBreakers,
    /// Only of a process that notes the use of keys.
    noted: Option<NotedDays>,
    /// Only of a process that can be paused, or that pauses.
    pauses: Option<KnownPauses>,
}

impl DynamoLedger {
    pub fn new(sdk: &SdkConfig, tables: Tables, rng: fastrand::Rng) -> Self {
        Self::with_backoff(sdk, tables, rng, Backoff::default())
    }

    /// With other pauses and attempts, to measure what they do.
    pub fn with_backoff(sdk: &SdkConfig, tables: Tables, rng: fastrand::Rng, backoff: Backoff) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            // That of the other services would be a second timer of each call, which has one attempt.
            .disable_operation_timeout()
            .build();
        let config = aws_sdk_dynamodb::config::Builder::from(sdk)
            .timeout_config(timeouts)
            // `retry.rs` makes all retries: the SDK's know neither the deadline nor the codes of cancelled
            // transactions.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(BareCalls)
            .build();
        Self(Arc::new(Store {
            client: Client::from_conf(config),
            tables,
            jitter: Jitter::new(rng, backoff),
            receipts: Receipts::new(),
            keys: BoundKeys::new(),
            service_keys: LiveServiceKeys::new(),
            rates: PairRates::new(),
            breakers: KnownBreakers::new(),
            noted: None,
            pauses: None,
        }))
    }

    /// For a process that is called with keys: it notes on which days each is used.
    #[must_use]
    pub fn noting_use(mut self) -> Self {
        // There is no other handle yet.
        if let Some(store) = Arc::get_mut(&mut self.0) {
            store.noted = Some(NotedDays::new());
        }
        self
    }

    /// For a process that can be paused: it reads what is paused during init, and again every few seconds.
    #[must_use]
    pub fn minding_pauses(mut self) -> Self {
        // There is no other handle yet.
        if let Some(store) = Arc::get_mut(&mut self.0) {
            store.pauses = Some(KnownPauses::of_some_seconds());
        }
        self
    }

    /// For pages that show what is paused: it is read for each.
    #[must_use]
    pub fn showing_pauses(mut self) -> Self {
        // There is no other handle yet.
        if let Some(store) = Arc::get_mut(&mut self.0) {
            store.pauses = Some(KnownPauses::of_now());
        }
        self
    }

    pub(crate) fn known_pauses(&self) -> Option<&KnownPauses> {
        self.0.pauses.as_ref()
    }

    pub(crate) fn noted(&self) -> Option<&NotedDays> {
        self.0.noted.as_ref()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.0.tables
    }

    pub(crate) fn jitter(&self) -> &Jitter {
        &self.0.jitter
    }

    pub(crate) fn receipts(&self) -> &Receipts {
        &self.0.receipts
    }

    pub(crate) fn known_breakers(&self) -> &KnownBreakers {
        &self.0.breakers
    }

    pub(crate) fn remembered_service_keys(&self) -> &LiveServiceKeys {
        &self.0.service_keys
    }

    /// A strongly consistent read, so that the latest writes count.
    pub(crate) async fn row(
        &self,
        table: &str,
        id: String,
        context: &CallContext<'_>,
    ) -> Result<Option<Image>, CommitError> {
        until_answered(context.deadline, &self.0.jitter, || async {
            let read = self.0.client.get_item().table_name(table).key(names::ID, text(&id)).consistent_read(true);
            match read.send().await {
                Ok(found) => Ok(Answer::Final(found.item)),
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

impl Ledger for DynamoLedger {
    async fn warm(&self) {
        // An answer that cannot be read has made the connection, and the first event reads the row again.
        if tokio::time::timeout(WARM_TIMEOUT, self.read_pauses_once()).await.is_err() {
            tracing::warn!("no connection to the store yet");
        }
    }

    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        self.0.receipts.recall(receipt, fingerprints)
    }

    async fn is_paused(&self, what: Pausable, context: &CallContext<'_>) -> bool {
        self.recalls_as_paused(what, context).await
    }

    async fn pauses(&self, context: &CallContext<'_>) -> Result<Pauses, CommitError> {
        self.recent_pauses(context).await
    }

    async fn key(&self, key: &CallerKey, context: &CallContext<'_>) -> Result<Option<BoundKey>, CommitError> {
        let is_live = |bound: &BoundKey| bound.is_live(context.received_at);
        if let Some(bound) = self.0.keys.recall(key, context.received_at) {
            return Ok(Some(bound).filter(is_live));
        }
        let row = self.row(&self.0.tables.accounts, key.to_string(), context).await?;
        let bound = row.map_or(Ok(None), |row| budget_row::bound(&row)).map_err(unreadable)?;
        if let Some(bound) = &bound {
            uncounted::alarm_of_limits(key, bound);
            self.0.keys.remember(key, bound, context.received_at);
        }
        Ok(bound.filter(is_live))
    }

    async fn referrer(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Option<Owner>, CommitError> {
        let row = self.row(&self.0.tables.accounts, referrer(owner), context).await?;
        row.map_or(Ok(None), |row| owner_in(&row)).map_err(unreadable)
    }

    async fn rates(&self, pair: CurrencyPair, context: &CallContext<'_>) -> Result<Rates, CommitError> {
        if let Some(rates) = self.0.rates.recall(pair, context.received_at) {
            return Ok(rates);
        }
        let row = self.row(&self.0.tables.accounts, rate_row::id(pair), context).await?;
        let rates = row.map_or_else(|| Ok(Rates::none(pair)), |row| rate_row::read(pair, &row)).map_err(unreadable)?;
        self.0.rates.remember(&rates, context.received_at);
        Ok(rates)
    }

    async fn resolve_pointer(
        &self,
        pointer: &Pointer,
        context: &CallContext<'_>,
    ) -> Result<Option<OrderNumber>, CommitError> {
        let row = self.row(&self.0.tables.orders, pointer.to_string(), context).await?;
        row.map(|row| order_image::pointer(&row)).transpose().map_err(unreadable)
    }

    async fn read_rows(&self, keys: &RowKeys, context: &CallContext<'_>) -> Result<Rows, CommitError> {
        self.rows_of(keys, context).await
    }

    async fn order(&self, number: &OrderNumber, context: &CallContext<'_>) -> Result<Option<Order>, CommitError> {
        let row = self.row(&self.0.tables.orders, number.to_string(), context).await?;
        row.map(|row| order_image::order(&row)).transpose().map_err(unreadable)
    }

    async fn orders_in_places(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> Result<BTreeSet<OrderNumber>, CommitError> {
        let row = self.row(&self.0.tables.orders, places::id(owner), context).await?;
        row.map_or_else(|| Ok(BTreeSet::new()), |row| places::read(&row)).map_err(unreadable)
    }

    async fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        self.write_unless_changed(places::free(ended), &self.0.tables.orders, &places::id(owner), context).await
    }

    async fn is_proven(&self, proof: &PaymentProof, context: &CallContext<'_>) -> Result<bool, CommitError> {
        self.has_proof(proof, context).await
    }

    async fn commit(&self, decision: &Decision, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        match decision {
            Decision::Record(entry) => self.record(entry, context).await,
            Decision::Refuse(refusal) => self.refuse(refusal, context).await,
            Decision::Ignore { reason } => Ok(Committed::Ignored { reason }),
        }
    }

    async fn commit_together(
        &self,
        decisions: &[Decision],
        context: &CallContext<'_>,
    ) -> Vec<Result<Committed, CommitError>> {
        Box::pin(self.commit_all(decisions, context)).await
    }

    async fn amend(&self, effects: &[Effect], context: &CallContext<'_>) -> Result<(), CommitError> {
        self.write_amendment(effects, context).await
    }
}

/// The owner that a referral names.
fn owner_in(row: &Image) -> Read<Option<Owner>> {
    known_form(row)?;
    Ok(row.get(names::OWNER).and_then(|owner| Owner::new(owner.as_s().ok()?).ok()))
}

/// A row that this release cannot read is an error. It is neither interpreted nor overwritten.
pub(crate) fn unreadable(error: Unreadable) -> CommitError {
    CommitError::Refused(Box::new(error))
}
