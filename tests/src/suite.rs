//! The suites that every source passes: decisions, faults of the store, refusals, and replay. A source joins with
//! `impl Suite` and `tests_of!` in its `suite.rs`, which has its rows.

pub(crate) mod decisions;
pub(crate) mod faults;
pub(crate) mod refusals;
pub(crate) mod replay;

use std::fs;

use edge::Settings;
use ledger::Source;
use serde_json::Value;
use testkit::{Sent, Shape, World};

use crate::house::root;
use crate::sandbox::{SandboxOf, Sender, moment_within};

pub(crate) use decisions::Before;
pub(crate) use replay::{KeptForm, Replayed};

/// A source, with its rows of each suite. Bodies are in the form of its samples, unsigned.
pub(crate) trait Suite: Sender {
    /// The state of the books in which nothing of a request may leave a trace.
    const STATE: &'static str;
    /// The number of scenarios, from the first, in which each two faults in a row are tried. The others take too long.
    const PAIRED: usize;
    /// The gateways whose events the source understands.
    const SHAPES: &'static [Shape];

    /// Puts empty books into a state: `STATE`, or one that a row names.
    async fn prepare(world: &World, state: &str);

    /// The reply while the store is down, in the form of this body.
    fn unavailable(body: &str) -> (u16, &'static str);

    /// The books in which the decision of every sample is recorded.
    fn decided_with() -> Vec<Before>;

    fn scenarios() -> Vec<Scenario>;

    /// Deliveries that are not verified, or not of the shape of a webhook. They leave no trace.
    fn unverified() -> Vec<Request>;

    /// Verified deliveries that are refused and kept.
    fn refusals() -> Vec<Refusal>;

    /// A delivery in each form that the source verifies. Empty books refuse and keep it, and a replay books it.
    fn kept_forms() -> Vec<KeptForm>;

    /// Settings with which the function does not start: it would accept signatures that anyone can make.
    fn blank_secrets() -> Vec<Settings>;
}

/// A delivery, the books before it, and its final reply.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    /// Delivered before, without faults.
    pub(crate) before: Vec<String>,
    pub(crate) body: String,
    /// The reply of a run without faults, and that to a repeat if it is another.
    pub(crate) replies: Vec<(u16, String)>,
}

/// A request and its reply.
pub(crate) struct Request {
    pub(crate) name: String,
    /// The gateway's event.
    pub(crate) event: String,
    pub(crate) reply: (u16, String),
}

/// A delivery that is refused and kept.
pub(crate) struct Refusal {
    pub(crate) name: String,
    pub(crate) state: &'static str,
    /// Delivered before.
    pub(crate) before: Vec<String>,
    /// The gateway's event.
    pub(crate) event: String,
    pub(crate) reply: (u16, String),
    /// How the id of the kept row begins.
    pub(crate) kept: String,
    pub(crate) reason: &'static str,
    /// The anomaly that the delivery leaves on the samples' order.
    pub(crate) flag: Option<&'static str>,
}

/// Books in this state, after these deliveries.
pub(crate) async fn world_before<W: Suite>(state: &str, delivered: &[String]) -> World {
    let world = World::new();
    W::prepare(&world, state).await;
    for (attempt, body) in (90..).zip(delivered) {
        let reply = SandboxOf::<W>::faultless(&world).await.deliver(body, &moment_within::<W>(attempt)).await;
        let reply = reply.expect("no fault");
        assert_eq!(reply.status, 200, "{state}: {body}: {}", reply.body);
    }
    world
}

