//! Decides an event's effects: on its order, on the owner's credits, on a subscription.

use ledger::{
    Anomaly, Decision, DisputeReport, Effect, Entry, Fact, Fingerprint, Fingerprints, JournalHeader, Money, Order,
    OrderNumber, Payment, Pointer, Reason, Reference, Refund, Refusal, Reported, Source, Standing, Subscription,
};

use crate::parse::{Report, StripeEvent};
use crate::{Config, Loaded};

/// The alarm of an opened dispute: the bank has withdrawn the money, and the deadline for evidence is days away.
const DISPUTE_OPENED: &str = "dispute_opened";
/// The alarm of refunds that exceed the payment.
const REFUNDED_TOO_MUCH: &str = "refunded_too_much";

/// Why an event is not booked, independent of the ledger's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unbooked {
    Ignored(&'static str),
    Refused(Reason),
}

impl Unbooked {
    pub(crate) fn decision(self, header: JournalHeader) -> Decision {
        match self {
            Self::Ignored(reason) => Decision::Ignore { reason },
            Self::Refused(reason) => refuse(header, reason),
        }
    }
}

/// `None` if the event is to be booked.
pub(crate) fn unbooked(event: &StripeEvent, config: &Config) -> Option<Unbooked> {
    if event.report == Report::Other || !config.kinds.contains(&event.kind) {
        return Some(Unbooked::Ignored("other_kind"));
    }
    // Before everything that raises an alarm: the stage that made the payment books the event.
    if event.leads.stage.as_ref().is_some_and(|stage| *stage != config.stage) {
        return Some(Unbooked::Ignored("other_stage"));
    }
    if event.livemode != config.livemode {
        return Some(Unbooked::Refused(Reason::WrongMode));
    }
    (event.account != config.account).then_some(Unbooked::Refused(Reason::WrongAccount))
}

pub(crate) fn decide(event: &StripeEvent, header: JournalHeader, loaded: Loaded, config: &Config) -> Decision {
    let header = JournalHeader { order: loaded.number(event), ..header };
    match &event.report {
        Report::Subscription { reference, standing, plan } => {
            subscription(header, reference, Some(*standing), plan.clone(), loaded)
        }
        Report::InvoiceFailed { subscription: Some(reference), standing, .. } => {
            subscription(header, reference, Some(*standing), None, loaded)
        }
        // An invoice without a subscription belongs to another product of this account.
        Report::InvoiceFailed { subscription: None, .. } | Report::InvoicePaid { subscription: None, .. } => NOT_OURS,
        Report::Other => Decision::Ignore { reason: "other_kind" },
        Report::Payment { .. }
        | Report::Unpaid(_)
        | Report::Awaiting
        | Report::RefundSum(_)
        | Report::Refund { .. }
        | Report::Dispute { .. }
        | Report::InvoicePayment { .. }
        | Report::InvoicePaid { subscription: Some(_), .. } => match loaded.order {
            Some(ref order) => about_order(event, header, order, &loaded),
            None => about_no_order(event, header, config),
        },
    }
}

const NOT_OURS: Decision = Decision::Ignore { reason: "not_ours" };

/// No order was found. An event that names one waits for it; so does a refund or a dispute, whose payment may still
/// arrive.
fn about_no_order(event: &StripeEvent, header: JournalHeader, config: &Config) -> Decision {
    if header.order.is_some() {
        return refuse(header, Reason::OrderUnknown);
    }
    match event.report {
        // The deadline for evidence runs, with or without a known payment.
        Report::Dispute { stage, .. } if stage.is_open() && !config.is_shared => refuse(header, Reason::DisputeUnknown),
        Report::RefundSum(_) | Report::Refund { .. } | Report::Dispute { .. } => refuse(header, Reason::PaymentUnknown),
        // It waits for its invoice. In a shared account most invoices are not ours; there we query Stripe on a refund
        // or dispute.
        Report::InvoicePayment { .. } if !config.is_shared => refuse(header, Reason::PaymentUnknown),
        Report::InvoicePayment { .. }
        | Report::Payment { .. }
        | Report::Unpaid(_)
        | Report::Awaiting
        | Report::Subscription { .. }
        | Report::InvoicePaid { .. }
        | Report::InvoiceFailed { .. }
        | Report::Other => NOT_OURS,
    }
}

