//! What waits now and since when, and open anomalies by reason and day. Metrics cannot know them, so they come from the
//! indexes: a bounded number of pages each.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join_all, try_join3};
use ledger::{
    Backlog, CallContext, CommitError, DueOrder, DueRow, FlaggedQuery, Lane, Listing, OrderNumber, Owed, Provider,
    Reason, RowKeys, Source, Timestamp, Work,
};

use crate::sentence::say;
use crate::{Events, Lang};

/// Rows of each kind that are looked at.
const ROWS_MAX: u16 = 100;
/// Lanes whose oldest event is read.
const LANES_READ_MAX: usize = 20;

/// So many, or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub what: WaitingFor,
    pub count: usize,
    pub has_more: bool,
    /// The longest, among those that were looked at.
    pub since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitingFor {
    /// Refused events of a source wait for their retry.
    Refused(Source),
    /// Lanes of a source: keys, owners and models whose refused usage waits together.
    Lanes(Source),
    /// Unpaid orders wait for this provider's payment.
    Payment(Provider),
    /// Paid orders wait for their fulfilment.
    Fulfilment,
    /// Orders wait for an operator or a custodian.
    Provider,
}

impl WaitingFor {
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Refused(source) => ("refused", source.as_str()),
            Self::Lanes(source) => ("lanes", source.as_str()),
            Self::Payment(provider) => ("unpaid", provider.as_str()),
            Self::Fulfilment => ("fulfilment", ""),
            Self::Provider => ("pending_external", ""),
        }
    }

    /// What waits, for a person.
    pub fn text(self, lang: Lang) -> String {
        let (of, sentence) = match self {
            Self::Refused(source) => (source.as_str(), say("refused events, until their retry", "被拒事件，等待重试")),
            Self::Lanes(source) => {
                (source.as_str(), say("keys, owners and models whose usage waits", "用量在等待的密钥、用户和模型"))
            }
            Self::Payment(provider) => (provider.as_str(), say("orders, until they are paid", "等待付款的订单")),
            Self::Fulfilment => ("", say("paid orders, until they are fulfilled", "已付款、等待履约的订单")),
            Self::Provider => {
                ("", say("orders, until an operator or Fireblocks answers", "等待运营商或 Fireblocks 的订单"))
            }
        };
        let sentence = sentence.in_lang(lang);
        if of.is_empty() { sentence.to_owned() } else { format!("{of}: {sentence}") }
    }
}