/// The requests in each shape that the source understands.
pub(crate) fn in_each_shape<W: Suite>(rows: &[(&str, Sent<'_>, (u16, impl ToString))]) -> Vec<Request> {
    let requests = rows.iter().flat_map(|(name, sent, (status, body))| {
        W::SHAPES.iter().map(move |shape| Request {
            name: format!("{name} ({shape:?})"),
            event: sent.event(*shape),
            reply: (*status, body.to_string()),
        })
    });
    requests.collect()
}

pub(crate) fn owned((status, body): (u16, &str)) -> (u16, String) {
    (status, body.to_owned())
}

/// The names of a source's samples, in order.
pub(crate) fn samples(source: Source) -> Vec<String> {
    let files = fs::read_dir(root().join("events").join(source.as_str())).expect("samples");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> =
        paths.map(|path| path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned()).collect();
    names.sort();
    names
}

pub(crate) fn sample(source: Source, name: &str) -> String {
    let path = root().join("events").join(source.as_str()).join(name).with_extension("json");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A sample with some of its values replaced, by JSON pointer.
pub(crate) fn altered(source: Source, name: &str, changes: &[(&str, Value)]) -> String {
    let mut body: Value = serde_json::from_str(&sample(source, name)).expect("JSON");
    for (pointer, value) in changes {
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value.clone();
    }
    body.to_string()
}

/// One test for each suite and source. Their names are the same in every source.
macro_rules! tests_of {
    ($source:ty) => {
        #[tokio::test(start_paused = true)]
        async fn sample_gives_its_recorded_decision() {
            crate::suite::decisions::are_as_recorded::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn single_fault_at_any_call_gives_the_same_ledger() {
            crate::suite::faults::single::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn two_faults_in_a_row_give_the_same_ledger() {
            crate::suite::faults::in_pairs::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn unavailable_store_is_not_acknowledged() {
            crate::suite::faults::unavailable::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn unverified_delivery_leaves_no_trace() {
            crate::suite::refusals::leave_no_trace::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn refused_delivery_is_kept_and_books_nothing() {
            crate::suite::refusals::are_kept::<$source>().await;
        }

        #[test]
        fn blank_secret_is_refused_at_start() {
            crate::suite::refusals::blank_secrets::<$source>();
        }

        #[tokio::test(start_paused = true)]
        async fn only_genuine_delivery_of_its_own_row_is_booked() {
            crate::suite::replay::planted::only_genuine_is_booked::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn old_delivery_is_verified_by_the_clock_of_its_bytes() {
            crate::suite::replay::planted::old_is_verified_by_its_clock::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn repeated_delivery_is_verified_by_the_clock_of_the_second() {
            crate::suite::replay::planted::second_clock_counts::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn unknown_stored_header_is_ignored() {
            crate::suite::replay::planted::unknown_header_is_ignored::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn body_only_delivery_waits_while_it_is_forbidden() {
            crate::suite::replay::planted::body_only_waits::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn retired_key_counts_for_ninety_days() {
            crate::suite::replay::retired::counts_for_ninety_days::<$source>().await;
        }

        #[tokio::test(start_paused = true)]
        async fn delivery_waits_while_keys_cannot_be_loaded() {
            crate::suite::replay::retired::waits_without_keys::<$source>().await;
        }
    };
}

pub(crate) use tests_of;

/// A new source does not compile until it has its rows.
#[test]
fn every_source_passes_the_suites() {
    fn source<W: Suite>() -> Source {
        W::SOURCE
    }
    for known in Source::ALL {
        let joined = match known {
            Source::Usage => source::<usage::Usage>(),
            Source::Litellm => source::<litellm::Litellm>(),
            Source::Openrouter => source::<openrouter::Openrouter>(),
            Source::Stripe => source::<stripe::Stripe>(),
            Source::Wechat => source::<wechat::Wechat>(),
            Source::Epay => source::<epay::Epay>(),
            Source::Fireblocks => source::<fireblocks::Fireblocks>(),
        };
        assert_eq!(joined, known);
        let rows = root().join("tests/src").join(known.as_str()).join("suite.rs");
        let rows = fs::read_to_string(&rows).unwrap_or_else(|error| panic!("{}: {error}", rows.display()));
        assert!(rows.contains("\ncrate::suite::tests_of!("), "{known:?} runs its tests");
    }
}
