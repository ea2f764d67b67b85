//! What the store has counted.

use std::collections::BTreeMap;

/// Counted since the store was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// By operation.
    pub calls: BTreeMap<String, u64>,
    /// By table, and by `table/index`.
    pub units: BTreeMap<String, Units>,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Calls that an ongoing transaction refused.
    pub conflicts: u64,
    /// Calls that an exhausted partition refused, in whole or in part.
    pub throttles: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    pub writes: u64,
    /// An eventually consistent read of 4 KB is half a unit.
    pub half_reads: u64,
}

impl LoadCounts {
    pub fn calls_of(&self, operation: &str) -> u64 {
        self.calls.get(operation).copied().unwrap_or_default()
    }

    /// Of all tables and indexes.
    pub fn write_units(&self) -> u64 {
        self.units.values().map(|units| units.writes).sum()
    }
}
