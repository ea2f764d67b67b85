//! The table of alarms. `cargo xtask watch` generates the template and the documentation from it; tests compare it with
//! the code.

mod books;
mod chat;
mod console;
mod delivery;
mod payments;
mod runtime;
mod senders;

use ledger::Source;

use crate::alarm::Alarm;

/// The functions with an HTTP API, or pages. The sources answer HTTP requests, too.
pub const APIS: [&str; 5] = ["orders", "checkout", "credits", "chat", "console"];
/// The functions that the orders stream and the schedules invoke.
pub const WORKERS: [&str; 2] = ["fulfil", "reconcile"];
pub const TABLES: [&str; 8] =
    ["journal", "bodies", "accounts", "orders", "subscriptions", "holds", "calls", "operators"];

/// The functions that answer HTTP requests.
pub fn answering() -> impl Iterator<Item = &'static str> {
    Source::ALL.map(Source::as_str).into_iter().chain(APIS)
}

pub fn functions() -> impl Iterator<Item = &'static str> {
    answering().chain(WORKERS)
}

/// A group of alarms, under a heading in the template.
#[derive(Debug)]
pub struct Group {
    pub header: &'static str,
    pub alarms: Vec<Alarm>,
}

/// All groups, in the order of the documentation.
pub fn groups() -> [Group; 7] {
    [
        Group { header: "delivery of paid orders", alarms: delivery::alarms() },
        Group { header: "payments", alarms: payments::alarms() },
        Group { header: "books", alarms: books::alarms() },
        Group { header: "senders of webhooks", alarms: senders::alarms() },
        Group { header: "chat", alarms: chat::alarms() },
        Group { header: "console", alarms: console::alarms() },
        Group { header: "functions, API, tables and queues", alarms: runtime::alarms() },
    ]
}

pub fn all() -> Vec<Alarm> {
    groups().into_iter().flat_map(|group| group.alarms).collect()
}
