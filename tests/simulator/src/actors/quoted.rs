//! What orders of airtime ask for: its price in tugriks, in yuan at the rate of the moment in which an order was made.
//! The rate changes once in each world.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::World;

const PAIR: &str = "MNT/CNY";
/// Each rate, and what 5,000 tugriks are at it in fen, rounded up.
const FIRST: (&str, i128) = ("0.00204", 1_020);
const SECOND: (&str, i128) = ("0.002111", 1_056);
/// When the second one comes into force, in each kind of world.
const CHANGES_S: [u64; 4] = [5, 300, 3 * 60 * 60, 36 * 60 * 60];
/// A function remembers rates for a minute, and its clock may be off.
const SURE_BY: Duration = Duration::from_mins(3);

/// When the first click without an answer was, and between which moments each order was made.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    clicked: Option<Duration>,
    made: BTreeMap<String, (Duration, Duration)>,
}

fn changes_at(world: &World) -> Duration {
    Duration::from_secs(CHANGES_S[world.mark_of("rates").rng().usize(0..CHANGES_S.len())])
}

/// Both rates, set in advance. Every buyer does it.
pub(super) async fn set_rates(world: &World) {
    testkit::exchange_rate(world.ledger(), PAIR, FIRST.0, testkit::now()).await;
    testkit::exchange_rate(world.ledger(), PAIR, SECOND.0, testkit::now().plus(changes_at(world))).await;
}

impl Quotes {
    pub(super) fn click(&mut self, world: &World) {
        self.clicked.get_or_insert_with(|| world.elapsed());
    }

    /// A click was answered with this order. Another click may still make one.
    pub(super) fn answered(&mut self, world: &World, order: &str) {
        let between = (self.clicked.unwrap_or_default(), world.elapsed());
        self.made.entry(order.to_owned()).or_insert(between);
    }

    /// What is wrong with this price of an order.
    pub(super) fn wrong(&self, world: &World, order: &str, fen: i128) -> Option<String> {
        let (from, until) = *self.made.get(order)?;
        let changes_at = changes_at(world);
        let may_be = [(FIRST.1, from < changes_at + SURE_BY), (SECOND.1, until + SURE_BY > changes_at)];
        let is_right = may_be.iter().any(|(price, may_be)| *may_be && *price == fen);
        (!is_right)
            .then(|| format!("{order} of {from:?} to {until:?} asks for {fen} fen; the rate changes at {changes_at:?}"))
    }
}
