//! Fireblocks beyond its API: transfers go on, and the keys that sign its webhooks are rotated. A rotation publishes the
//! new key first, signs with it next, and withdraws the old one last.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ledger::Amount;
use signing::jws;
use signing::rsa::PrivateKey;
use testkit::{FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_KID, fireblocks_jwks, rsa_pair};

use crate::outbox::Sender;
use crate::truth::Transfer;
use crate::world::World;

/// Of the one token.
const SCALE: u8 = 18;

/// The key ids, each with the seed of its pair. Generated and parsed once per process.
const KEYS: [(&str, u64); 2] = [(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR), ("2026-07", 1)];

static PRIVATE: LazyLock<[PrivateKey; 2]> =
    LazyLock::new(|| KEYS.map(|(_, seed)| PrivateKey::parse(&rsa_pair(seed).private).expect("a key")));

/// What is published after each step, from the first rotation on.
static PUBLISHED: LazyLock<[String; 3]> = LazyLock::new(|| {
    let [old, new] = KEYS;
    [fireblocks_jwks(&[old, new]), fireblocks_jwks(&[old, new]), fireblocks_jwks(&[new])]
});

/// Every transfer goes on by one status.
pub(crate) fn go_on(world: &World) {
    let api = world.fakes.fireblocks.api();
    for transfer in api.transfers() {
        for webhook in api.go_on(&transfer.id, world.now_s()).into_iter().flatten() {
            world.outbox.add(Sender::Fireblocks, webhook);
        }
    }
}

/// The transfers of each order, by its number.
pub(crate) fn transfers(world: &World) -> BTreeMap<String, Vec<Transfer>> {
    let mut transfers: BTreeMap<String, Vec<Transfer>> = BTreeMap::new();
    for transfer in world.fakes.fireblocks.api().transfers() {
        let order = transfer.external_id.split('#').nth(1).unwrap_or_default().to_owned();
        let units = Amount::parse(&transfer.amount, SCALE).expect("an amount").units();
        let has_arrived = transfer.status() == "COMPLETED";
        transfers
            .entry(order)
            .or_default()
            .push(Transfer { units: i128::try_from(units).expect("tokens"), has_arrived });
    }
    transfers
}

/// Takes the next step of a rotation. After the last, nothing changes.
pub(crate) fn rotate(world: &World) {
    let step = world.custodian_step.get();
    if let Some(published) = PUBLISHED.get(step) {
        world.fakes.fireblocks.publish(published);
        world.custodian_step.set(step + 1);
    }
}

/// The signature of a webhook that is sent now.
pub(crate) fn signature(world: &World, body: &[u8]) -> String {
    let key = usize::from(world.custodian_step.get() >= 2);
    jws::sign(&PRIVATE[key], KEYS[key].0, body)
}