fn about_order(event: &StripeEvent, header: JournalHeader, order: &Order, loaded: &Loaded) -> Decision {
    match effects(event, order, loaded) {
        Err(anomaly) => {
            // The invoice and its payments get pointers once the invoice is booked.
            let pointers = loaded.pointers(&order.number).filter(|_| event.report.invoice().is_none());
            let effects = order.flag(&anomaly).into_iter().chain(pointers).collect();
            Decision::Refuse(Refusal { header, reason: anomaly.reason, effects })
        }
        Ok(effects) => {
            let after = order.after(&effects);
            let is_of_refund = matches!(event.report, Report::Refund { .. } | Report::RefundSum(_));
            let is_too_much = is_of_refund && after.is_flagged_for(Reason::RefundedTooMuch);
            let opened = is_open_dispute(event, after).then_some(DISPUTE_OPENED);
            let alarm = opened.or(is_too_much.then_some(REFUNDED_TOO_MUCH));
            // A payment that granted nothing needs no pointer for clawbacks.
            let is_idle = matches!(event.report, Report::InvoicePaid { .. }) && effects.is_empty();
            let pointers = loaded.pointers(&order.number).filter(|_| !is_idle);
            // The body of an event that changes nothing would stand beside that of the event that did.
            let keeps_body = !effects.is_empty() || alarm.is_some();
            let effects = effects.into_iter().chain(pointers).collect();
            Decision::Record(Entry { header, effects, keeps_body, alarm })
        }
    }
}

/// Whether the dispute is open in the updated order: a late opening report does not reopen a closed dispute.
fn is_open_dispute(event: &StripeEvent, order: &Order) -> bool {
    let (Report::Dispute { id, .. }, Some(of)) = (&event.report, event.leads.references.first()) else {
        return false;
    };
    order.dispute(of, id).is_some_and(|dispute| dispute.stage.is_open())
}

fn effects(event: &StripeEvent, order: &Order, loaded: &Loaded) -> Result<Vec<Effect>, Anomaly> {
    let payment = |by: &Reference, money: Money| Payment { by: by.clone(), money, at: event.created };
    // Attributed to the payment that the event names: another payment may have paid the order.
    let claimed = event.claims();
    let order = &claimed
        .zip(loaded.invoice.as_ref())
        .map_or_else(|| order.clone(), |(of, invoice)| order.with_invoice(of, invoice));
    Ok(match &event.report {
        Report::Payment { by, money } => order.pay(&payment(by, *money))?,
        Report::InvoicePaid { invoice, money, is_first, .. } => {
            order.pay_period(&payment(invoice, *money), *is_first)?
        }
        Report::Unpaid(state) => order.apply_unpaid(*state),
        Report::RefundSum(money) => {
            let reported = Reported { as_of: event.created, amount: money.amount };
            claimed.map(|of| order.apply_refunded_total(of, reported)).unwrap_or_default()
        }
        Report::Refund { id, money, state } => {
            let refund = Refund { state: *state, amount: money.amount };
            claimed.map(|of| order.apply_refund(of, id, refund)).unwrap_or_default()
        }
        Report::Dispute { id, stage, money } => {
            let dispute = DisputeReport { stage: *stage, as_of: event.created, money: *money };
            claimed.map(|of| order.apply_dispute(of, id, dispute)).unwrap_or_default()
        }
        Report::Awaiting
        | Report::InvoicePayment { .. }
        | Report::Subscription { .. }
        | Report::InvoiceFailed { .. }
        | Report::Other => Vec::new(),
    })
}

fn subscription(
    header: JournalHeader,
    reference: &Reference,
    standing: Option<Standing>,
    plan: Option<ledger::Plan>,
    loaded: Loaded,
) -> Decision {
    let known = match (loaded.subscription, loaded.order) {
        (Some(known), _) => known,
        (None, Some(order)) => Subscription::new(reference.clone(), order.owner, order.number),
        (None, None) if header.order.is_some() => return refuse(header, Reason::OrderUnknown),
        (None, None) => return NOT_OURS,
    };
    let effects: Vec<_> = known.apply(standing, plan).into_iter().collect();
    Decision::Record(Entry { header, keeps_body: !effects.is_empty(), effects, alarm: None })
}

fn refuse(header: JournalHeader, reason: Reason) -> Decision {
    Decision::Refuse(Refusal { header, reason, effects: Vec::new() })
}

impl Loaded {
    /// The number of the order that was found, or the number that the event carries.
    fn number(&self, event: &StripeEvent) -> Option<OrderNumber> {
        let found = self.order.as_ref().map(|order| &order.number);
        let known = self.subscription.as_ref().map(|subscription| &subscription.order);
        found.or(known).or(event.leads.order.as_ref()).cloned()
    }

