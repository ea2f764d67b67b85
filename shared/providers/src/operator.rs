//! The result of a top-up at a telephone operator, which must happen at most once.
//!
//! A top-up takes two steps. The retryable step comes first, so that an order is claimed only when nothing but the call
//! itself remains. The call is made once, since an operator that receives it twice tops up twice.

use std::fmt;

/// The outcome of the one call. It has no error type: an outcome that is not a confirmed failure is unknown.
#[derive(Clone, PartialEq, Eq)]
pub enum TopUpResult {
    Done {
        /// The operator's own number of the transaction.
        seq: Option<String>,
        /// The VAT bill as the operator sent it: one JSON object.
        receipt: Option<String>,
    },
    /// The operator confirms that it topped up nothing.
    Failed { why: String },
    /// The operator accepted the call and has not finished it.
    Pending { seq: Option<String> },
    /// The operator may have topped up the phone or not. Another call might top it up twice.
    Unknown { why: String },
}

impl TopUpResult {
    pub(crate) fn unknown(why: &str) -> Self {
        Self::Unknown { why: why.to_owned() }
    }
}

/// Omits the bill: anyone who holds its lottery number can claim the prize.
impl fmt::Debug for TopUpResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { seq, receipt } => {
                f.debug_struct("Done").field("seq", seq).field("receipt", &receipt.is_some()).finish()
            }
            Self::Failed { why } => f.debug_struct("Failed").field("why", why).finish(),
            Self::Pending { seq } => f.debug_struct("Pending").field("seq", seq).finish(),
            Self::Unknown { why } => f.debug_struct("Unknown").field("why", why).finish(),
        }
    }
}
