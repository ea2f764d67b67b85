//! The queues of the ledger of one sandbox: refused events, their lanes, orders that are due, and credits that expire.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, Amount, Backlog, CallContext, CommitError, DueOrder, DueRow, EventKey, Expiring, Lane, LaneState, Lanes,
    LotsSnapshot, Order, Owed, Provider, Queue, RefusedEvent, Timestamp, Work,
};

use crate::port::{Books, PortLedger, call};

impl Lanes for PortLedger {
    async fn due_lanes(
        &self,
        source: ledger::Source,
        lanes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        call!(self, context, Lanes::due_lanes(source, lanes_max))
    }

    async fn lane(&self, row: &DueRow, context: &CallContext<'_>) -> Result<Option<LaneState>, CommitError> {
        call!(self, context, Lanes::lane(row))
    }

    async fn refused_in_lane(
        &self,
        source: ledger::Source,
        lane: &Lane,
        events_max: u32,
        context: &CallContext<'_>,
    ) -> Result<Vec<Owed>, CommitError> {
        call!(self, context, Lanes::refused_in_lane(source, lane, events_max))
    }

    async fn reschedule_lane(
        &self,
        source: ledger::Source,
        lane: &LaneState,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        self.retries.add(until);
        call!(self, context, Lanes::reschedule_lane(source, lane, until))
    }
}

impl Expiring for PortLedger {
    async fn accounts_expiring(
        &self,
        until: Timestamp,
        accounts_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<AccountId>, CommitError> {
        call!(self, context, Expiring::accounts_expiring(until, accounts_max))
    }

    async fn lots(&self, account: &AccountId, context: &CallContext<'_>) -> Result<LotsSnapshot, CommitError> {
        call!(self, context, Expiring::lots(account))
    }

    async fn expire(&self, account: &AccountId, context: &CallContext<'_>) -> Result<Amount, CommitError> {
        call!(self, context, Expiring::expire(account))
    }
}

impl Backlog for PortLedger {
    async fn due(
        &self,
        source: ledger::Source,
        events_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        call!(self, context, Backlog::due(source, events_max))
    }

    async fn count_refused_due(
        &self,
        source: ledger::Source,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        call!(self, context, Backlog::count_refused_due(source, counted_max))
    }

    async fn refused_event(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<Option<RefusedEvent>, CommitError> {
        call!(self, context, Backlog::refused_event(receipt))
    }

    async fn reschedule(
        &self,
        waiting: &RefusedEvent,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        self.retries.add(until);
        call!(self, context, Backlog::reschedule(waiting, until))
    }

    async fn orders_due(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        call!(self, context, Backlog::orders_due(work, orders_max))
    }

    async fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueOrder>, CommitError> {
        call!(self, context, Backlog::unpaid(provider, orders_max))
    }

    async fn count_open_orders(
        &self,
        work: Work,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        call!(self, context, Backlog::count_open_orders(work, counted_max))
    }

    async fn reschedule_order(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        call!(self, context, Backlog::reschedule_order(order, until))
    }

    async fn reschedule_unreadable(
        &self,
        queue: &Queue,
        row: &DueRow,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        call!(self, context, Backlog::reschedule_unreadable(queue, row))
    }

    async fn already_journaled(
        &self,
        receipts: &BTreeSet<EventKey>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<EventKey, String>, CommitError> {
        call!(self, context, Backlog::already_journaled(receipts))
    }

    async fn acquire_sweep(
        &self,
        sweep: ledger::Sweep,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        call!(self, context, Backlog::acquire_sweep(sweep, until))
    }

    async fn sweep_cursor(
        &self,
        sweep: ledger::Sweep,
        context: &CallContext<'_>,
    ) -> Result<Option<String>, CommitError> {
        call!(self, context, Backlog::sweep_cursor(sweep))
    }

    async fn save_sweep_cursor(
        &self,
        sweep: ledger::Sweep,
        place: Option<&str>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        call!(self, context, Backlog::save_sweep_cursor(sweep, place))
    }
}
