//! The tables of the in-memory ledger.

use crate::books::{CodeRow, HoldRow, OrderRow, SubscriptionRow, of_draws, of_limits, of_members, of_spent};
use crate::{Books, MemoryLedger};

impl MemoryLedger {
    pub fn books(&self) -> Books {
        let state = self.0.lock().unwrap();
        Books {
            journal: state.journal.iter().map(|(id, kept)| (id.clone(), kept.row.clone())).collect(),
            accounts: state.accounts.iter().map(|(id, account)| (id.to_string(), account.clone())).collect(),
            keys: state
                .keys
                .iter()
                .map(|(key, owner)| (key.to_string(), owner.to_string()))
                .chain(state.referrers.iter().map(|(of, owner)| (format!("referrer#{of}"), owner.to_string())))
                .collect(),
            limits: state.limits.iter().map(|(key, budget)| (key.to_string(), of_limits(budget))).collect(),
            spent: state.spent.iter().map(|(key, spent)| (key.to_string(), of_spent(spent))).collect(),
            draws: state.draws.iter().map(|(key, draws)| (key.to_string(), of_draws(draws))).collect(),
            members: state
                .members
                .iter()
                .filter_map(|(owner, members)| Some((owner.to_string(), of_members(members)?)))
                .collect(),
            bodies: state.bodies.keys().cloned().collect(),
            orders: state.orders.iter().map(|(number, order)| (number.to_string(), OrderRow::of(order))).collect(),
            pointers: state.pointers.iter().map(|(from, (to, _))| (from.clone(), to.to_string())).collect(),
            subscriptions: state
                .subscriptions
                .iter()
                .map(|(reference, subscription)| (reference.to_string(), SubscriptionRow::of(subscription)))
                .collect(),
            holds: state.holds.iter().map(|(id, hold)| (id.to_string(), HoldRow::of(hold))).collect(),
            codes: state.codes.iter().map(|(hash, code)| (hash.to_string(), CodeRow::of(code))).collect(),
        }
    }
}
