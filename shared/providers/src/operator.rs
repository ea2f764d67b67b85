//! What a telephone operator is asked, whichever it is: to top up one phone, once.
//!
//! It is asked in two steps. What may fail without having done anything comes first, so that an order is claimed only when nothing is
//! left but the call itself; and the call is made once, since an operator that is asked twice gives twice.

use std::fmt;

/// What came of the one call. There is no error beside it: whatever is not known to have ended is not known to have failed.
#[derive(Clone, PartialEq, Eq)]
pub enum TopUpResult {
    Done {
        /// The operator's own number of it.
        seq: Option<String>,
        /// The VAT bill, as the operator wrote it: one JSON object.
        receipt: Option<String>,
    },
    /// The operator says that nothing was given.
    Failed { why: String },
    /// It has been taken, and how it ends is not known yet.
    Pending { seq: Option<String> },
    /// It may have been given, or not. Asking again might give it twice.
    Unknown { why: String },
}

impl TopUpResult {
    pub(crate) fn unknown(why: &str) -> Self {
        Self::Unknown { why: why.to_owned() }
    }
}

/// Without the bill: whoever has its lottery number can take the prize.
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
