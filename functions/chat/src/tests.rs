//! Tests of the pure stages: what is read of a request, what its upstream gets, what it costs, and answers without a model.

mod fallbacks;
mod prices;
mod requests;

use crate::Config;

fn config() -> Config {
    Config::read(|_| None).expect("defaults")
}
