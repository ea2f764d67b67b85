//! A buyer pays, and a bank answers: what becomes of the session, and what Stripe would tell of it.

use serde_json::Value;

use super::Paid;
use super::cards::{Kind, Means, means};
use super::objects::{self, Cause};
use super::sessions::{Attempt, Intent, Mode, Session, Status, Subscribed};
use super::state::{Ids, Place, State};
use super::subscription;

pub(crate) fn pay(state: &mut State, session: &str, number: &str, now_s: i64) -> Paid {
    let State { place, ids, sessions, .. } = state;
    let Some(session) = sessions.get_mut(session) else {
        return refused("No such checkout session.");
    };
    match session.status(now_s) {
        Status::Open => {}
        Status::Complete => return refused("This checkout session has been paid already."),
        Status::Expired => return refused("This checkout session has expired."),
    }
    let Some(means) = means(number) else {
        return told(session, "Your card number is invalid.", Vec::new());
    };
    let is_debit = means.kind == Kind::Debit;
    // What Stripe does there takes an invoice that waits; nobody has needed that here.
    if is_debit && session.order.mode == Mode::Subscription {
        return told(session, "This subscription cannot be paid from a bank account.", Vec::new());
    }
    if is_debit && session.order.currency != "usd" {
        return told(session, "This bank account pays in US dollars only.", Vec::new());
    }
    let intent = session.intent.get_or_insert_with(|| Intent { id: ids.next("pi"), created: now_s }).clone();
    let account = session.account.clone();
    let mut telling = Telling { ids, place, account, now_s, events: Vec::new() };
    if let Some(decline) = means.decline.filter(|_| !is_debit) {
        telling.attempt(session, intent, means, ["payment_intent.payment_failed", "charge.failed"]);
        return told(session, decline.message, telling.events);
    }
    match session.order.mode {
        Mode::Payment if is_debit => {
            telling.attempt(session, intent, means, ["payment_intent.processing", "charge.pending"]);
        }
        Mode::Payment => telling.attempt(session, intent, means, ["payment_intent.succeeded", "charge.succeeded"]),
        Mode::Subscription => telling.subscribe(session, intent, means),
    }
    session.close(Status::Complete);
    session.notice = None;
    telling.tell("checkout.session.completed", &objects::session(session, place, now_s));
    let redirect = session.order.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
    Paid { events: telling.events, redirect: Some(redirect), error: None }
}

/// The bank answers to a debit.
pub(crate) fn answered(state: &mut State, session: &str, now_s: i64) -> Paid {
    let State { place, ids, sessions, .. } = state;
    let Some(session) = sessions.get_mut(session) else {
        return refused("No such checkout session.");
    };
    let account = session.account.clone();
    let Some(attempt) = session.attempt.as_mut().filter(|attempt| attempt.is_processing) else {
        return refused("No bank has to answer.");
    };
    attempt.is_processing = false;
    let attempt = attempt.clone();
    let kinds = if attempt.means.decline.is_some() {
        ["payment_intent.payment_failed", "charge.failed", "checkout.session.async_payment_failed"]
    } else {
        ["payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded"]
    };
    let objects = [
        objects::payment_intent(session, &attempt, place),
        objects::charge(session, &attempt, place),
        objects::session(session, place, now_s),
    ];
    let mut telling = Telling { ids, place, account, now_s, events: Vec::new() };
    kinds.iter().zip(&objects).for_each(|(kind, object)| telling.tell(kind, object));
    let error = attempt.means.decline.map(|decline| decline.message.to_owned());
    Paid { events: telling.events, redirect: None, error }
}

fn refused(error: &str) -> Paid {
    Paid { events: Vec::new(), redirect: None, error: Some(error.to_owned()) }
}

/// Refused, and the page will say so.
fn told(session: &mut Session, notice: &'static str, events: Vec<String>) -> Paid {
    session.notice = Some(notice);
    Paid { events, ..refused(notice) }
}

struct Telling<'s> {
    ids: &'s mut Ids,
    place: &'s Place,
    /// The connected account that the session was made for.
    account: Option<String>,
    now_s: i64,
    events: Vec<String>,
}

impl Telling<'_> {
    fn tell(&mut self, kind: &str, object: &Value) {
        let cause = Cause { account: self.account.as_deref(), ..Cause::default() };
        let event = objects::event(self.ids, self.place, kind, object, &cause, self.now_s);
        self.events.push(event.to_string());
    }

    fn attempt(&mut self, session: &mut Session, intent: Intent, means: Means, [of_intent, of_charge]: [&str; 2]) {
        let attempt = self.made(session, intent, means);
        self.tell(of_intent, &objects::payment_intent(session, &attempt, self.place));
        self.tell(of_charge, &objects::charge(session, &attempt, self.place));
    }

    fn subscribe(&mut self, session: &mut Session, intent: Intent, means: Means) {
        let (subscription, invoice) = (self.ids.next("sub"), self.ids.next("in"));
        let (customer, invoice_payment) = (self.ids.next("cus"), self.ids.next("inpay"));
        let items = session.order.items.iter().map(|_| self.ids.next("si")).collect();
        let made = Subscribed { subscription, invoice, customer, invoice_payment, items };
        let made = session.subscribed.insert(made).clone();
        let attempt = self.made(session, intent, means);
        let lines = subscription::lines(session, &made, self.now_s);
        let invoice = subscription::invoice(session, &made, &lines, self.place, self.now_s);
        self.tell("payment_intent.succeeded", &objects::payment_intent(session, &attempt, self.place));
        let created = subscription::subscription(session, &made, &attempt, &lines, self.place);
        self.tell("customer.subscription.created", &created);
        session.subscription = Some(created);
        self.tell("invoice.paid", &invoice);
        self.tell("invoice.payment_succeeded", &invoice);
        self.tell("invoice_payment.paid", &subscription::invoice_payment(session, &made, &attempt, self.place));
    }

    fn made(&mut self, session: &mut Session, intent: Intent, means: Means) -> Attempt {
        let (charge, method) = (self.ids.next("ch"), self.ids.next("pm"));
        let (is_processing, now_s) = (means.kind == Kind::Debit, self.now_s);
        session.attempt.insert(Attempt { intent, charge, method, means, is_processing, now_s }).clone()
    }
}
