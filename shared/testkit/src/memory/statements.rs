//! Accounts and statements of the in-memory ledger as they are shown.

use ledger::{
    AccountId, AccountRow, Balance, CallContext, CommitError, Expiring as _, JournalLine, LinePosition, LotsSnapshot,
    Members, MoneyKey, Order, OrdersPage, Owner, ShownLine, StatementPage, StatementQuery, Statements, UsageReversal,
};

use super::audit::line;
use crate::MemoryLedger;

impl Statements for MemoryLedger {
    async fn account_with_lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> Result<Option<(AccountRow, LotsSnapshot)>, CommitError> {
        let lots = self.lots(account, context).await?;
        let state = self.0.lock().unwrap();
        let row = state.accounts.get(account).map(|found| AccountRow {
            balance: Balance::from_units(found.balance),
            available: Balance::from_units(found.available),
            terms: found.terms(),
            held: Balance::from_units(found.held),
            version: found.version,
        });
        Ok(row.map(|row| (row, lots)))
    }

    async fn statement_page(&self, query: &StatementQuery, _: &CallContext<'_>) -> Result<StatementPage, CommitError> {
        let state = self.0.lock().unwrap();
        let account = query.account.to_string();
        let of_account = state.journal.iter().filter(|(_, kept)| kept.row.account.as_ref() == Some(&account));
        let mut lines: Vec<ShownLine> = of_account
            .filter_map(|(key, kept)| {
                let (at, kind) = (kept.processed_at?.to_string(), kept.kind.to_owned());
                Some(ShownLine { key: key.clone(), kind, change: Balance::from_units(kept.row.change), at })
            })
            .collect();
        let place = |line: &ShownLine| (line.at.clone(), line.key.clone());
        lines.sort_by_key(|line| std::cmp::Reverse(place(line)));
        lines.retain(|line| {
            query.after.as_ref().is_none_or(|LinePosition { key, at }| place(line) < (at.clone(), key.clone()))
        });
        if let Some((first, last)) = query.times() {
            lines.retain(|line| (first.to_string()..=last.to_string()).contains(&line.at));
        }
        let has_more = lines.len() > usize::from(query.lines_max);
        lines.truncate(query.lines_max.into());
        let last = lines.last().map(|line| LinePosition { key: line.key.clone(), at: line.at.clone() });
        lines.retain(|line| query.kind.as_ref().is_none_or(|kind| *kind == line.kind));
        Ok(StatementPage { lines, next: last.filter(|_| has_more) })
    }

    async fn orders_of(
        &self,
        owner: &Owner,
        after: Option<&LinePosition>,
        orders_max: u16,
        _: &CallContext<'_>,
    ) -> Result<OrdersPage, CommitError> {
        let state = self.0.lock().unwrap();
        let place = |order: &Order| (order.created_at.to_string(), order.number.to_string());
        let mut orders: Vec<Order> = state.orders.values().filter(|order| order.owner == *owner).cloned().collect();
        orders.sort_by_key(|order| std::cmp::Reverse(place(order)));
        orders.retain(|order| after.is_none_or(|LinePosition { key, at }| place(order) < (at.clone(), key.clone())));
        let has_more = orders.len() > usize::from(orders_max);
        orders.truncate(orders_max.into());
        let last = orders.last().map(place).map(|(at, key)| LinePosition { key, at });
        Ok(OrdersPage { orders: orders.into_iter().map(Ok).collect(), next: last.filter(|_| has_more) })
    }

    async fn ties(&self, owner: &Owner, _: &CallContext<'_>) -> Result<Members, CommitError> {
        Ok(self.0.lock().unwrap().members_of(owner))
    }

    async fn line_with_reversal(
        &self,
        key: &MoneyKey,
        _: &CallContext<'_>,
    ) -> Result<(Option<JournalLine>, Option<JournalLine>), CommitError> {
        let state = self.0.lock().unwrap();
        let of = |key: &MoneyKey| line(key.as_str(), state.journal.get(key.as_str())?);
        Ok((of(key), of(&UsageReversal::key_of(key))))
    }
}
