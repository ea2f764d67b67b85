//! A fake of Stripe: checkout sessions, subscriptions, the billing portal and webhook events, as a state machine.

mod api;
mod calendar;
mod cards;
mod create;
mod events;
mod form;
mod idempotency;
mod intents;
mod invoices;
mod objects;
mod page;
mod pay;
mod portal;
mod refusal;
mod sessions;
mod state;
mod subscription;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use state::State;

use crate::{Answered, Call};

pub use page::{card_in, is_bank_answer};
pub use portal::canceled_in;
pub use sessions::{Interval, Price};

/// The API version of objects and events.
pub const API_VERSION: &str = "2025-08-27.basil";

pub struct Stripe {
    state: Mutex<State>,
}

impl Stripe {
    /// `pay_url` is the base URL of the hosted page; a session's page is `<pay_url>/<session id>`. The letters and
    /// digits of `seed` become part of every id: with a new seed at each start, a store that outlives the process never
    /// receives an id twice.
    pub fn new(pay_url: &str, livemode: bool, seed: &str) -> Self {
        Self { state: Mutex::new(State::new(pay_url, livemode, seed)) }
    }

    /// The prices that `line_items[n][price]` may name.
    #[must_use]
    pub fn with_prices(self, prices: impl IntoIterator<Item = Price>) -> Self {
        self.state().sell(prices);
        self
    }

    /// Simulates an account whose billing portal is not configured: portal requests are refused.
    #[must_use]
    pub fn without_portal(self) -> Self {
        self.state().has_portal = false;
        self
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        self.answer_for(None, call)
    }

    /// `account` is the header `Stripe-Account`: the connected account, which sees only its own objects.
    pub fn answer_for(&self, account: Option<&str>, call: &Call<'_>) -> Answered {
        self.respond(account, call, false)
    }

    /// The same, except that a valid POST has no effect and returns 500, and repeats under its idempotency key replay
    /// the 500.
    pub fn answer_failing(&self, account: Option<&str>, call: &Call<'_>) -> Answered {
        self.respond(account, call, true)
    }

    fn respond(&self, account: Option<&str>, call: &Call<'_>, fails: bool) -> Answered {
        let state = &mut self.state();
        state.fails = fails;
        let response = api::answer(state, account, call);
        events::record(state, &response.events);
        response
    }

    /// The hosted payment page, with the last notice to the buyer.
    pub fn page(&self, session: &str, now_s: i64) -> Page {
        page::page(&self.state(), session, now_s)
    }

    /// The buyer pays with a card or bank account number, which the page's form posts; [`card_in`] extracts it.
    pub fn pay(&self, session: &str, card: &str, now_s: i64) -> Paid {
        let state = &mut self.state();
        let paid = pay::pay(state, session, card, now_s);
        events::record(state, &paid.events);
        paid
    }

    /// The bank settles or refuses the debit of this session, according to the account number.
    pub fn bank_answers(&self, session: &str, now_s: i64) -> Paid {
        let state = &mut self.state();
        let paid = pay::settle_debit(state, session, now_s);
        events::record(state, &paid.events);
        paid
    }

    /// A value that the shop attached to a session.
    pub fn metadata(&self, session: &str, name: &str) -> Option<String> {
        self.state().sessions.get(session)?.order.metadata.get(name).cloned()
    }

    /// The ids of all sessions, in order.
    pub fn sessions(&self) -> Vec<String> {
        self.state().sessions.keys().cloned().collect()
    }

    /// The billing portal's page, where a customer cancels subscriptions.
    pub fn portal(&self, portal: &str) -> Page {
        portal::page(&self.state(), portal)
    }

    /// The customer cancels a subscription, whose id the portal's form posts; [`canceled_in`] extracts it. Returns the
    /// events, unsigned.
    pub fn cancel(&self, subscription: &str, now_s: i64) -> Vec<String> {
        let state = &mut self.state();
        let canceled = portal::cancel(state, subscription, now_s);
        let events: Vec<String> = canceled.iter().map(|(_, event)| event.to_string()).collect();
        events::record(state, &events);
        events
    }

    /// A subscription is renewed: the invoice of its next period is paid, at this amount or at its price. Returns the
    /// events, unsigned; none if it has ended.
    pub fn renew(&self, subscription: &str, amount: Option<u64>, now_s: i64) -> Vec<String> {
        let state = &mut self.state();
        let events = invoices::renew(state, subscription, amount, now_s);
        events::record(state, &events);
        events
    }

    /// Records an event that another part of the account caused: JSON.
    pub fn tell(&self, event: &str) {
        events::record(&mut self.state(), &[event.to_owned()]);
    }

    /// Marks an event as delivered. Until then the list has it as undelivered.
    pub fn delivered(&self, event: &str) {
        events::delivered(&mut self.state(), event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a payment.
#[derive(Clone)]
pub struct Paid {
    /// JSON bodies, unsigned, in order.
    pub events: Vec<String>,
    /// The page to which the buyer returns; `None` unless the payment succeeded.
    pub redirect: Option<String>,
    /// The notice on the page.
    pub error: Option<String>,
}

#[derive(Clone)]
pub struct Page {
    pub status: u16,
    pub html: String,
}

// Written by hand, so that bodies and keys stay out of logs.

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl fmt::Debug for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paid").field("events", &self.events.len()).field("error", &self.error).finish_non_exhaustive()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
