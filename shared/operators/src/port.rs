//! The port to the rows of operators. Each method is one or two calls of the store.

use ledger::{CallContext, CommitError};

use crate::{Attempts, Counted, Operator, OperatorName, Session, SignIn, TokenHash};

pub trait Operators: Send + Sync {
    fn operator(
        &self,
        name: &OperatorName,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Operator>, CommitError>> + Send;

    /// Writes an operator over the version before its own. `false` if that was not the stored one: another sign-in or
    /// command was faster.
    fn write_operator(
        &self,
        operator: &Operator,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// A session and its operator, as they are now.
    fn session(
        &self,
        hash: &TokenHash,
        operator: &OperatorName,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<(Session, Operator)>, CommitError>> + Send;

    /// Writes the record of a sign-in, and then its session.
    fn begin_session(
        &self,
        session: &Session,
        sign_in: &SignIn,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Writes when a session was last seen, or that it ended. One that has ended stays so.
    fn note_session(
        &self,
        session: &Session,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The newest sign-ins of an operator, the newest first.
    fn sign_ins(
        &self,
        operator: &Operator,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<SignIn>, CommitError>> + Send;

    /// The attempts by a name and from an address.
    fn attempts(
        &self,
        counted: &[Counted; 2],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<[Attempts; 2], CommitError>> + Send;

    /// Writes attempts over those that were read. `false` if others were counted meanwhile.
    fn write_attempts(
        &self,
        counted: &Counted,
        read: Attempts,
        attempts: Attempts,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;
}
