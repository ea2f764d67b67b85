//! Why an event was refused: one word for the journal, the order, the log and the metrics.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    InsufficientCredits,
    /// The use would exceed a limit of its key's budget.
    BudgetExceeded,
    UnknownKey,
    /// A use without a cost, of a model that the rate card had no price for at its time.
    NoPrice,
    KeyTaken,
    Overtaken,
    OutsideClockWindow,
    Unparsed,
    /// A test event in a live deployment, or the reverse.
    WrongMode,
    /// The event belongs to a provider account that is not ours.
    WrongAccount,
    /// The order that the event names does not exist (yet).
    OrderUnknown,
    /// The payment that a refund or a dispute refers to is unknown (so far).
    PaymentUnknown,
    /// Like `PaymentUnknown`, for an open dispute on an account that only this deployment uses: there is a deadline to
    /// answer it.
    DisputeUnknown,
    /// The provider, when queried, does not confirm the payment (yet).
    Unconfirmed,
    /// The provider was queried and did not answer.
    Unanswered,
    OrderNotPayable,
    ProviderMismatch,
    /// The event belongs to a merchant or an app that is not ours.
    MerchantMismatch,
    /// Two fields of the event name different orders.
    OrderMismatch,
    AttachMismatch,
    AmountMismatch,
    CurrencyMismatch,
    DuplicatePayment,
    /// The reported refunds exceed the payment.
    RefundedTooMuch,
    /// The order claims to be paid, and the journal has no row of that payment.
    PaymentUnproven,
    /// It is unknown whether the phone was topped up.
    TopUpUnknown,
    /// The phone was not topped up, and the order is paid.
    TopUpFailed,
    TransferFailed,
    /// The custodian has not returned the id of the order's transfer yet.
    TransferUnknown,
    /// Our own transfer, reported by a workspace other than the configured one.
    WorkspaceMismatch,
    /// The transfer sends a different asset than was requested.
    AssetMismatch,
    /// The transfer goes to a different wallet than was requested.
    DestinationMismatch,
}

/// What the reply to a sender distinguishes among refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonClass {
    /// The body was not understood: the sender is to retry while the parser is corrected.
    Unparsed,
    /// The provider did not confirm the event in time: the sender is to retry.
    Unanswered,
    /// The owner of the key cannot pay.
    InsufficientCredits,
    UnknownKey,
    /// The rate card has no price for the use.
    NoPrice,
    OutsideClockWindow,
    /// The event is kept, and another delivery changes nothing.
    Kept,
}

