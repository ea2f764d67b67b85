//! The usage webhook function: costs, prices, refunds, refusals, faults, concurrency and random schedules.

mod batches;
mod concurrency;
mod costs;
mod exports;
mod faults;
mod forgeries;
mod keys;
mod priced;
mod refunds;
mod refusals;
mod schedules;
mod suite;
