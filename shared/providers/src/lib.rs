//! Clients of the providers: what we ask them, and what their answers say. Only ever the configured address is called.
//!
//! [`Http`] carries a request; [`Stripe`], [`Epay`], [`Fireblocks`] and every [`PaymentApi`] know what to ask. A call that failed without an answer
//! may have been carried out all the same, so every call here is one that may be made again: it reads, or it carries an idempotency
//! key, or doing it twice does nothing more. The one that may not is [`Unitel::recharge`], and is made once.

mod epay;
mod error;
mod events;
mod fireblocks;
mod form;
mod http;
mod intent;
mod invoice;
mod operator;
mod payment_api;
mod published;
mod retry;
mod session;
mod stripe;
mod stripe_config;
mod subscription;
mod unitel;
mod unsettled;
pub mod wechat;

pub use epay::{
    Epay, EpayConfig, EpayConfigError, EpayLink, EpayMerchant, EpayNumber, EpayPayment, EpayQuery, EpayWay,
    NewEpayPayment,
};
pub use error::CallError;
pub use events::{EventPage, ListedEvent};
pub use fireblocks::{Fireblocks, FireblocksConfig, FireblocksConfigError, FireblocksKeys, NewTransfer, SentTransfer};
pub use http::Http;
pub use intent::{Intent, IntentStatus};
pub use invoice::Invoice;
pub use operator::Recharged;
pub use payment_api::{NewPayment, Payable, Payer, PaymentApi, Queried, TradeState};
pub use published::published;
pub use session::{PaymentStatus, Session, SessionStatus};
pub use stripe::{Item, KeyError, NewSession, Price, SecretKey, Stripe};
pub use stripe_config::{StripeConfig, StripeConfigError};
pub use subscription::StripeSubscription;
pub use unitel::{Ready, Unitel, UnitelConfig, UnitelConfigError, UnitelKeys};
pub use unsettled::Unsettled;
pub use wechat::{Wechat, WechatConfig, WechatConfigError, WechatIds, WechatKeys};

#[cfg(test)]
mod tests;
