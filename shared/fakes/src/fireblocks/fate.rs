//! The outcome of a transfer by the last characters of its wallet, like test card numbers.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireblocksFate {
    Completes,
    Fails,
    IsRejected,
    IsBlocked,
    IsCancelled,
    /// The status stays at its signature.
    Hangs,
    /// The transfer is created at once, and the response comes after the client's timeout.
    AnswersLate,
    /// The transfer completes, and every webhook is sent twice.
    Twice,
}

/// Transfers to any other wallet complete.
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

    /// The sequence of statuses.
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