impl Reason {
    pub const ALL: [Self; 32] = [
        Self::InsufficientCredits,
        Self::BudgetExceeded,
        Self::UnknownKey,
        Self::NoPrice,
        Self::KeyTaken,
        Self::Overtaken,
        Self::OutsideClockWindow,
        Self::Unparsed,
        Self::WrongMode,
        Self::WrongAccount,
        Self::OrderUnknown,
        Self::PaymentUnknown,
        Self::DisputeUnknown,
        Self::Unconfirmed,
        Self::Unanswered,
        Self::OrderNotPayable,
        Self::ProviderMismatch,
        Self::MerchantMismatch,
        Self::OrderMismatch,
        Self::AttachMismatch,
        Self::AmountMismatch,
        Self::CurrencyMismatch,
        Self::DuplicatePayment,
        Self::RefundedTooMuch,
        Self::PaymentUnproven,
        Self::TopUpUnknown,
        Self::TopUpFailed,
        Self::TransferFailed,
        Self::TransferUnknown,
        Self::WorkspaceMismatch,
        Self::AssetMismatch,
        Self::DestinationMismatch,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientCredits => "insufficient_credits",
            Self::BudgetExceeded => "budget_exceeded",
            Self::UnknownKey => "unknown_key",
            Self::NoPrice => "no_price",
            Self::KeyTaken => "key_taken",
            Self::Overtaken => "overtaken",
            Self::OutsideClockWindow => "outside_clock_window",
            Self::Unparsed => "unparsed",
            Self::WrongMode => "wrong_mode",
            Self::WrongAccount => "wrong_account",
            Self::OrderUnknown => "order_unknown",
            Self::PaymentUnknown => "payment_unknown",
            Self::DisputeUnknown => "dispute_unknown",
            Self::Unconfirmed => "unconfirmed",
            Self::Unanswered => "unanswered",
            Self::OrderNotPayable => "order_not_payable",
            Self::ProviderMismatch => "provider_mismatch",
            Self::MerchantMismatch => "merchant_mismatch",
            Self::OrderMismatch => "order_mismatch",
            Self::AttachMismatch => "attach_mismatch",
            Self::AmountMismatch => "amount_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::DuplicatePayment => "duplicate_payment",
            Self::RefundedTooMuch => "refunded_too_much",
            Self::PaymentUnproven => "payment_unproven",
            Self::TopUpUnknown => "top_up_unknown",
            Self::TopUpFailed => "top_up_failed",
            Self::TransferFailed => "transfer_failed",
            Self::TransferUnknown => "transfer_unknown",
            Self::WorkspaceMismatch => "workspace_mismatch",
            Self::AssetMismatch => "asset_mismatch",
            Self::DestinationMismatch => "destination_mismatch",
        }
    }

    pub const fn class(self) -> ReasonClass {
        match self {
            Self::Unparsed => ReasonClass::Unparsed,
            Self::Unanswered => ReasonClass::Unanswered,
            Self::InsufficientCredits => ReasonClass::InsufficientCredits,
            Self::UnknownKey => ReasonClass::UnknownKey,
            Self::NoPrice => ReasonClass::NoPrice,
            Self::OutsideClockWindow => ReasonClass::OutsideClockWindow,
            Self::BudgetExceeded
            | Self::KeyTaken
            | Self::Overtaken
            | Self::WrongMode
            | Self::WrongAccount
            | Self::OrderUnknown
            | Self::PaymentUnknown
            | Self::DisputeUnknown
            | Self::Unconfirmed
            | Self::OrderNotPayable
            | Self::ProviderMismatch
            | Self::MerchantMismatch
            | Self::OrderMismatch
            | Self::AttachMismatch
            | Self::AmountMismatch
            | Self::CurrencyMismatch
            | Self::DuplicatePayment
            | Self::RefundedTooMuch
            | Self::PaymentUnproven
            | Self::TopUpUnknown
            | Self::TopUpFailed
            | Self::TransferFailed
            | Self::TransferUnknown
            | Self::WorkspaceMismatch
            | Self::AssetMismatch
            | Self::DestinationMismatch => ReasonClass::Kept,
        }
    }

    /// Whether the event is a refund or a dispute whose payment may still arrive. Its retries end after a few days.
    pub const fn is_of_reversal(self) -> bool {
        matches!(self, Self::PaymentUnknown | Self::DisputeUnknown)
    }

    /// Whether the same event may succeed later without another delivery. Retryable rows are in the `attention` index.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::InsufficientCredits
            | Self::UnknownKey
            | Self::NoPrice
            | Self::Unparsed
            | Self::OrderUnknown
            | Self::PaymentUnknown
            | Self::DisputeUnknown
            | Self::Unconfirmed
            | Self::Unanswered
            | Self::TransferUnknown
            | Self::WorkspaceMismatch
            // A person repairs the row; the sweep then books what was refused meanwhile.
            | Self::PaymentUnproven => true,
            Self::BudgetExceeded
            | Self::KeyTaken
            | Self::Overtaken
            | Self::OutsideClockWindow
            | Self::WrongMode
            | Self::WrongAccount
            | Self::OrderNotPayable
            | Self::ProviderMismatch
            | Self::MerchantMismatch
            | Self::OrderMismatch
            | Self::AttachMismatch
            | Self::AmountMismatch
            | Self::CurrencyMismatch
            | Self::DuplicatePayment
            | Self::RefundedTooMuch
            | Self::TopUpUnknown
            | Self::TopUpFailed
            | Self::TransferFailed
            | Self::AssetMismatch
            | Self::DestinationMismatch => false,
        }
    }

    /// Whether this is a state that the order is in, which ends with the state. The other reasons are each about one
    /// event.
    pub const fn is_state_of_order(self) -> bool {
        matches!(
            self,
            Self::RefundedTooMuch
                | Self::PaymentUnproven
                | Self::TopUpUnknown
                | Self::TopUpFailed
                | Self::TransferFailed
        )
    }

    /// Whether a person has to decide about the refused event, or to correct a setting. No retry resolves it.
    pub const fn needs_decision(self) -> bool {
        matches!(
            self,
            Self::WrongMode
                | Self::OrderNotPayable
                | Self::ProviderMismatch
                | Self::MerchantMismatch
                | Self::OrderMismatch
                | Self::AttachMismatch
                | Self::AmountMismatch
                | Self::CurrencyMismatch
                | Self::DuplicatePayment
                | Self::WorkspaceMismatch
                | Self::PaymentUnproven
                | Self::AssetMismatch
                | Self::DestinationMismatch
        )
    }
}
