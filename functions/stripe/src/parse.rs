//! Parses an event into a closed enum of the reports that act. Amounts are read from their digits, and a parse error
//! names Stripe's field, never its value.

mod charge;
mod dispute;
mod fields;
mod intent;
mod invoice;
mod invoice_payment;
mod kind;
mod refund;
mod session;
mod subscription;

use ledger::{
    DisputeStage, EventKey, Money, OrderNumber, PaymentState, Plan, Reference, RefundState, Source, Standing, Timestamp,
};

use fields::{id, one_of, payment_ids, seconds};
use webhook::{JsonObject, ParseError, Received};

pub use kind::Kind;

const SOURCE: Source = Source::Stripe;
/// The path stored with the body of an event that the backfill listed. No route of ours has it.
pub const LISTED_AT: &str = "/v1/events";
/// The metadata key under which checkout writes the order's number, on the session and on the objects that it creates.
const ORDER: &str = "hookledger_order";
/// The metadata key of our stage: several stages may share one Stripe account.
const STAGE: &str = "hookledger_stage";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    pub id: String,
    pub receipt: EventKey,
    pub created: Timestamp,
    pub livemode: bool,
    /// The connected account that the event belongs to, or `None` for our own account.
    pub account: Option<String>,
    pub kind: Kind,
    /// The id of the event's object; empty if the kind does not act.
    pub object: String,
    pub leads: Leads,
    pub report: Report,
}

/// The ids of an event that lead to an order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leads {
    /// The most specific first: payment or subscription, then session, then charge.
    pub references: Vec<Reference>,
    pub order: Option<OrderNumber>,
    /// `None` if the object's metadata names no stage.
    pub stage: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A payment succeeded. `by` is the payment intent, or the subscription that a session started, or else the session
    /// or charge itself: every report of one payment has the same `by`.
    Payment {
        by: Reference,
        money: Money,
    },
    /// Failed, canceled or expired. None of them is final.
    Unpaid(PaymentState),
    /// Nothing is paid yet, but the ids belong together.
    Awaiting,
    /// The total refunded of a charge so far.
    RefundSum(Money),
    Refund {
        id: String,
        money: Money,
        state: RefundState,
    },
    Dispute {
        id: String,
        stage: DisputeStage,
        /// The disputed amount, which may be a part of the payment.
        money: Money,
    },
    Subscription {
        reference: Reference,
        standing: Standing,
        plan: Option<Plan>,
    },
    InvoicePaid {
        invoice: Reference,
        subscription: Option<Reference>,
        money: Money,
        /// Whether it is the subscription's first invoice.
        is_first: bool,
        /// The payments that paid it, if the invoice names them: since 2025-03-31 [`Report::InvoicePayment`] does.
        payments: Vec<Reference>,
    },
    /// These payments paid this invoice. Intent and charge are two ids of one payment.
    InvoicePayment {
        invoice: Reference,
        payments: Vec<Reference>,
    },
    InvoiceFailed {
        invoice: Reference,
        subscription: Option<Reference>,
        standing: Standing,
    },
    /// An event without effect on the books.
    Other,
}

impl Report {
    /// The subscription of the report, if it has one.
    pub fn subscription(&self) -> Option<&Reference> {
        match self {
            Self::Subscription { reference, .. } => Some(reference),
            Self::InvoicePaid { subscription, .. } | Self::InvoiceFailed { subscription, .. } => subscription.as_ref(),
            Self::Payment { .. }
            | Self::Unpaid(_)
            | Self::Awaiting
            | Self::RefundSum(_)
            | Self::Refund { .. }
            | Self::Dispute { .. }
            | Self::InvoicePayment { .. }
            | Self::Other => None,
        }
    }
}

impl Report {
    /// Whether it is about an attempt to pay, which may have paid an invoice.
    pub(crate) fn is_of_payment(&self) -> bool {
        match self {
            Self::Payment { .. } | Self::Unpaid(_) | Self::Awaiting => true,
            Self::RefundSum(_)
            | Self::Refund { .. }
            | Self::Dispute { .. }
            | Self::Subscription { .. }
            | Self::InvoicePaid { .. }
            | Self::InvoicePayment { .. }
            | Self::InvoiceFailed { .. }
            | Self::Other => false,
        }
    }

    /// The paid invoice of the report, and the payments that it names.
    pub fn invoice(&self) -> Option<(&Reference, &[Reference])> {
        match self {
            Self::InvoicePaid { invoice, payments, .. } | Self::InvoicePayment { invoice, payments } => {
                Some((invoice, payments))
            }
            Self::Payment { .. }
            | Self::Unpaid(_)
            | Self::Awaiting
            | Self::RefundSum(_)
            | Self::Refund { .. }
            | Self::Dispute { .. }
            | Self::Subscription { .. }
            | Self::InvoiceFailed { .. }
            | Self::Other => None,
        }
    }
}

impl StripeEvent {
    /// The payment that the event refunds or disputes.
    pub fn claims(&self) -> Option<&Reference> {
        match self.report {
            Report::RefundSum(_) | Report::Refund { .. } | Report::Dispute { .. } => self.leads.references.first(),
            Report::Payment { .. }
            | Report::Unpaid(_)
            | Report::Awaiting
            | Report::Subscription { .. }
            | Report::InvoicePaid { .. }
            | Report::InvoicePayment { .. }
            | Report::InvoiceFailed { .. }
            | Report::Other => None,
        }
    }
}

