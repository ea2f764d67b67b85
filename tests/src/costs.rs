//! The counted cost of every path: the calls in their order, the units that DynamoDB bills, and the bytes to the store.
//! They are counted, so the numbers hold on any machine.
//!
//! `costs.txt` has every path, `docs/costs.md` and `docs/costs.zh.md` the most frequent ones, `proof/costs.json` all of
//! them beside the baseline of `costs/before.txt`. `COSTS=write cargo test -p tests --test all costs::` writes all.

mod accounts;
mod budgets;
mod chat;
mod clicks;
mod console;
mod deliveries;
mod events;
mod holds;
mod lots;
mod members;
mod meter;
mod published;
mod purchase;
mod sweeps;
mod transfers;

use std::fmt::Write as _;
use std::fs;

use meter::{Cost, Total};

use crate::house::root;
use crate::recorded::is_to_write;

const COSTS: &str = "tests/src/costs/costs.txt";
const HEAD: &str =
    "# The counted cost of every path. `COSTS=write cargo test -p tests --test all costs::` writes this file.\n";

/// A path, and what it costs.
struct Path {
    name: &'static str,
    cost: Cost,
}

fn path(name: &'static str, cost: Cost) -> Path {
    Path { name, cost }
}

async fn all() -> Vec<Path> {
    let groups = [
        Box::pin(events::of_usage()).await,
        Box::pin(events::of_litellm()).await,
        Box::pin(events::of_openrouter()).await,
        Box::pin(lots::of_lots()).await,
        Box::pin(transfers::of_transfers()).await,
        Box::pin(holds::of_holds()).await,
        Box::pin(budgets::of_budgets()).await,
        Box::pin(accounts::of_credits()).await,
        Box::pin(accounts::of_rates()).await,
        Box::pin(accounts::of_changes()).await,
        Box::pin(accounts::of_erasures()).await,
        Box::pin(members::of_members()).await,
        Box::pin(chat::of_chat()).await,
        Box::pin(clicks::of_checkout()).await,
        Box::pin(events::of_stripe()).await,
        Box::pin(events::of_wechat()).await,
        Box::pin(events::of_epay()).await,
        Box::pin(events::of_fireblocks()).await,
        Box::pin(deliveries::of_fulfil()).await,
        Box::pin(sweeps::of_reconcile()).await,
        Box::pin(purchase::of_purchases()).await,
        Box::pin(console::of_console()).await,
    ];
    groups.into_iter().flatten().collect()
}

fn text(paths: &[Path]) -> String {
    let mut text = HEAD.to_owned();
    for Path { name, cost } in paths {
        write!(text, "\n{name}\n{}", cost.text()).expect("text");
    }
    text
}

/// The names and sums of a file like [`COSTS`].
fn totals(file: &str) -> Vec<(&str, Total)> {
    let paths = file.split("\n\n").skip(1);
    let total = |path: &'_ str| path.lines().last().and_then(Total::read_line).expect("the sums");
    paths.map(|path| (path.lines().next().expect("a name"), total(path))).collect()
}

#[tokio::test(start_paused = true)]
async fn path_costs_what_is_recorded() {
    let text = text(&Box::pin(all()).await);
    if is_to_write("COSTS") {
        fs::write(root().join(COSTS), &text).expect("written");
        published::write(&totals(&text));
    }
    let recorded = fs::read_to_string(root().join(COSTS)).expect("the recorded costs");
    let differing = text.lines().zip(recorded.lines()).find(|(is, was)| is != was);
    assert!(text == recorded, "{HEAD}{differing:?}\n{text}");
    published::check(&totals(&text));
}
