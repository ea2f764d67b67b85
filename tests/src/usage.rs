//! The usage webhook function: costs, prices, refusals, faults, concurrency and random schedules.

mod concurrency;
mod costs;
mod exports;
mod faults;
mod forgeries;
mod keys;
mod priced;
mod refusals;
mod schedules;
mod suite;
