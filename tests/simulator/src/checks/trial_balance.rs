//! The trial balance of all books adds up to nothing, and what it says that customers hold is what their accounts have.

use std::collections::BTreeMap;

use testkit::Books;

use crate::world::World;

/// The clocks of some functions are ahead.
const DAY_S: i64 = 24 * 60 * 60;

pub(crate) const NAME: &str = "trial balance";

pub(crate) async fn find(world: &World, books: &Books) -> Vec<String> {
    let balance = match audit::trial_balance(
        world.ledger(),
        &world.by_hand_invocation(),
        world.now().plus_seconds(DAY_S),
    )
    .await
    {
        Ok(balance) => balance,
        Err(error) => return vec![format!("there is none: {error}")],
    };
    let mut held: BTreeMap<&str, i128> = BTreeMap::new();
    for (name, account) in &books.accounts {
        let (_, asset) = name.split_once('/').expect("an owner and an asset");
        *held.entry(asset).or_default() += account.balance;
    }
    let mut wrong: Vec<String> =
        balance.unbalanced().map(|(asset, totals)| format!("{asset} does not add up to nothing: {totals:?}")).collect();
    for (asset, totals) in &balance.assets {
        let (counted, held) = (totals.customers.units(), held.remove(asset.as_str()).unwrap_or_default());
        if counted != held || totals.unsettled > 0 {
            wrong.push(format!("customers hold {held} {asset}, and it counts {counted}: {totals:?}"));
        }
    }
    wrong.extend(
        held.into_iter().filter(|(_, held)| *held != 0).map(|(asset, held)| format!("it lacks {held} {asset}")),
    );
    wrong
}
