//! The last characters of a wallet, and what becomes of a transfer to it, as the numbers of test cards decide over payments.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireblocksFate {
    Completes,
    Fails,
    IsRejected,
    IsBlocked,
    IsCancelled,
    /// It never goes beyond its signature.
    Hangs,
    /// It is made at once, and answered when nobody waits any more.
    AnswersLate,
    /// It completes, and every webhook is sent twice.
    Twice,
}

/// Every other wallet's transfers complete.
pub const WALLETS: [(&str, FireblocksFate); 7] = [
    ("0001", FireblocksFate::Fails),
    ("0002", FireblocksFate::IsRejected),
    ("0003", FireblocksFate::IsBlocked),
    ("0004", FireblocksFate::IsCancelled),
    ("0005", FireblocksFate::Hangs),
    ("0006", FireblocksFate::AnswersLate),
    ("0007", FireblocksFate::Twice),
];

impl FireblocksFate {
    pub fn of(wallet: &str) -> Self {
        WALLETS.iter().find(|(ending, _)| wallet.ends_with(ending)).map_or(Self::Completes, |(_, fate)| *fate)
    }

    /// The statuses that it goes through.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::Completes | Self::AnswersLate | Self::Twice => {
                &["SUBMITTED", "PENDING_SIGNATURE", "BROADCASTING", "CONFIRMING", "COMPLETED"]
            }
            Self::Fails => &["SUBMITTED", "PENDING_SIGNATURE", "BROADCASTING", "FAILED"],
            Self::IsRejected => &["SUBMITTED", "PENDING_AUTHORIZATION", "REJECTED"],
            Self::IsBlocked => &["SUBMITTED", "PENDING_AML_SCREENING", "BLOCKED"],
            Self::IsCancelled => &["SUBMITTED", "PENDING_AUTHORIZATION", "CANCELLING", "CANCELLED"],
            Self::Hangs => &["SUBMITTED", "PENDING_SIGNATURE"],
        }
    }
}
