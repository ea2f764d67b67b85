//! What the credits API reads, at the ledger of a sandbox, with the same faults.

use ledger::{
    AccountId, AccountRow, Budgets, CallContext, CallerKey, CampaignPage, Code, CodeHash, CodePage, Codes, CommitError,
    EventKey, JournalLine, KeyBudget, KeyId, KeyPage, KeyQuery, Keys, LinePosition, LotsSnapshot, Members, MoneyKey,
    OrdersPage, Owner, Receipt, ServiceKey, ServiceKeyHash, ServiceKeys, StatementPage, StatementQuery, Statements,
    StoredKey, Word, WrongCodes,
};

use crate::port::{Books, PortLedger, call};

impl ServiceKeys for PortLedger {
    async fn service_key(
        &self,
        hash: &ServiceKeyHash,
        context: &CallContext<'_>,
    ) -> Result<Option<ServiceKey>, CommitError> {
        call!(self, context, ServiceKeys::service_key(hash))
    }

    async fn service_keys(&self, context: &CallContext<'_>) -> Result<Vec<ServiceKey>, CommitError> {
        call!(self, context, ServiceKeys::service_keys())
    }
}

impl Keys for PortLedger {
    async fn key_as_stored(&self, id: &KeyId, context: &CallContext<'_>) -> Result<Option<StoredKey>, CommitError> {
        call!(self, context, Keys::key_as_stored(id))
    }

    async fn key_page(&self, query: &KeyQuery, context: &CallContext<'_>) -> Result<KeyPage, CommitError> {
        call!(self, context, Keys::key_page(query))
    }

    async fn facts_of(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<Vec<(String, String)>, CommitError> {
        call!(self, context, Keys::facts_of(receipt))
    }
}

impl Budgets for PortLedger {
    async fn key_named(
        &self,
        owner: &Owner,
        short_id: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<CallerKey>, CommitError> {
        call!(self, context, Budgets::key_named(owner, short_id))
    }

    async fn budgets(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Vec<KeyBudget>, CommitError> {
        call!(self, context, Budgets::budgets(owner))
    }
}

impl Statements for PortLedger {
    async fn account_with_lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> Result<Option<(AccountRow, LotsSnapshot)>, CommitError> {
        call!(self, context, Statements::account_with_lots(account))
    }

    async fn statement_page(
        &self,
        query: &StatementQuery,
        context: &CallContext<'_>,
    ) -> Result<StatementPage, CommitError> {
        call!(self, context, Statements::statement_page(query))
    }

    async fn orders_of(
        &self,
        owner: &Owner,
        after: Option<&LinePosition>,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<OrdersPage, CommitError> {
        call!(self, context, Statements::orders_of(owner, after, orders_max))
    }

    async fn ties(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Members, CommitError> {
        call!(self, context, Statements::ties(owner))
    }

    async fn line_with_reversal(
        &self,
        line: &MoneyKey,
        context: &CallContext<'_>,
    ) -> Result<(Option<JournalLine>, Option<JournalLine>), CommitError> {
        call!(self, context, Statements::line_with_reversal(line))
    }
}

impl Codes for PortLedger {
    async fn code(
        &self,
        hash: &CodeHash,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> Result<(Option<Code>, WrongCodes), CommitError> {
        call!(self, context, Codes::code(hash, owner))
    }

    async fn redemption(&self, receipt: &EventKey, context: &CallContext<'_>) -> Result<Option<Receipt>, CommitError> {
        call!(self, context, Codes::redemption(receipt))
    }

    async fn count_wrong_code(&self, owner: &Owner, context: &CallContext<'_>) -> Result<(), CommitError> {
        call!(self, context, Codes::count_wrong_code(owner))
    }

    async fn codes(&self, campaign: Word, context: &CallContext<'_>) -> Result<Vec<Code>, CommitError> {
        call!(self, context, Codes::codes(campaign))
    }

    async fn campaigns(
        &self,
        after: Option<&LinePosition>,
        campaigns_max: u16,
        context: &CallContext<'_>,
    ) -> Result<CampaignPage, CommitError> {
        call!(self, context, Codes::campaigns(after, campaigns_max))
    }

    async fn code_page(
        &self,
        campaign: Word,
        after: Option<&LinePosition>,
        codes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<CodePage, CommitError> {
        call!(self, context, Codes::code_page(campaign, after, codes_max))
    }
}