/// The event's object as it was when the event happened.
struct Snapshot<'b> {
    object: JsonObject<'b>,
    id: Reference,
    at: Timestamp,
}

type Read = fn(&Snapshot<'_>) -> Result<(Leads, Report), ParseError>;

/// `account` is the connected account that the backfill lists. A listed event belongs to it even if it carries no
/// account id, and must equal the delivered event, which does.
pub(crate) fn parse(received: &Received<'_>, account: Option<&str>) -> Result<StripeEvent, ParseError> {
    let body = JsonObject::of_body(received.bytes())?;
    let field = body.required("id")?;
    let event_id = field.text()?;
    let receipt = EventKey::new(SOURCE, &event_id).map_err(|error| field.problem(&error.to_string()))?;
    let event = event(&body, &event_id, receipt);
    let mut event = event.map_err(|error| ParseError { event_id: Some(event_id), ..error })?;
    if received.path() == LISTED_AT && event.account.is_none() {
        event.account = account.map(str::to_owned);
    }
    Ok(event)
}

fn event(body: &JsonObject<'_>, event_id: &str, receipt: EventKey) -> Result<StripeEvent, ParseError> {
    let thin = one_of(&body.required("object")?, &[("event", false), ("v2.core.event", true)])?;
    let name = body.required("type")?.text()?;
    let created = body.required("created")?;
    let livemode = body.required("livemode")?.flag()?;
    let (account, data) = (body.field("account")?, body.field("data")?);
    let mut event = StripeEvent {
        id: event_id.to_owned(),
        receipt,
        created: if thin { created.parsed(Timestamp::parse_rfc3339)? } else { seconds(&created)? },
        livemode,
        account: None,
        kind: if thin { Kind::Thin } else { Kind::of_snapshot(&name) },
        object: String::new(),
        leads: Leads::default(),
        report: Report::Other,
    };
    if thin {
        return Ok(event);
    }
    event.account = account.map(|account| account.text()).transpose()?;
    // An event that does not act is not read further: its object may have any shape.
    if let Some(read) = reader(event.kind) {
        let object = data.ok_or_else(|| body.problem("data", "is missing"))?.object()?.required("object")?.object()?;
        let snapshot = Snapshot { id: id(&object.required("id")?)?, object, at: event.created };
        (event.leads, event.report) = read(&snapshot)?;
        snapshot.id.id().clone_into(&mut event.object);
    }
    Ok(event)
}

fn reader(kind: Kind) -> Option<Read> {
    let read: Read = match kind {
        Kind::IntentSucceeded => intent::succeeded,
        Kind::IntentFailed => |snapshot| intent::unpaid(snapshot, PaymentState::Failed),
        Kind::IntentCanceled => |snapshot| intent::unpaid(snapshot, PaymentState::Canceled),
        Kind::ChargeSucceeded => charge::succeeded,
        Kind::ChargeFailed => charge::failed,
        Kind::ChargeRefunded => charge::refunded,
        Kind::DisputeCreated
        | Kind::DisputeUpdated
        | Kind::DisputeClosed
        | Kind::DisputeFundsWithdrawn
        | Kind::DisputeFundsReinstated => dispute::read,
        Kind::RefundCreated | Kind::RefundUpdated | Kind::RefundFailed => refund::read,
        Kind::SessionCompleted | Kind::SessionPaymentSucceeded => session::completed,
        Kind::SessionPaymentFailed => |snapshot| session::unpaid(snapshot, PaymentState::Failed),
        Kind::SessionExpired => |snapshot| session::unpaid(snapshot, PaymentState::Expired),
        Kind::SubscriptionCreated | Kind::SubscriptionUpdated => subscription::changed,
        Kind::SubscriptionDeleted => subscription::deleted,
        Kind::InvoicePaid | Kind::InvoicePaymentSucceeded => invoice::paid,
        Kind::InvoicePaymentFailed => invoice::failed,
        Kind::InvoicePaymentPaid => invoice_payment::paid,
        Kind::Thin | Kind::Other => return None,
    };
    Some(read)
}

impl Snapshot<'_> {
    fn leads(&self, references: impl IntoIterator<Item = Reference>) -> Result<Leads, ParseError> {
        Ok(Leads { references: references.into_iter().collect(), ..named(&self.object)? })
    }

    /// The ids of an event about an existing payment.
    fn leads_of_payment(&self) -> Result<Leads, ParseError> {
        self.leads(payment_ids(&self.object)?)
    }
}

/// The order and stage in the object's metadata. Anyone may write metadata, so an invalid number counts as absent.
fn named(object: &JsonObject<'_>) -> Result<Leads, ParseError> {
    let Some(metadata) = object.object("metadata")? else {
        return Ok(Leads::default());
    };
    let number = metadata.field(ORDER)?.and_then(|number| number.text().ok());
    let stage = metadata.field(STAGE)?.and_then(|stage| stage.text().ok());
    Ok(Leads {
        references: Vec::new(),
        order: number.and_then(|number| OrderNumber::new(&number).ok()),
        stage: stage.filter(|stage| !stage.is_empty()),
    })
}

#[cfg(test)]
mod tests;
