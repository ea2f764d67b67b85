//! The part of the simulator that runs in every build: a range of worlds on each store, the seeds of failures of before,
//! and the promise that one seed is one world.

use super::*;

const MEMORY_WORLDS: u64 = 250;
const ENGINE_WORLDS: u64 = 4;
/// Seeds that failed once, one a line, with the store.
const REGRESSIONS: &str = include_str!("regressions.txt");

fn hold(kind: StoreKind, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let ending = run(seed, kind, &Cut::default(), Lines::None);
        let again = format!("cargo run -p simulator -- --seeds {seed} --store {} --shrink", kind.as_str());
        assert_eq!(ending.violations, [], "{again}");
    }
}

#[test]
fn worlds_on_memory_hold() {
    hold(StoreKind::Memory, 0..MEMORY_WORLDS);
}

#[test]
fn worlds_on_engine_hold() {
    hold(StoreKind::Engine, 0..ENGINE_WORLDS);
}

#[test]
fn seeds_of_former_failures_hold() {
    for line in REGRESSIONS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (kind, seed) = line.split_once(' ').expect("a store and a seed");
        let kind = [StoreKind::Memory, StoreKind::Engine].into_iter().find(|known| known.as_str() == kind);
        let seed = seed.split(' ').next().and_then(|seed| seed.parse().ok()).expect("a seed");
        hold(kind.expect("a store"), std::iter::once(seed));
    }
}

#[test]
fn one_seed_gives_the_same_trace_twice() {
    for (kind, seeds) in [(StoreKind::Memory, 0..80), (StoreKind::Engine, 3..4)] {
        for seed in seeds {
            let trace =
                || run(seed, kind, &Cut::default(), Lines::All).lines.iter().map(Line::to_string).collect::<Vec<_>>();
            let (first, second) = (trace(), trace());
            assert!(!first.is_empty());
            assert_eq!(first, second, "seed {seed} on {}", kind.as_str());
        }
    }
}
