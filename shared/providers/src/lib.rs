//! Clients of the providers: what we ask them, and what their answers say. Only ever the configured address is called.
//!
//! [`Http`] carries a request; [`Stripe`], [`Epay`], [`Fireblocks`] and every [`PaymentApi`] know what to ask. A call that failed without an answer
//! may have been carried out all the same, so every call here is one that may be made again: it reads, or it carries an idempotency
//! key, or doing it twice does nothing more. The one that may not is [`Unitel::top_up_call`], and is made once.

mod address;
mod epay;
mod error;
mod fireblocks;
mod form;
mod http;
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
pub use operator::TopUpResult;
pub use payment_api::{NewPayment, Payable, Payer, PaymentApi, Queried, TradeState};
pub use published::published;
pub use stripe::{
    EventPage, Intent, IntentStatus, Invoice, Item, KeyError, ListedEvent, NewSession, PaymentStatus, Price, SecretKey,
    Session, SessionStatus, Stripe, StripeConfig, StripeConfigError, StripeSubscription, Unsettled,
};
pub use unitel::{Ready, Unitel, UnitelConfig, UnitelConfigError, UnitelKeys};
pub use wechat::{Wechat, WechatConfig, WechatConfigError, WechatIds, WechatKeys};

#[cfg(test)]
mod tests;