    /// A pointer to the order from the event's lasting id, if it has none yet, for later events that carry only the id.
    fn pointers(&self, to: &OrderNumber) -> impl Iterator<Item = Effect> {
        let point = |reference: &Reference| Effect::Point {
            pointer: Pointer::Provider(reference.clone()),
            from: None,
            to: to.clone(),
        };
        self.unknown.iter().map(point).chain(self.links(to))
    }

    /// Pointers from an invoice's payments, which also record the invoice.
    fn links(&self, to: &OrderNumber) -> impl Iterator<Item = Effect> {
        let invoice = self.linked.clone();
        self.unlinked.iter().filter_map(move |(payment, from)| {
            let pointer = Pointer::Invoiced { payment: payment.clone(), invoice: invoice.clone()? };
            Some(Effect::Point { pointer, from: from.clone(), to: to.clone() })
        })
    }
}

/// The fields that identify the event and its money; none that changes between deliveries.
pub(crate) fn header(event: &StripeEvent) -> JournalHeader {
    let fields: Vec<(&str, String)> = identity(event).into_iter().chain(details(&event.report)).collect();
    let created = ("created", Fact::Text(event.created.to_string()));
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Stripe.into(),
        kind: event.kind.as_str(),
        fingerprints: fingerprints(event, &fields),
        order: event.leads.order.clone(),
        facts: fields.into_iter().map(|(name, text)| (name, Fact::Text(text))).chain([created]).collect(),
    }
}

fn identity(event: &StripeEvent) -> Vec<(&'static str, String)> {
    let reference = event.leads.references.iter().map(|reference| ("reference", reference.id().to_owned())).take(1);
    let account = event.account.iter().map(|account| ("account", account.clone()));
    std::iter::once(("object", event.object.clone())).chain(account).chain(reference).collect()
}

/// Version 2 adds a dispute's amount. A dispute that was booked with version 1 is compared without it.
fn fingerprints(event: &StripeEvent, fields: &[(&'static str, String)]) -> Fingerprints {
    let livemode = if event.livemode { "true" } else { "false" };
    let always = [("event", event.id.as_str()), ("type", event.kind.as_str()), ("livemode", livemode)];
    let of = |version, leaves_out: Option<&str>| {
        let fields = fields.iter().map(|(name, text)| (*name, text.as_str()));
        let pairs: Vec<(&str, &str)> =
            always.into_iter().chain(fields.filter(|(name, _)| Some(*name) != leaves_out)).collect();
        Fingerprint::of(version, &pairs)
    };
    match event.report {
        Report::Dispute { .. } => Fingerprints::new(of(2, None), vec![of(1, Some("money"))]),
        Report::Payment { .. }
        | Report::Unpaid(_)
        | Report::Awaiting
        | Report::RefundSum(_)
        | Report::Refund { .. }
        | Report::Subscription { .. }
        | Report::InvoicePaid { .. }
        | Report::InvoicePayment { .. }
        | Report::InvoiceFailed { .. }
        | Report::Other => of(1, None).into(),
    }
}

fn details(report: &Report) -> Vec<(&'static str, String)> {
    let money = |money: &Money| ("money", money.to_string());
    match report {
        Report::Payment { by, money: paid } => vec![("payment", by.id().to_owned()), money(paid)],
        Report::Unpaid(state) => vec![("state", state.as_str().to_owned())],
        Report::RefundSum(sum) => vec![money(sum)],
        Report::Refund { id, money: refunded, state } => {
            vec![("refund", id.clone()), money(refunded), ("state", state.as_str().to_owned())]
        }
        Report::Dispute { id, stage, money: disputed } => {
            vec![("dispute", id.clone()), ("state", stage.as_str().to_owned()), money(disputed)]
        }
        Report::Subscription { standing, plan, .. } => {
            let plan =
                plan.iter().flat_map(|plan| [("plan", plan.name.clone()), ("period_end", plan.period_end.to_string())]);
            std::iter::once(("state", standing.status.as_str().to_owned())).chain(plan).collect()
        }
        Report::InvoicePaid { money: paid, .. } => vec![money(paid)],
        Report::InvoicePayment { invoice, .. } => vec![("invoice", invoice.id().to_owned())],
        Report::InvoiceFailed { standing, .. } => vec![("state", standing.status.as_str().to_owned())],
        Report::Awaiting | Report::Other => Vec::new(),
    }
}
