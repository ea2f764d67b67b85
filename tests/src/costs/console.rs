//! The cost of each page of the console to a reader who is signed in, over books with an order that needs a person, a
//! refused event, and an account with a hundred lines.

use operators::Role;

use super::meter::Meter;
use super::{Path, path};
use crate::console::{Browser, console_over, signed_in};
use crate::explain::stories;
use crate::sandbox::top_up;

const LINES: usize = 100;
/// The pages, each with the name of its path.
const PAGES: [(&str, &str); 8] = [
    ("console: the overview", "/console"),
    ("console: the events of a day", "/console/events"),
    ("console: the events of 30 days", "/console/events?since=30d"),
    ("console: an event", "/console/event?key=stripe%23evt_payment_intent_succeeded"),
    ("console: an order that is explained", "/console/explain?q=hk_sample_order"),
    ("console: an owner", "/console/owners?name=alice"),
    ("console: the statement of an owner as CSV", "/console/owners.csv?name=alice"),
    ("console: health", "/console/health"),
];

pub(super) async fn of_console() -> Vec<Path> {
    let world = stories::world_of("a wrong amount").await;
    for number in 0..LINES {
        top_up(&world, &format!("line{number}"), "alice", "1").await;
    }
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let (ledger, meter) = Meter::new(&world);
    let console = console_over(ledger);
    let mut browser = Browser::new(&console, &cookie);
    let mut paths = Vec::new();
    for (name, address) in PAGES {
        let (page, cost) = meter.count(Box::pin(browser.get(address))).await;
        assert_eq!(page.status, 200, "{address}: {}", page.body);
        paths.push(path(name, cost));
    }
    paths
}
