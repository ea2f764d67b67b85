//! The JWKS cache: one row for each provider, in the accounts table, because the functions have access to no other
//! table for it.

use ledger::{CachedJwks, CallContext, CommitError, JwksCache, JwksName, Timestamp};

use crate::names;
use crate::rows::{Row, text};
use crate::store::DynamoLedger;

impl JwksCache for DynamoLedger {
    async fn cached_jwks(&self, name: JwksName, context: &CallContext<'_>) -> Result<Option<CachedJwks>, CommitError> {
        let row = self.row(&self.tables().accounts, name.to_string(), context).await?;
        let word = |name: &str| row.as_ref()?.get(name)?.as_s().ok();
        // An unreadable row counts as missing: the keys are fetched again, and the row is overwritten.
        let fetched_at = word(names::UPDATED_AT).and_then(|time| Timestamp::parse_rfc3339(time).ok());
        Ok(word(names::BODY).zip(fetched_at).map(|(text, fetched_at)| CachedJwks { text: text.clone(), fetched_at }))
    }

    async fn cache_jwks(
        &self,
        name: JwksName,
        copied: &CachedJwks,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut row = Row::with_form();
        row.set(names::BODY, text(&copied.text));
        row.set(names::UPDATED_AT, text(&copied.fetched_at));
        let (absent, updated_at, own) =
            (row.absent(), row.name(names::UPDATED_AT), row.value(text(&copied.fetched_at)));
        row.conditions.push(format!("({absent} OR {updated_at} < {own})"));
        self.write_unless_changed(row, &self.tables().accounts, &name.to_string(), context).await
    }
}
