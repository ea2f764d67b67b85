//! Operators, sessions and attempts in memory.

use std::collections::BTreeMap;

use ledger::{CallContext, CommitError};
use operators::{Attempts, Counted, Operator, OperatorName, Operators, Session, SignIn, TokenHash};

use crate::MemoryLedger;

/// As many as are shown.
const SIGN_INS_MAX: usize = 20;

#[derive(Debug, Default)]
pub(super) struct OperatorState {
    operators: BTreeMap<OperatorName, Operator>,
    sessions: BTreeMap<TokenHash, Session>,
    sign_ins: Vec<SignIn>,
    attempts: BTreeMap<Counted, Attempts>,
}

impl Operators for MemoryLedger {
    async fn operator(&self, name: &OperatorName, _: &CallContext<'_>) -> Result<Option<Operator>, CommitError> {
        Ok(self.0.lock().unwrap().console.operators.get(name).cloned())
    }

    async fn write_operator(&self, operator: &Operator, _: &CallContext<'_>) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let version = state.console.operators.get(&operator.name).map_or(0, |known| known.version);
        let is_next = version.checked_add(1) == Some(operator.version);
        if is_next {
            state.console.operators.insert(operator.name.clone(), operator.clone());
        }
        Ok(is_next)
    }

    async fn session(
        &self,
        hash: &TokenHash,
        name: &OperatorName,
        _: &CallContext<'_>,
    ) -> Result<Option<(Session, Operator)>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(state.console.sessions.get(hash).cloned().zip(state.console.operators.get(name).cloned()))
    }

    async fn begin_session(&self, session: &Session, sign_in: &SignIn, _: &CallContext<'_>) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        state.console.sign_ins.push(sign_in.clone());
        state.console.sessions.insert(session.hash.clone(), session.clone());
        Ok(())
    }

    async fn note_session(&self, session: &Session, _: &CallContext<'_>) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        if let Some(known) = state.console.sessions.get_mut(&session.hash).filter(|known| known.ended_at.is_none()) {
            *known = session.clone();
        }
        Ok(())
    }

    async fn sign_ins(&self, operator: &Operator, _: &CallContext<'_>) -> Result<Vec<SignIn>, CommitError> {
        let state = self.0.lock().unwrap();
        let own = state.console.sign_ins.iter().rev().filter(|sign_in| sign_in.operator == operator.name);
        Ok(own.take(SIGN_INS_MAX).cloned().collect())
    }

    async fn attempts(&self, counted: &[Counted; 2], _: &CallContext<'_>) -> Result<[Attempts; 2], CommitError> {
        let state = self.0.lock().unwrap();
        Ok(counted.each_ref().map(|of| state.console.attempts.get(of).copied().unwrap_or_default()))
    }

    async fn write_attempts(
        &self,
        counted: &Counted,
        read: Attempts,
        attempts: Attempts,
        _: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let known = state.console.attempts.entry(counted.clone()).or_default();
        let is_unchanged = known.count == read.count;
        if is_unchanged {
            *known = attempts;
        }
        Ok(is_unchanged)
    }
}
