//! The usage webhook function: costs, refusals, faults, concurrency and random schedules.

mod concurrency;
mod costs;
mod exports;
mod faults;
mod forgeries;
mod keys;
mod refusals;
mod schedules;
mod suite;
