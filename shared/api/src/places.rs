//! Quota of open orders: the number of one owner's orders that may wait for payment at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ledger::{CallContext, CommitError, Effect, Ledger, Order, OrderNumber, Owner, Timestamp};
use thiserror::Error;

use crate::Failure;

const DEFAULT: u16 = 100;
/// The row that lists them is written with every order: with this many it has 30 KB, which cost 60 write units.
const MAX: u16 = 1_000;
const READ_AT_ONCE: usize = 16;
/// An owner at the limit is refused for this long without reading each of the orders again.
const FULL_FOR_SECONDS: u64 = 5;
const REMEMBERED_MAX: usize = 1_000;

/// The limit for each owner, set by `MAX_OPEN_ORDERS`.
#[derive(Debug)]
pub struct Places {
    /// `None`: no limit.
    each: Option<NonZeroU16>,
    /// The owners that were refused lately, and when.
    full: Mutex<BTreeMap<Owner, Timestamp>>,
}

impl Places {
    /// The environment variable that [`Places::read`] reads.
    pub const VARIABLES: [&str; 1] = ["MAX_OPEN_ORDERS"];

    /// `MAX_OPEN_ORDERS`: 0 sets no limit.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, PlacesError> {
        let [name] = Self::VARIABLES;
        let each = match variable(name).as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => DEFAULT,
            Some(text) => text.parse().ok().filter(|each| *each <= MAX).ok_or(PlacesError)?,
        };
        Ok(Self { each: NonZeroU16::new(each), full: Mutex::default() })
    }

    /// The effect to commit with a new order.
    pub fn take(&self, order: &Order, replaces: Option<&OrderNumber>) -> Option<Effect> {
        let places = self.each?.get();
        let (owner, order) = (order.owner.clone(), order.number.clone());
        Some(Effect::TakePlace { owner, order, replaces: replaces.cloned(), places })
    }

    /// After a stale commit: fails if the owner is at the limit. Frees the places of orders that have ended.
    pub async fn free<L: Ledger>(&self, owner: &Owner, ledger: &L, context: &CallContext<'_>) -> Result<(), Failure> {
        let Some(each) = self.each else { return Ok(()) };
        let orders = ledger.orders_in_places(owner, context).await?;
        if orders.len() < usize::from(each.get()) {
            return Ok(());
        }
        let now = context.received_at;
        if self.was_full(owner, now) {
            return Err(too_many(each));
        }
        let read = stream::iter(orders).map(|number| async move {
            let holds = holds_place(&number, ledger, context).await?;
            Ok::<_, CommitError>((!holds).then_some(number))
        });
        let ended: Vec<Option<OrderNumber>> = read.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        let ended: BTreeSet<OrderNumber> = ended.into_iter().flatten().collect();
        if ended.is_empty() {
            self.remember(owner, now);
            return Err(too_many(each));
        }
        Ok(ledger.free_places(owner, &ended, context).await?)
    }

    fn was_full(&self, owner: &Owner, now: Timestamp) -> bool {
        let full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.get(owner).is_some_and(|at| now.seconds_apart(*at) < FULL_FOR_SECONDS)
    }

    fn remember(&self, owner: &Owner, now: Timestamp) {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= REMEMBERED_MAX {
            full.clear();
        }
        full.insert(owner.clone(), now);
    }
}

/// An order that is missing or unreadable holds no place, so that it does not keep its owner from buying.
async fn holds_place<L: Ledger>(
    number: &OrderNumber,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<bool, CommitError> {
    match ledger.order(number, context).await {
        Ok(order) => Ok(order.is_some_and(|order| order.holds_place(context.received_at))),
        Err(CommitError::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn too_many(each: NonZeroU16) -> Failure {
    let message = format!(
        "{each} orders of this account wait for payment, which is the limit. Pay one of them, or wait: unpaid orders expire within two days."
    );
    Failure::new(409, "too_many_open_orders", message)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("MAX_OPEN_ORDERS must be a number from 0 to {MAX}")]
pub struct PlacesError;
