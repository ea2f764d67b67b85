//! The rows that an event needs before it comes, and the credits that it moves.

use std::time::Duration;

use idempotency::{DynamoLedger, Tables};
use ledger::{
    Amount, Asset, AttemptMark, CallContext, CallerKey, Currency, Deadline, Decision, Effect, Entry, EventKey,
    Fingerprint, Grant, Guard, House, JournalHeader, Ledger as _, Money, MoneyKey, Movement, Order, OrderNumber,
    Origin, Owner, Posting, Provider, Terms, Writer,
};

use crate::clock::{instant, now};
use crate::error::Error;
use crate::store::{STAGE, Store};
use crate::usual;

pub(crate) const OWNER: &str = "alice";
pub(crate) const KEY: &str = "k1";
/// An API key of the owner.
pub(crate) const API_KEY: &str = "hk_0123456789abcdef0123456789abcdef";
/// Of the owner before the first event, in billionths of a credit.
const CREDITS_UNITS: u64 = 1_000_000_000_000_000;
/// What an order of the bench grants, in billionths of a credit.
pub(crate) const GRANT_UNITS: u64 = 100_000_000_000;
/// The price of such an order, in cents.
const PRICE_UNITS: u64 = 1_999;

pub(crate) struct Books<'s> {
    store: &'s Store,
    ledger: DynamoLedger,
}

impl<'s> Books<'s> {
    /// An owner with credits and a key, in our tables and in those of the usual way.
    pub(crate) async fn open(store: &'s Store) -> Result<Self, Error> {
        let ledger = DynamoLedger::new(&store.engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::new());
        let books = Self { store, ledger };
        let owner = Self::owner()?;
        let key = CallerKey::remote(KEY).map_err(|error| Error::failed(error.to_string()))?;
        books.commit("key", vec![Effect::Bind { key, owner: owner.clone() }], None).await?;
        let posting =
            Posting::to_customer(owner.account(Asset::CREDITS), House::Manual, Amount::from_units(CREDITS_UNITS));
        let key = MoneyKey::of_event(&receipt("credits")?);
        let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
        books.commit("credits", vec![Effect::Move(movement)], None).await?;
        for id in [OWNER, KEY] {
            usual::open(&store.engine, id, CREDITS_UNITS)?;
        }
        Ok(books)
    }

    /// Binds the API key.
    pub(crate) async fn api_key(&self) -> Result<(), Error> {
        let key = CallerKey::api(API_KEY);
        self.commit("api-key", vec![Effect::Bind { key, owner: Self::owner()? }], None).await
    }

    /// An order of the owner at Stripe that waits for its payment.
    pub(crate) async fn order(&self, number: &str) -> Result<(), Error> {
        let wrong = |error: &dyn std::error::Error| Error::failed(error.to_string());
        let currency = Currency::parse("usd").map_err(|error| wrong(&error))?;
        let terms = Terms {
            provider: Provider::Stripe,
            product: "credits-100".to_owned(),
            quantity: 1,
            price: Money { amount: Amount::from_units(PRICE_UNITS), currency },
            exchange: None,
            grants: vec![Grant::Credits(Amount::from_units(GRANT_UNITS))],
            commissions: Vec::new(),
            referral: None,
            site: None,
        };
        let number = OrderNumber::new(number).map_err(|error| wrong(&error))?;
        let order = Order::new(number.clone(), Self::owner()?, terms, now()?);
        self.commit(number.as_str(), vec![order.created()], Some(number.clone())).await
    }

    /// The owner's credits in our tables.
    pub(crate) fn credits(&self) -> Result<i128, Error> {
        let account = Self::owner()?.account(Asset::CREDITS).to_string();
        usual::number(&self.store.engine, &Tables::of_stage(STAGE).accounts, &account, "balance_units")
    }

    /// The credits in the table of the usual way.
    pub(crate) fn usual_credits(&self, id: &str) -> Result<i128, Error> {
        usual::number(&self.store.engine, usual::BALANCES, id, "credits")
    }

    /// A week passes for each row that has an end.
    pub(crate) fn expire(&self) -> Result<(), Error> {
        let now_s = now()?.unix_s();
        usual::expire(&self.store.engine, usual::IDEMPOTENCY, usual::EXPIRES_BY, now_s)?;
        for table in self.store.template.tables() {
            if let Some(attribute) = &table.expires_by {
                usual::expire(&self.store.engine, &table.name, attribute, now_s)?;
            }
        }
        Ok(())
    }

    fn owner() -> Result<Owner, Error> {
        Owner::new(OWNER).map_err(|error| Error::failed(error.to_string()))
    }

    async fn commit(&self, id: &str, effects: Vec<Effect>, order: Option<OrderNumber>) -> Result<(), Error> {
        let header = JournalHeader {
            receipt: receipt(id)?,
            writer: Writer::Manual,
            kind: "manual",
            facts: vec![],
            fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
            order,
        };
        let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
        let received = instant();
        let context = CallContext {
            attempt: AttemptMark::from_random(fastrand::u64(..)),
            received_at: now()?,
            received,
            first_received_at: now()?,
            deadline: Deadline(received.checked_add(Duration::from_secs(4)).unwrap_or(received)),
            origin: Origin::Call,
            body: None,
        };
        self.ledger.commit(&decision, &context).await?;
        Ok(())
    }
}

fn receipt(id: &str) -> Result<EventKey, Error> {
    EventKey::new(Writer::Manual, id).map_err(|error| Error::failed(error.to_string()))
}
