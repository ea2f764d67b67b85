//! A sender of webhooks that loses none.
//!
//! [`Sender::send`] keeps an event in an [`Outbox`] and returns: what it has taken is sent, also by the next process if
//! this one dies. Each event is signed, and sent under the same id until it is accepted: within seconds by
//! [`repeats`], and after an outage of minutes or hours from the outbox. A receiver may get an event twice, so it has
//! to know events by their ids, as hookledger does.
//!
//! ```no_run
//! use sending::{Endpoint, FileOutbox, Event, Sender, Signature};
//!
//! # fn now() -> ledger::Timestamp { unimplemented!() }
//! # async fn example(secret: &str, body: String) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::new("https://ledger.example/api/webhooks/events", Signature::hmac(secret)?)?;
//! let outbox = FileOutbox::open("outbox".as_ref()).await?;
//! let sender = Sender::start(endpoint, outbox, now);
//! sender.send(Event { id: "evt_1".to_owned(), body }).await?;
//! # Ok(())
//! # }
//! ```

mod endpoint;
mod event;
mod outbox;
mod post;
mod repeats;
mod sender;

pub use endpoint::{Endpoint, EndpointError, Signature};
pub use event::Event;
pub use outbox::dynamo::DynamoOutbox;
pub use outbox::file::FileOutbox;
pub use outbox::{Outbox, OutboxError, Waiting};
pub use post::{NoReply, Post, Reply, Signed};
pub use repeats::{ATTEMPT_TIMEOUT, Ended, repeats};
pub use sender::{SendError, Sender};

#[cfg(test)]
mod tests;
