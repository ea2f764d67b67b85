//! Usage events, as the function takes them: what each costs, every refusal, under faults, at the same time and in random schedules.

mod concurrency;
mod costs;
mod exports;
mod faults;
mod forgeries;
mod keys;
mod refusals;
mod schedules;
