//! Rows read at once, and changes of orders and pointers without a receipt.

use ledger::{CallContext, CommitError, Effect, PointerRow, RowKeys, Rows};

use super::State;

impl State {
    pub(super) fn rows(&self, keys: &RowKeys) -> Rows {
        let pointer =
            |(order, invoice): &(_, Option<_>)| PointerRow { order: Clone::clone(order), invoice: invoice.clone() };
        Rows {
            orders: keys
                .orders
                .iter()
                .filter_map(|number| Some((number.clone(), Ok(self.orders.get(number)?.clone()))))
                .collect(),
            pointers: keys
                .pointers
                .iter()
                .filter_map(|key| Some((key.clone(), Ok(pointer(self.pointers.get(&key.to_string())?)))))
                .collect(),
            subscriptions: keys
                .subscriptions
                .iter()
                .filter_map(|key| Some((key.clone(), Ok(self.subscriptions.get(key)?.clone()))))
                .collect(),
        }
    }

    pub(super) fn amend(&mut self, effects: &[Effect], context: &CallContext<'_>) -> Result<(), CommitError> {
        if !effects.iter().all(|effect| matches!(effect, Effect::Order { .. } | Effect::Point { .. })) {
            return Err(CommitError::Refused("an amendment writes only orders and pointers".into()));
        }
        if self.are_stale(effects, context.received_at) || effects.iter().any(|effect| self.is_unpayable(effect)) {
            return Err(CommitError::Stale);
        }
        self.orders_of(effects, context);
        Ok(())
    }

    /// Whether the order's state forbids this transition.
    pub(super) fn is_unpayable(&self, effect: &Effect) -> bool {
        let Effect::Order { order, transition, .. } = effect else { return false };
        let known = self.orders.get(&order.number);
        known.is_some_and(|known| !transition.from_states().any(|state| state == known.payment))
    }
}
