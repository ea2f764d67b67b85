//! A fake of Stripe, as far as checkout sessions, subscriptions and their events go: a state machine behind a lock.

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

/// The version that objects and events are rendered in.
pub const API_VERSION: &str = "2025-08-27.basil";

pub struct Stripe {
    state: Mutex<State>,
}

impl Stripe {
    /// `pay_url` is where the hosted page is served; a session's is `<pay_url>/<session id>`. The letters and digits of `seed` become
    /// part of every id: with another seed at every start, a store that outlives this process never sees an id twice.
    pub fn new(pay_url: &str, livemode: bool, seed: &str) -> Self {
        Self { state: Mutex::new(State::new(pay_url, livemode, seed)) }
    }

    /// The prices that `line_items[n][price]` may name.
    #[must_use]
    pub fn with_prices(self, prices: impl IntoIterator<Item = Price>) -> Self {
        self.state().sell(prices);
        self
    }

    /// Nobody has saved the settings of the billing portal: it gives no page.
    #[must_use]
    pub fn without_portal(self) -> Self {
        self.state().has_portal = false;
        self
    }

    /// The next POST that would have succeeded does nothing and is answered 500, and so are its repeats under the same key.
    pub fn fail_next(&self) {
        self.state().fails_next = true;
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        self.answer_for(None, call)
    }

    /// `account` is the header `Stripe-Account`: the connected account that the call acts for, which sees only what was made for it.
    pub fn answer_for(&self, account: Option<&str>, call: &Call<'_>) -> Answered {
        let state = &mut self.state();
        let answered = api::answer(state, account, call);
        events::told(state, &answered.events);
        answered
    }

    /// The hosted page, with what was last said to the buyer.
    pub fn page(&self, session: &str, now_s: i64) -> Page {
        page::page(&self.state(), session, now_s)
    }

    /// The buyer pays with a card or from a bank account, whose number the page's form posts; [`card_in`] finds it.
    pub fn pay(&self, session: &str, card: &str, now_s: i64) -> Paid {
        let state = &mut self.state();
        let paid = pay::pay(state, session, card, now_s);
        events::told(state, &paid.events);
        paid
    }

    /// The bank answers to the debit that this session was paid by, as the account's number says.
    pub fn bank_answers(&self, session: &str, now_s: i64) -> Paid {
        let state = &mut self.state();
        let answered = pay::answered(state, session, now_s);
        events::told(state, &answered.events);
        answered
    }

    /// The page on which a customer ends subscriptions.
    pub fn portal(&self, portal: &str) -> Page {
        portal::page(&self.state(), portal)
    }

    /// The customer ends a subscription, whose id the portal's form posts; [`canceled_in`] finds it. The events, unsigned.
    pub fn cancel(&self, subscription: &str, now_s: i64) -> Vec<String> {
        let state = &mut self.state();
        let canceled = portal::cancel(state, subscription, now_s);
        let events: Vec<String> = canceled.iter().map(|(_, event)| event.to_string()).collect();
        events::told(state, &events);
        events
    }

    /// An event that something else on the account has caused: JSON.
    pub fn tell(&self, event: &str) {
        events::told(&mut self.state(), &[event.to_owned()]);
    }

    /// A webhook has taken one of its events. Until then it is among those that were not delivered.
    pub fn delivered(&self, event: &str) {
        events::delivered(&mut self.state(), event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a payment led to.
#[derive(Clone)]
pub struct Paid {
    /// JSON bodies, unsigned, in order.
    pub events: Vec<String>,
    /// Where the buyer goes now; none unless it was paid.
    pub redirect: Option<String>,
    /// What the page says.
    pub error: Option<String>,
}

#[derive(Clone)]
pub struct Page {
    pub status: u16,
    pub html: String,
}

// By hand: bodies and keys stay out of logs.

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
