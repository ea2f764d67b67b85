//! A journal row in memory, and the body that is kept of its event.

use ledger::{
    Amount, CallContext, CommitError, Committed, EventKey, Fact, Facts, House, JournalHeader, KeptBody, RawBody,
    Receipt, Timestamp, Writer,
};

use super::State;
use crate::Row;

#[derive(Debug)]
pub(super) struct KeptRow {
    pub(super) row: Row,
    pub(super) fingerprint: String,
    pub(super) processed_at: Option<Timestamp>,
    pub(super) first_received_at: Timestamp,
    /// Whether the index by day has it.
    pub(super) is_listed: bool,
    pub(super) reversed_by: Option<String>,
    pub(super) house: Option<House>,
    pub(super) kind: &'static str,
    pub(super) facts: Facts,
    /// What wrote the row of an event.
    pub(super) writer: Option<Writer>,
    pub(super) due: Option<Due>,
    /// Where its body is kept, if other events share it.
    pub(super) kept_in: Option<String>,
}

/// The index word of a waiting row, its next retry time, and the amount owed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) word: String,
    pub(super) at: Timestamp,
    pub(super) owed: Amount,
}

impl KeptRow {
    pub(super) fn fact(&self, name: &str) -> Option<String> {
        let (_, fact) = self.facts.iter().find(|(known, _)| *known == name)?;
        if let Fact::Text(text) = fact { Some(text.clone()) } else { None }
    }
}

impl State {
    /// Where the body is: under the receipt, or where the row says that others share it.
    pub(super) fn body_of(&self, receipt: &EventKey) -> Option<KeptBody> {
        let kept_in = self.journal.get(receipt.as_str()).and_then(|kept| kept.kept_in.as_deref());
        self.bodies.get(kept_in.unwrap_or(receipt.as_str())).cloned()
    }

    pub(super) fn keep_body(&mut self, receipt: &EventKey, context: &CallContext<'_>) {
        if let Some(RawBody { method, path, query, headers, bytes, bytes_at, batch }) = context.body {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let [method, path, query] = [method, path, query].map(str::to_owned);
            let kept = KeptBody { method, path, query, headers, bytes: bytes.to_vec(), bytes_at };
            let id = batch.map_or_else(|| receipt.to_string(), |batch| batch.id.to_owned());
            if let Some(row) = self.journal.get_mut(receipt.as_str()) {
                row.kept_in = batch.map(|_| id.clone());
            }
            self.bodies.insert(id, kept);
        }
    }

    /// `None` if the event has no row, or a failed one with the same fingerprint.
    pub(super) fn outcome_of_row(
        &mut self,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Option<Result<Committed, CommitError>> {
        let kept = self.journal.get(header.receipt.as_str())?;
        if !header.fingerprints.contain(&kept.fingerprint) {
            return Some(self.contradict(header, context));
        }
        kept.processed_at.map(|processed_at| {
            Ok(Committed::Earlier(Receipt { key: header.receipt.clone(), processed_at, is_over_budget: false }))
        })
    }

    pub(super) fn contradict(
        &mut self,
        header: &JournalHeader,
        context: &CallContext<'_>,
    ) -> Result<Committed, CommitError> {
        let receipt = header.receipt.conflicting(header.fingerprints.current());
        let header = JournalHeader { receipt, ..header.clone() };
        self.write(&header, "failed", Some("conflict"), context);
        self.keep_body(&header.receipt, context);
        Err(CommitError::Conflict)
    }

    pub(super) fn write(
        &mut self,
        header: &JournalHeader,
        status: &str,
        reason: Option<&str>,
        context: &CallContext<'_>,
    ) {
        let kept = self.journal.entry(header.receipt.to_string()).or_insert_with(|| KeptRow {
            row: Row::default(),
            fingerprint: String::new(),
            processed_at: None,
            first_received_at: context.first_received_at,
            is_listed: false,
            reversed_by: None,
            house: None,
            kind: header.kind,
            facts: Facts::new(),
            writer: None,
            due: None,
            kept_in: None,
        });
        kept.writer = Some(header.writer);
        kept.is_listed |= status == "failed";
        kept.kind = header.kind;
        kept.facts.clone_from(&header.facts);
        kept.row.attempts = kept.row.attempts.checked_add(1).unwrap();
        status.clone_into(&mut kept.row.status);
        kept.row.order = header.order.as_ref().map(ToString::to_string);
        kept.row.reason = reason.map(str::to_owned);
        kept.row.needs_attention = false;
        kept.due = None;
        self.passed_over.remove(header.receipt.as_str());
        kept.fingerprint = header.fingerprints.current().to_string();
    }
}