/// Everything that waits, in a fixed order.
pub async fn waiting<L: Events + Backlog + Listing>(
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Vec<Waiting>, CommitError> {
    let refused = Source::ALL.into_iter().map(|source| Box::pin(refused(ledger, source, context)));
    let lanes = Source::ALL.into_iter().map(|source| Box::pin(lanes(ledger, source, context)));
    let payments = Provider::ALL.map(|provider| (WaitingFor::Payment(provider), Work::Payment(provider)));
    let works = [(WaitingFor::Fulfilment, Work::Fulfilment), (WaitingFor::Provider, Work::PendingExternal)];
    let orders = payments.into_iter().chain(works).map(|(what, work)| Box::pin(with_work(ledger, what, work, context)));
    let all = try_join3(try_join_all(refused), try_join_all(lanes), try_join_all(orders)).await?;
    let (refused, lanes, orders) = all;
    Ok(refused.into_iter().chain(lanes).chain(orders).filter(|waiting| waiting.count > 0).collect())
}

async fn refused<L: Events + Backlog>(
    ledger: &L,
    source: Source,
    context: &CallContext<'_>,
) -> Result<Waiting, CommitError> {
    let keys: BTreeSet<_> = ledger.waiting(source, ROWS_MAX, context).await?.into_iter().collect();
    let rows = if keys.is_empty() { BTreeMap::new() } else { ledger.events(&keys, context).await? };
    let since = rows.into_values().filter_map(|row| row.ok()?.received_at).min();
    Ok(Waiting { what: WaitingFor::Refused(source), count: keys.len(), has_more: is_full(keys.len()), since })
}

async fn lanes<L: Events + Backlog>(
    ledger: &L,
    source: Source,
    context: &CallContext<'_>,
) -> Result<Waiting, CommitError> {
    // Due at any time.
    let ever = CallContext { received_at: Timestamp::EPOCH.plus_seconds(i64::MAX), ..context.clone() };
    let lanes = ledger.due_lanes(source, ROWS_MAX, &ever).await?;
    let reads = lanes.iter().take(LANES_READ_MAX).map(|row| Box::pin(oldest_of(ledger, source, row, &ever)));
    let since = try_join_all(reads).await?.into_iter().flatten().min();
    let count = lanes.len();
    Ok(Waiting { what: WaitingFor::Lanes(source), count, has_more: is_full(count), since })
}

/// When the oldest event of a lane was first received. Its time in the queue is that of its retry.
async fn oldest_of<L: Events + Backlog>(
    ledger: &L,
    source: Source,
    row: &DueRow,
    context: &CallContext<'_>,
) -> Result<Option<Timestamp>, CommitError> {
    // `lane#usage#owner#alice`: the key of its row names it.
    let lane =
        row.id.strip_prefix("lane#").and_then(|rest| rest.split_once('#')).and_then(|(_, lane)| Lane::read(lane));
    let Some(lane) = lane else { return Ok(None) };
    let owed = ledger.refused_in_lane(source, &lane, 1, context).await?;
    let keys: BTreeSet<_> = owed.iter().map(Owed::receipt).collect();
    let rows = if keys.is_empty() { BTreeMap::new() } else { ledger.events(&keys, context).await? };
    Ok(rows.into_values().filter_map(|row| row.ok()?.received_at).min())
}

async fn with_work<L: Events + Listing>(
    ledger: &L,
    what: WaitingFor,
    work: Work,
    context: &CallContext<'_>,
) -> Result<Waiting, CommitError> {
    let found: Vec<DueOrder> = ledger.orders_with_work(work, ROWS_MAX, context).await?;
    let since = if matches!(work, Work::Payment(_)) || found.is_empty() {
        found.iter().filter_map(|order| order.created_at).min()
    } else {
        let numbers = found.iter().filter_map(|order| OrderNumber::new(&order.row.id).ok());
        let keys = RowKeys { orders: numbers.collect(), ..RowKeys::default() };
        let rows = ledger.read_rows(&keys, context).await?;
        rows.orders.into_values().filter_map(|order| Some(order.ok()?.paid?.at)).min()
    };
    Ok(Waiting { what, count: found.len(), has_more: is_full(found.len()), since })
}

fn is_full(rows: usize) -> bool {
    rows >= usize::from(ROWS_MAX)
}

/// Open anomalies by reason and day, the newest day first, and whether others were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnomalyDays {
    pub days: Vec<AnomalyDay>,
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalyDay {
    /// `2026-01-31`, UTC.
    pub day: String,
    pub reason: Reason,
    pub orders: u64,
}

pub async fn anomaly_days<L: Listing>(ledger: &L, context: &CallContext<'_>) -> Result<AnomalyDays, CommitError> {
    let reads = Reason::ALL.into_iter().map(|reason| {
        Box::pin(async move {
            let query = FlaggedQuery { reason, from: Timestamp::EPOCH, until: None, orders_max: ROWS_MAX };
            let flagged = ledger.flagged_orders(&query, context).await?;
            Ok::<_, CommitError>((reason, flagged))
        })
    });
    let (mut days, mut has_more) = (BTreeMap::<(String, &'static str), (Reason, u64)>::new(), false);
    for (reason, flagged) in try_join_all(reads).await? {
        has_more |= is_full(flagged.len());
        for place in flagged {
            let day = place.at.get(.."2026-01-31".len()).unwrap_or_default().to_owned();
            let (_, count) = days.entry((day, reason.as_str())).or_insert((reason, 0));
            *count = count.saturating_add(1);
        }
    }
    let days = days.into_iter().rev().map(|((day, _), (reason, orders))| AnomalyDay { day, reason, orders });
    Ok(AnomalyDays { days: days.collect(), has_more })
}
