//! The kinds of event that act, by Stripe's `type`.

/// Stripe's `type`; every type without effect is [`Kind::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    IntentSucceeded,
    IntentFailed,
    IntentCanceled,
    ChargeSucceeded,
    ChargeFailed,
    ChargeRefunded,
    DisputeCreated,
    DisputeUpdated,
    DisputeClosed,
    DisputeFundsWithdrawn,
    DisputeFundsReinstated,
    RefundCreated,
    RefundUpdated,
    RefundFailed,
    SessionCompleted,
    SessionPaymentSucceeded,
    SessionPaymentFailed,
    SessionExpired,
    SubscriptionCreated,
    SubscriptionUpdated,
    SubscriptionDeleted,
    InvoicePaid,
    InvoicePaymentSucceeded,
    InvoicePaymentFailed,
    /// Links an invoice to the payment that paid it.
    InvoicePaymentPaid,
    /// A v2 ("thin") event, which carries a link to its object and not the object.
    Thin,
    Other,
}

impl Kind {
    pub const ALL: [Self; 27] = [
        Self::IntentSucceeded,
        Self::IntentFailed,
        Self::IntentCanceled,
        Self::ChargeSucceeded,
        Self::ChargeFailed,
        Self::ChargeRefunded,
        Self::DisputeCreated,
        Self::DisputeUpdated,
        Self::DisputeClosed,
        Self::DisputeFundsWithdrawn,
        Self::DisputeFundsReinstated,
        Self::RefundCreated,
        Self::RefundUpdated,
        Self::RefundFailed,
        Self::SessionCompleted,
        Self::SessionPaymentSucceeded,
        Self::SessionPaymentFailed,
        Self::SessionExpired,
        Self::SubscriptionCreated,
        Self::SubscriptionUpdated,
        Self::SubscriptionDeleted,
        Self::InvoicePaid,
        Self::InvoicePaymentSucceeded,
        Self::InvoicePaymentFailed,
        Self::InvoicePaymentPaid,
        Self::Thin,
        Self::Other,
    ];

    /// Whether an event of this kind can change the books.
    pub const fn acts(self) -> bool {
        !matches!(self, Self::Thin | Self::Other)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntentSucceeded => "payment_intent.succeeded",
            Self::IntentFailed => "payment_intent.payment_failed",
            Self::IntentCanceled => "payment_intent.canceled",
            Self::ChargeSucceeded => "charge.succeeded",
            Self::ChargeFailed => "charge.failed",
            Self::ChargeRefunded => "charge.refunded",
            Self::DisputeCreated => "charge.dispute.created",
            Self::DisputeUpdated => "charge.dispute.updated",
            Self::DisputeClosed => "charge.dispute.closed",
            Self::DisputeFundsWithdrawn => "charge.dispute.funds_withdrawn",
            Self::DisputeFundsReinstated => "charge.dispute.funds_reinstated",
            Self::RefundCreated => "refund.created",
            Self::RefundUpdated => "refund.updated",
            Self::RefundFailed => "refund.failed",
            Self::SessionCompleted => "checkout.session.completed",
            Self::SessionPaymentSucceeded => "checkout.session.async_payment_succeeded",
            Self::SessionPaymentFailed => "checkout.session.async_payment_failed",
            Self::SessionExpired => "checkout.session.expired",
            Self::SubscriptionCreated => "customer.subscription.created",
            Self::SubscriptionUpdated => "customer.subscription.updated",
            Self::SubscriptionDeleted => "customer.subscription.deleted",
            Self::InvoicePaid => "invoice.paid",
            Self::InvoicePaymentSucceeded => "invoice.payment_succeeded",
            Self::InvoicePaymentFailed => "invoice.payment_failed",
            Self::InvoicePaymentPaid => "invoice_payment.paid",
            Self::Thin => "thin",
            Self::Other => "other",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind of a snapshot event; `thin` and `other` are our own names and not types of Stripe's.
    pub(super) fn of_snapshot(name: &str) -> Self {
        Self::named(name).filter(|kind| *kind != Self::Thin).unwrap_or(Self::Other)
    }
}
