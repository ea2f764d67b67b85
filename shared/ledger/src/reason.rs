//! Why an event was refused: the word that stands in the journal, on an order, in the log and in the metrics.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    InsufficientCredits,
    UnknownKey,
    KeyTaken,
    Overtaken,
    OutsideClockWindow,
    Unparsed,
    /// A test event where money is real, or the other way round.
    WrongMode,
    /// Of an account of the provider's that is not ours.
    WrongAccount,
    /// It names an order of ours that is not there, or not yet.
    OrderUnknown,
    /// It is about a payment that we have not heard of, or not yet.
    PaymentUnknown,
    /// The same of a dispute that is open, where the provider's account is ours alone: there is a deadline to answer.
    DisputeUnknown,
    /// Its provider, when asked, does not say so, or not yet.
    Unconfirmed,
    /// Its provider was queried and has not answered.
    Unanswered,
    OrderNotPayable,
    ProviderMismatch,
    /// Of a merchant or an app that is not ours.
    MerchantMismatch,
    /// It names one order here and another there.
    OrderMismatch,
    AttachMismatch,
    AmountMismatch,
    CurrencyMismatch,
    DuplicatePayment,
    /// More than was paid is reported as given back.
    RefundedTooMuch,
    /// The order says that it is paid, and the journal has no row of that payment.
    PaymentUnproven,
    /// Nobody knows whether a telephone was topped up.
    RechargeUnknown,
    /// It was not, and is paid for.
    RechargeFailed,
    TransferFailed,
    /// The custodian has not yet given us the id of the order's transfer.
    TransferUnknown,
    /// Our own transfer, reported by another workspace than the one that is configured.
    WorkspaceMismatch,
    /// Something else is sent than was asked for.
    AssetMismatch,
    /// It goes somewhere else.
    DestinationMismatch,
}

impl Reason {
    pub const ALL: [Self; 30] = [
        Self::InsufficientCredits,
        Self::UnknownKey,
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
        Self::RechargeUnknown,
        Self::RechargeFailed,
        Self::TransferFailed,
        Self::TransferUnknown,
        Self::WorkspaceMismatch,
        Self::AssetMismatch,
        Self::DestinationMismatch,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientCredits => "insufficient_credits",
            Self::UnknownKey => "unknown_key",
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
            Self::RechargeUnknown => "recharge_unknown",
            Self::RechargeFailed => "recharge_failed",
            Self::TransferFailed => "transfer_failed",
            Self::TransferUnknown => "transfer_unknown",
            Self::WorkspaceMismatch => "workspace_mismatch",
            Self::AssetMismatch => "asset_mismatch",
            Self::DestinationMismatch => "destination_mismatch",
        }
    }

    /// Whether it is a refund or a dispute of a payment that may still come: nothing waits for it for ever.
    pub const fn is_of_claim(self) -> bool {
        matches!(self, Self::PaymentUnknown | Self::DisputeUnknown)
    }

    /// Whether the same event may succeed later without anybody sending another: such rows are in the `attention` index.
    pub const fn curable(self) -> bool {
        match self {
            Self::InsufficientCredits
            | Self::UnknownKey
            | Self::Unparsed
            | Self::OrderUnknown
            | Self::PaymentUnknown
            | Self::DisputeUnknown
            | Self::Unconfirmed
            | Self::Unanswered
            | Self::TransferUnknown
            | Self::WorkspaceMismatch
            // A person puts the row right; what was refused meanwhile is booked then.
            | Self::PaymentUnproven => true,
            Self::KeyTaken
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
            | Self::RechargeUnknown
            | Self::RechargeFailed
            | Self::TransferFailed
            | Self::AssetMismatch
            | Self::DestinationMismatch => false,
        }
    }

    /// Whether it is a state that an order is in, and ends with it. The others are each about one event.
    pub const fn is_state_of_order(self) -> bool {
        matches!(
            self,
            Self::RefundedTooMuch
                | Self::PaymentUnproven
                | Self::RechargeUnknown
                | Self::RechargeFailed
                | Self::TransferFailed
        )
    }

    /// Whether a person has to decide what becomes of an event that is refused for it, or to correct a setting: nothing else will.
    pub const fn needs_a_person(self) -> bool {
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
