//! What it says: an event of Stripe's as a closed enum of what we act on. Every amount is read from its own digits, and a refusal
//! names the field as Stripe writes it, never what stood in it.

mod charge;
mod dispute;
mod intent;
mod invoice;
mod invoice_payment;
mod json;
mod kind;
mod refund;
mod session;
mod subscription;

use ledger::{
    DisputeStage, EventKey, Money, OrderNumber, PaymentState, Plan, Reference, RefundState, Source, Standing, Timestamp,
};

use json::Object;
use webhook::{ParseError, Received};

pub use kind::Kind;

const SOURCE: &str = Source::Stripe.as_str();
/// The path that the kept body of an event bears which Stripe has listed rather than delivered. No route of ours has it.
pub const LISTED_AT: &str = "/v1/events";
/// Where our pages write the order's number, on the session and on what it makes.
const ORDER: &str = "hookledger_order";
/// And which of our stages has made it: several may share one account of Stripe's.
const STAGE: &str = "hookledger_stage";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    pub id: String,
    pub receipt: EventKey,
    pub created: Timestamp,
    pub livemode: bool,
    /// The connected account it happened on, where it is not our own.
    pub account: Option<String>,
    pub kind: Kind,
    /// The id of what the event is about; empty where nobody asked.
    pub object: String,
    pub leads: Leads,
    pub report: Report,
}

/// What of an event leads to an order of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leads {
    /// The most telling first: a payment or a subscription before a session before a charge.
    pub references: Vec<Reference>,
    pub order: Option<OrderNumber>,
    /// Of an object that names none, nothing is known.
    pub stage: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Money has come. `by` is the payment intent, or the subscription that a session began, or else the session or the charge
    /// itself: every report of one payment names the same.
    Payment {
        by: Reference,
        money: Money,
    },
    /// Failed, canceled or expired: none of them is final.
    Unpaid(PaymentState),
    /// Nothing has happened yet, but the ids belong together.
    Awaiting,
    /// All that has been given back of a charge so far.
    RefundSum(Money),
    Refund {
        id: String,
        money: Money,
        state: RefundState,
    },
    Dispute {
        id: String,
        stage: DisputeStage,
        /// What is disputed, which is not always the whole payment.
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
        /// Whether it is the subscription's first.
        is_first: bool,
        /// Which payments paid it, where the invoice itself says so: since 2025-03-31 [`Report::InvoicePayment`] does.
        payments: Vec<Reference>,
    },
    /// These payments, which are one under two names, have paid this invoice.
    InvoicePayment {
        invoice: Reference,
        payments: Vec<Reference>,
    },
    InvoiceFailed {
        invoice: Reference,
        subscription: Option<Reference>,
        standing: Standing,
    },
    /// Of no interest.
    Other,
}

impl Report {
    /// The subscription that it is about, if it is about one.
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
    /// The invoice that it says is paid, and the payments that it says paid it.
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
    /// The payment of which it claims something back.
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

/// What an event is about, as it was when the event happened.
struct Snapshot<'b> {
    object: Object<'b>,
    id: Reference,
    at: Timestamp,
}

type Read = fn(&Snapshot<'_>) -> Result<(Leads, Report), ParseError>;

/// `account` is the connected account that Stripe is called for: what Stripe lists for it has happened on it, whether the event says
/// so or not, and is the same event as the one delivered, which does.
pub(crate) fn parse(received: &Received<'_>, account: Option<&str>) -> Result<StripeEvent, ParseError> {
    let body = Object::of_body(received.bytes())?;
    let field = body.required("id")?;
    let id = field.text()?;
    let receipt = EventKey::new(SOURCE, &id).map_err(|error| field.problem(&error.to_string()))?;
    let mut event = event(&body, &id, receipt).map_err(|error| ParseError { event_id: Some(id), ..error })?;
    if received.path() == LISTED_AT && event.account.is_none() {
        event.account = account.map(str::to_owned);
    }
    Ok(event)
}

fn event(body: &Object<'_>, id: &str, receipt: EventKey) -> Result<StripeEvent, ParseError> {
    let thin = body.required("object")?.one_of(&[("event", false), ("v2.core.event", true)])?;
    let name = body.required("type")?.text()?;
    let created = body.required("created")?;
    let livemode = body.required("livemode")?.flag()?;
    let (account, data) = (body.field("account")?, body.field("data")?);
    let mut event = StripeEvent {
        id: id.to_owned(),
        receipt,
        created: if thin { created.rfc3339()? } else { created.seconds()? },
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
    // What does not act is not looked into: it may have any shape.
    if let Some(read) = reader(event.kind) {
        let object = data.ok_or_else(|| body.problem("data", "is missing"))?.object()?.required("object")?.object()?;
        let snapshot = Snapshot { id: object.required("id")?.reference()?, object, at: event.created };
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

    /// Of what happens to a payment that was made before.
    fn leads_of_payment(&self) -> Result<Leads, ParseError> {
        let [intent, charge] = ["payment_intent", "charge"].map(|name| self.object.reference(name));
        self.leads([intent?, charge?].into_iter().flatten())
    }
}

/// What its metadata names. Anybody may write there: what cannot be a number of ours is not ours.
fn named(object: &Object<'_>) -> Result<Leads, ParseError> {
    let Some(metadata) = object.inner("metadata")? else {
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
