//! Who acts in a world. Each actor is a file of the same shape: a struct that is drawn from randomness, with a list of
//! steps, and what it knows to be true in the end.

mod budget;
mod buyer;
mod calls;
mod circle;
mod claims;
mod click;
mod dated;
mod epay_buyer;
mod holder;
mod logged;
mod pauser;
mod priced;
mod quoted;
mod rotation;
mod schedule;
mod server;
mod shop;
mod stranger;
mod subscriber;
mod talker;
mod team;
mod token_buyer;
mod usage;
mod wechat_buyer;

use std::time::Duration;

use fastrand::Rng;
use futures_util::future::LocalBoxFuture;
use ledger::{Amount, Asset};

use crate::mark::Mark;
use crate::truth::Truth;
use crate::world::World;

pub(crate) trait Actor {
    /// The kind of actor, by which its steps are counted.
    fn kind(&self) -> &'static str;

    /// When each of its steps happens.
    fn times(&self) -> Vec<Duration>;

    /// A step in words, for the trace.
    fn describe(&self, step: usize) -> String;

    /// Before anything happens: accounts, keys.
    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()>;

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()>;

    /// After the last fault: what people do so that everything can be booked.
    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()>;

    fn truth(&self) -> Truth;
}

/// Draws an actor. The number makes its names unique; nothing happens after the horizon.
pub(crate) type Draw = fn(usize, &mut Rng, Duration) -> Box<dyn Actor>;

/// The actors that a world may have.
pub(crate) const CAST: &[Draw] = &[
    usage::draw,
    buyer::draw,
    subscriber::draw,
    epay_buyer::draw,
    wechat_buyer::draw,
    token_buyer::draw,
    shop::draw,
    stranger::draw,
    rotation::draw,
    circle::draw,
    holder::draw,
    team::draw,
    dated::draw,
    priced::draw,
    server::draw,
    logged::draw,
    talker::draw,
    pauser::draw,
];

/// Kinds of actors for which a world has more than the others: WeChat Pay, Fireblocks, a log that is read
/// (that of chat's upstream, too), a store of secrets.
pub(crate) const WECHAT_BUYER: &str = "buyer at WeChat Pay";
pub(crate) const TOKEN_BUYER: &str = "buyer of tokens on chain";
pub(crate) const GATEWAY_WITH_LOG: &str = "gateway with a log";
pub(crate) const TALKER: &str = "client of chat";
pub(crate) const ROTATION: &str = "rotation of secrets";

/// The schedules of `reconcile`, which every world has.
pub(crate) const SCHEDULE: Draw = schedule::draw;

/// Times within the horizon. Half of them follow the time before within a second.
fn times(rng: &mut Rng, count: usize, horizon: Duration) -> Vec<Duration> {
    let horizon_ms = u64::try_from(horizon.as_millis()).expect("days");
    let mut last = rng.u64(0..horizon_ms);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        last = if rng.bool() { rng.u64(0..horizon_ms) } else { last.saturating_add(rng.u64(0..1_000)).min(horizon_ms) };
        times.push(Duration::from_millis(last));
    }
    times
}

fn credits(count: u64) -> Amount {
    Asset::CREDITS.parse(&count.to_string()).expect("an amount")
}

/// In the smallest unit of credits.
fn units(count: u64) -> i128 {
    i128::from(count) * 1_000_000_000
}
