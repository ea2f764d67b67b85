//! The ledger over this store: its whole contract, and faults of the network on top.

use testkit::{Fault, Rules, World, contract, usage};

use crate::sandbox::{Sandbox, function, invocation, open_account};

#[tokio::test(start_paused = true)]
async fn ledger_keeps_its_contract_under_load() {
    contract(async || {
        let world = World::new();
        let ledger = world.under_load(1, Rules::default()).ledger(1).noting_use().minding_pauses();
        (ledger, async move || world.books())
    })
    .await;
}

/// The commit is applied, and its answer is lost: the retry finds the row.
#[tokio::test(start_paused = true)]
async fn faults_act_on_top_of_the_rules() {
    for fault in Fault::ALL {
        let world = World::new();
        open_account(&world, "alice", "k1", "10").await;
        let store = world.under_load(1, Rules::default());
        let (ledger, faults) = store.faulty(1, move |number, _| if number == 1 { fault } else { Fault::None });
        let sandbox = Sandbox { function: function(ledger, webhook::Admission::default()).await, faults };
        let reply = sandbox.deliver(&usage("e1", "k1", "1").to_string(), &invocation(1)).await;
        let is_killed = matches!(fault, Fault::Kill | Fault::KillApplied);
        assert_eq!(reply.map(|reply| reply.status), (!is_killed).then_some(200), "{fault:?}");
        tokio::time::sleep(crate::sandbox::SETTLED).await;
        let books = world.books();
        books.check();
        let expected = if fault == Fault::Kill { 10_000_000_000 } else { 9_000_000_000 };
        assert_eq!(books.balance("alice/credits"), expected, "{fault:?}");
    }
}
