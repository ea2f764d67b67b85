//! The simulator: whole worlds on a virtual clock. One seed gives one world: the real handlers of every function over
//! a store and the fakes of the providers, senders that retry, buyers, schedules, and faults at every call.
//!
//! `actors` act, `checks` say what must hold, `plan` draws both from the seed, `run` runs a world, and `shrink` makes a
//! failing one small. An actor knows what is true from what it has done and from the fakes, never from our code.
//!
//! ```
//! let ending = simulator::run(1, simulator::StoreKind::Memory, &simulator::Cut::default(), simulator::Lines::None);
//! assert_eq!(ending.violations, []);
//! ```

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a world that cannot go on must stop")]

mod actors;
mod assemble;
mod audit_port;
mod backlog_port;
mod breakers_port;
mod calls_port;
mod checks;
mod credits_port;
mod custodian;
mod epay_merchant;
mod event_source_mapping;
mod faults;
mod holds_port;
mod mark;
mod net;
mod outbox;
mod panics;
mod plan;
mod port;
mod postman;
mod rate_card;
mod replays;
mod retries;
mod run;
mod sandbox;
mod secrets;
mod shrink;
mod store;
mod stream;
mod trace;
mod truth;
mod upstreams;
mod wechat_merchant;
mod world;

pub use faults::{FaultKind, Fired};
pub use mark::Mark;
pub use plan::{Cut, StepId};
pub use run::{Ending, Violation, run};
pub use shrink::shrink;
pub use store::StoreKind;
pub use trace::{Kind, Line, Lines};

#[cfg(test)]
mod tests;
