//! Money rows of the in-memory ledger: postings, and the payment proofs that an order's effects require.

use ledger::{CallContext, Effect, JournalHeader, Movement, PaymentProof, ProofUse, Timestamp};

use super::{KeptRow, State};
use crate::Row;

/// The state of the payment proof that a transaction writes or requires.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ProofState {
    /// The transaction may be written, with this proof if it writes one.
    Fits(Option<PaymentProof>),
    /// Another event has written the same proof.
    Moved,
    /// Another row is written under its key.
    Contradicted,
    /// The required proof is missing.
    Missing,
}

impl State {
    pub(super) fn has_proof(&self, proof: &PaymentProof) -> bool {
        self.proofs.get(proof.key.as_str()) == Some(proof)
    }

    pub(super) fn proof_state(&self, effects: &[Effect]) -> ProofState {
        let has_movements = effects.iter().any(|effect| effect.movement().is_some());
        match ProofUse::of(effects, has_movements) {
            None => ProofState::Fits(None),
            Some(ProofUse::Require(proof)) if self.has_proof(&proof) => ProofState::Fits(None),
            Some(ProofUse::Require(_)) => ProofState::Missing,
            Some(ProofUse::Write(proof)) if !self.journal.contains_key(proof.key.as_str()) => {
                ProofState::Fits(Some(proof))
            }
            Some(ProofUse::Write(proof)) if self.has_proof(&proof) => ProofState::Moved,
            Some(ProofUse::Write(_)) => ProofState::Contradicted,
        }
    }

    pub(super) fn prove(
        &mut self,
        proof: PaymentProof,
        header: &JournalHeader,
        context: &CallContext<'_>,
        processed_at: Timestamp,
    ) {
        let kept = self.money_row(proof.key.as_str(), context, processed_at);
        kept.row.order = header.order.as_ref().map(ToString::to_string);
        self.proofs.insert(proof.key.to_string(), proof);
    }

    pub(super) fn money_row(&mut self, key: &str, context: &CallContext<'_>, processed_at: Timestamp) -> &mut KeptRow {
        self.journal.entry(key.to_owned()).or_insert_with(|| KeptRow {
            is_listed: false,
            row: Row { status: "processed".to_owned(), attempts: 1, ..Row::default() },
            fingerprint: String::new(),
            processed_at: Some(processed_at),
            first_received_at: context.first_received_at,
            reversed_by: None,
            house: None,
            kind: "",
            facts: Vec::new(),
            writer: None,
            due: None,
            kept_in: None,
        })
    }

    pub(super) fn journal_lines(
        &mut self,
        movement: &Movement,
        header: &JournalHeader,
        context: &CallContext<'_>,
        processed_at: Timestamp,
    ) {
        let kept = self.money_row(movement.key.as_str(), context, processed_at);
        kept.row.account = Some(movement.posting.account().to_string());
        kept.row.order = header.order.as_ref().map(ToString::to_string);
        kept.row.change = movement.posting.change().units();
        kept.house = Some(movement.posting.house());
        kept.kind = header.kind;
        kept.row.reverses = movement.reverses.as_ref().map(ToString::to_string);
    }
}
