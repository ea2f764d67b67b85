//! The read model: what became of an order, an event or a hold, why, and the command that corrects it.
//!
//! [`find`] says what a text names, [`explain`] what happened to it. [`Chain`] is the answer in order of time; its
//! [`Halt`]s say where it stopped, each with its [`Sentence`] in English and Chinese and the [`Fix`]es that help.
//! [`Explained::lines`] is the answer as text. The store is behind the port [`Events`] and the ports of the ledger.
//!
//! ```
//! use insight::{Explained, Lang, Typed, explain};
//! use testkit::{MemoryLedger, context};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let typed = Typed { text: "HL1", code: None, merchants: &[] };
//! let explained = explain(&MemoryLedger::default(), &typed, &context(1)).await.unwrap();
//! assert_eq!(explained, Explained::Missing);
//! assert!(!explained.is_well());
//! # });
//! ```

mod answer;
mod chain;
mod decided;
mod event;
mod everyone;
mod explain;
mod find;
mod fix;
mod histogram;
mod listing;
mod logged;
mod made;
mod metrics;
mod names;
mod note;
mod orders;
mod payments;
mod port;
mod render;
mod replay;
mod sender;
pub mod sentence;
mod series;
mod side;
mod stats;
mod wait;
mod waiting;

pub use answer::{ProviderAnswer, Sighting};
pub use chain::{Cause, Chain, Halt, Happened, Link, Stage};
pub use decided::{decision_about, decisions, undecided};
pub use event::{EventRow, EventState, Retry, RowPosting, Why};
pub use everyone::{NewestLines, newest_lines};
pub use explain::{Explained, Explanation, Headline, Kind, explain};
pub use find::{Found, FoundOrder, find};
pub use fix::Fix;
pub use histogram::Histogram;
pub use listing::{ListFilter, Newest, newest};
pub use logged::{LogLines, LogQuery, LoggedEvent, LoggedWhich};
pub use made::{TopUps, top_ups};
pub use metrics::{Cell, Metrics, SeriesName, Summary, WANTED, Window, whole};
pub use names::Typed;
pub use note::note;
pub use orders::{OrderChoice, OrderFilter, OrderLine, OrderList, OrderStatus, orders};
pub use payments::{Paying, PaymentLine, PaymentPage, PaymentPages};
pub use port::{Events, Readable};
pub use render::Commands;
pub use replay::{NotReplayable, Replayable, apart, replayable};
pub use sender::{Sender, sender_of};
pub use sentence::{Lang, Sentence};
pub use series::{Series, SeriesParts, SeriesQuery, Wanted};
pub use side::Side;
pub use stats::{ACCEPTED, BacklogStats, By, Delay, SourceStats, Stats, is_accepted, share};
pub use wait::{Wait, WaitsOn};
pub use waiting::{AnomalyDay, AnomalyDays, Waiting, WaitingFor, anomaly_days, waiting};

#[cfg(test)]
mod tests;
