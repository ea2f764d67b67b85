//! Adapters for the providers' APIs: Stripe, WeChat Pay, epay, Fireblocks, the operator Unitel, the log of an LLM gateway,
//! and upstreams that speak OpenAI's chat API.
//!
//! [`Http`] sends requests with retries and backoff; [`Stripe`], [`Wechat`], [`Epay`], [`Fireblocks`], [`Unitel`] and
//! [`NewApi`] build them and parse the responses. An adapter calls only its configured base URL, whatever a response
//! contains.
//!
//! A call without an answer may still have been executed. Each call here is therefore safe to retry: it only reads, it
//! carries an idempotency key, or it is idempotent by itself. The exception is [`Unitel::top_up`], which is sent once.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use ledger::{Amount, Currency, Money, OrderNumber};
//! use providers::{Http, Item, NewSession, Price, SecretKey, SessionStatus, Stripe, StripeConfig};
//! use testkit::{StripeNet, deadline};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A fake Stripe in place of the network; a function uses `Http::new`.
//! let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "seed"));
//! let http = Http::over(net.clone(), fastrand::Rng::with_seed(1));
//! let base = "https://stripe.invalid".to_owned();
//! let config = StripeConfig { base, livemode: false, account: None, is_mock: false };
//! let stripe = Stripe::new(http, &config, Arc::new(SecretKey::parse("sk_test_1")?));
//!
//! let unit = Money { amount: Amount::from_units(999), currency: Currency::parse("USD")? };
//! let new = NewSession {
//!     order: OrderNumber::new("HL1")?,
//!     replaces: None,
//!     stage: "dev".to_owned(),
//!     item: Item { price: Price::Inline { name: "1000 credits".to_owned(), unit }, quantity: 1 },
//!     every: None,
//!     success_url: "https://shop.invalid/done".to_owned(),
//!     cancel_url: "https://shop.invalid/".to_owned(),
//! };
//! let in_time = || deadline(Duration::from_secs(8));
//! let session = stripe.create_session(&new, in_time()).await?;
//! assert_eq!((session.status, session.money), (SessionStatus::Open, Some(unit)));
//!
//! // The idempotency key follows from the order: a retry returns the same session.
//! assert_eq!(stripe.create_session(&new, in_time()).await?.id, session.id);
//! # Ok(())
//! # }
//! ```

mod address;
mod epay;
mod error;
mod fireblocks;
mod form;
mod http;
mod new_api;
mod openai;
mod operator;
mod payment_api;
mod published;
mod retry;
mod stripe;
mod unitel;
pub mod wechat;

pub use epay::{
    Epay, EpayConfig, EpayConfigError, EpayLink, EpayMerchant, EpayNumber, EpayPayment, EpayQuery, EpayWay,
    NewEpayPayment,
};
pub use error::CallError;
pub use fireblocks::{Fireblocks, FireblocksConfig, FireblocksConfigError, FireblocksKeys, NewTransfer, SentTransfer};
pub use http::Http;
pub use new_api::{
    LogKind, LogPage, LogWindow, LoggedUse, NewApi, NewApiConfig, NewApiConfigError, NewApiDialect, NewApiKey,
    NewApiStatus,
};
pub use openai::{
    AnswerIds, AnswerParts, ChatAnswer, LlmConfig, LlmConfigError, LlmGateway, OpenAi, OpenAiKeys, SseChunk, SseEvent,
    SseReader, Tokens, Upstream, UpstreamError, UpstreamMessage, WholeAnswer,
};
pub use operator::TopUpResult;
pub use payment_api::{NewPayment, Payable, Payer, PaymentApi, Queried, TradeState};
pub use published::published;
pub use stripe::{
    EventPage, Intent, IntentStatus, Invoice, Item, KeyError, ListedEvent, METADATA_ORDER, NewSession, PaymentStatus,
    Price, STRIPE_VERSION, SecretKey, Session, SessionStatus, Stripe, StripeConfig, StripeConfigError, StripeObject,
    StripeSubscription, Unsettled,
};
pub use unitel::{Ready, Unitel, UnitelConfig, UnitelConfigError, UnitelKeys};
pub use wechat::{Wechat, WechatConfig, WechatConfigError, WechatIds, WechatKeys};

#[cfg(test)]
mod tests;
