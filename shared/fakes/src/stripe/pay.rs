//! Payments and bank debits: their effect on the session, and the webhook events that Stripe sends.

use serde_json::Value;

use super::Paid;
use super::cards::{Instrument, Kind, instrument};
use super::objects::{self, Cause};
use super::sessions::{Attempt, Intent, Mode, Session, Status, Subscribed};
use super::state::{Ids, Settings, State};
use super::subscription;

pub(crate) fn pay(state: &mut State, session: &str, number: &str, now_s: i64) -> Paid {
    let State { settings, ids, sessions, .. } = state;
    let Some(session) = sessions.get_mut(session) else {
        return refused("No such checkout session.");
    };
    match session.status(now_s) {
        Status::Open => {}
        Status::Complete => return refused("This checkout session has been paid already."),
        Status::Expired => return refused("This checkout session has expired."),
    }
    let Some(instrument) = instrument(number) else {
        return refuse_with_notice(session, "Your card number is invalid.", Vec::new());
    };
    let is_debit = instrument.kind == Kind::Debit;
    // Stripe would leave an open invoice; the fake does not support it.
    if is_debit && session.order.mode == Mode::Subscription {
        return refuse_with_notice(session, "This subscription cannot be paid from a bank account.", Vec::new());
    }
    if is_debit && session.order.currency != "usd" {
        return refuse_with_notice(session, "This bank account pays in US dollars only.", Vec::new());
    }
    let intent = session.intent.get_or_insert_with(|| Intent { id: ids.next("pi"), created: now_s }).clone();
    let account = session.account.clone();
    let mut recorder = EventRecorder { ids, settings, account, now_s, events: Vec::new() };
    if let Some(decline) = instrument.decline.filter(|_| !is_debit) {
        recorder.attempt(session, intent, instrument, ["payment_intent.payment_failed", "charge.failed"]);
        return refuse_with_notice(session, decline.message, recorder.events);
    }
    match session.order.mode {
        Mode::Payment if is_debit => {
            recorder.attempt(session, intent, instrument, ["payment_intent.processing", "charge.pending"]);
        }
        Mode::Payment => {
            recorder.attempt(session, intent, instrument, ["payment_intent.succeeded", "charge.succeeded"]);
        }
        Mode::Subscription => recorder.subscribe(session, intent, instrument),
    }
    session.close(Status::Complete);
    session.notice = None;
    recorder.record("checkout.session.completed", &objects::session(session, settings, now_s));
    let redirect = session.order.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
    Paid { events: recorder.events, redirect: Some(redirect), error: None }
}

/// The bank settles or refuses a debit.
pub(crate) fn settle_debit(state: &mut State, session: &str, now_s: i64) -> Paid {
    let State { settings, ids, sessions, .. } = state;
    let Some(session) = sessions.get_mut(session) else {
        return refused("No such checkout session.");
    };
    let account = session.account.clone();
    let Some(attempt) = session.attempt.as_mut().filter(|attempt| attempt.is_processing) else {
        return refused("No bank has to answer.");
    };
    attempt.is_processing = false;
    let attempt = attempt.clone();
    let kinds = if attempt.instrument.decline.is_some() {
        ["payment_intent.payment_failed", "charge.failed", "checkout.session.async_payment_failed"]
    } else {
        ["payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded"]
    };
    let objects = [
        objects::payment_intent(session, &attempt, settings),
        objects::charge(session, &attempt, settings),
        objects::session(session, settings, now_s),
    ];
    let mut recorder = EventRecorder { ids, settings, account, now_s, events: Vec::new() };
    kinds.iter().zip(&objects).for_each(|(kind, object)| recorder.record(kind, object));
    let error = attempt.instrument.decline.map(|decline| decline.message.to_owned());
    Paid { events: recorder.events, redirect: None, error }
}

fn refused(error: &str) -> Paid {
    Paid { events: Vec::new(), redirect: None, error: Some(error.to_owned()) }
}

/// Refuses the payment, with a notice on the page.
fn refuse_with_notice(session: &mut Session, notice: &'static str, events: Vec<String>) -> Paid {
    session.notice = Some(notice);
    Paid { events, ..refused(notice) }
}

struct EventRecorder<'s> {
    ids: &'s mut Ids,
    settings: &'s Settings,
    /// The connected account of the session.
    account: Option<String>,
    now_s: i64,
    events: Vec<String>,
}

impl EventRecorder<'_> {
    fn record(&mut self, kind: &str, object: &Value) {
        let cause = Cause { account: self.account.as_deref(), ..Cause::default() };
        let event = objects::event(self.ids, self.settings, kind, object, &cause, self.now_s);
        self.events.push(event.to_string());
    }

    fn attempt(
        &mut self,
        session: &mut Session,
        intent: Intent,
        instrument: Instrument,
        [of_intent, of_charge]: [&str; 2],
    ) {
        let attempt = self.new_attempt(session, intent, instrument);
        self.record(of_intent, &objects::payment_intent(session, &attempt, self.settings));
        self.record(of_charge, &objects::charge(session, &attempt, self.settings));
    }

    fn subscribe(&mut self, session: &mut Session, intent: Intent, instrument: Instrument) {
        let (subscription, invoice) = (self.ids.next("sub"), self.ids.next("in"));
        let (customer, invoice_payment) = (self.ids.next("cus"), self.ids.next("inpay"));
        let items = session.order.items.iter().map(|_| self.ids.next("si")).collect();
        let new_attempt = Subscribed { subscription, invoice, customer, invoice_payment, items };
        let new_attempt = session.subscribed.insert(new_attempt).clone();
        let attempt = self.new_attempt(session, intent, instrument);
        let lines = subscription::lines(session, &new_attempt, self.now_s);
        let invoice = subscription::invoice(session, &new_attempt, &lines, self.settings, self.now_s);
        self.record("payment_intent.succeeded", &objects::payment_intent(session, &attempt, self.settings));
        let created = subscription::subscription(session, &new_attempt, &attempt, &lines, self.settings);
        self.record("customer.subscription.created", &created);
        session.subscription = Some(created);
        self.record("invoice.paid", &invoice);
        self.record("invoice.payment_succeeded", &invoice);
        self.record(
            "invoice_payment.paid",
            &subscription::invoice_payment(session, &new_attempt, &attempt, self.settings),
        );
    }

    fn new_attempt(&mut self, session: &mut Session, intent: Intent, instrument: Instrument) -> Attempt {
        let (charge, method) = (self.ids.next("ch"), self.ids.next("pm"));
        let (is_processing, now_s) = (instrument.kind == Kind::Debit, self.now_s);
        session.attempt.insert(Attempt { intent, charge, method, instrument, is_processing, now_s }).clone()
    }
}
