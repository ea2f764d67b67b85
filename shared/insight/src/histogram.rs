//! How many values there were of each size, with exact bounds: sixteen steps in each power of two, so that a quantile is
//! at most a sixteenth above the value itself.

use std::collections::BTreeMap;

/// Steps of a power of two, and values below it that have a step of their own.
const STEPS: u64 = 16;
const STEP_BITS: u32 = 4;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    pub fn add(&mut self, value: u64) {
        self.add_many(step_of(value), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (step, count) in &other.0 {
            self.add_many(*step, *count);
        }
    }

    /// The steps with their counts, the smallest first.
    pub fn steps(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().map(|(step, count)| (*step, *count))
    }

    pub fn of_steps(steps: impl Iterator<Item = (u16, u64)>) -> Self {
        let mut all = Self::default();
        steps.for_each(|(step, count)| all.add_many(step, count));
        all
    }

    /// The value below which so many of a thousand are, at most a sixteenth too large; `None` without any.
    pub fn quantile(&self, per_mille: u64) -> Option<u64> {
        let count: u64 = self.0.values().fold(0, |sum, count| sum.saturating_add(*count));
        let rank = u128::from(count).saturating_mul(per_mille.into()).div_ceil(1_000).max(1);
        let mut passed = 0_u128;
        self.0.iter().find_map(|(step, count)| {
            passed = passed.saturating_add(u128::from(*count));
            (passed >= rank).then(|| end_of(*step))
        })
    }

    fn add_many(&mut self, step: u16, more: u64) {
        let count = self.0.entry(step).or_default();
        *count = count.saturating_add(more);
    }
}

/// Values below sixteen are their own steps.
fn step_of(value: u64) -> u16 {
    let Some(power) = value.checked_ilog2().filter(|power| *power >= STEP_BITS) else {
        return u16::try_from(value).unwrap_or_default();
    };
    let shift = power.saturating_sub(STEP_BITS);
    // The leading bit and the four after it: from sixteen to thirty-one.
    let leading = value.checked_shr(shift).unwrap_or_default();
    let step = u64::from(shift).saturating_mul(STEPS).saturating_add(leading);
    u16::try_from(step).unwrap_or(u16::MAX)
}

/// The largest value of a step.
fn end_of(step: u16) -> u64 {
    let step = u64::from(step);
    if step < STEPS {
        return step;
    }
    let shift = step.div_euclid(STEPS).saturating_sub(1);
    let leading = step.rem_euclid(STEPS).saturating_add(STEPS);
    let end = u128::from(leading.saturating_add(1)).checked_shl(u32::try_from(shift).unwrap_or(u32::MAX));
    u64::try_from(end.unwrap_or(u128::MAX).saturating_sub(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_within_its_step_and_each_step_ends_where_the_next_begins() {
        let powers = (0..64).map(|power| 1_u64 << power);
        let around =
            powers.flat_map(|power| [power.saturating_sub(1), power, power | (power >> 2), power | (power >> 5)]);
        for value in (0..5_000).chain(around).chain([u64::MAX]) {
            let (step, end) = (step_of(value), end_of(step_of(value)));
            assert!(end >= value && end - value <= value / 16, "{value}: {end}");
            assert!(step == 0 || end_of(step - 1) < value, "{value}: {step}");
            if end < u64::MAX {
                assert_eq!(step_of(end + 1), step + 1, "{value}");
            }
        }
    }

    #[test]
    fn quantile_is_that_of_the_sorted_values() {
        assert_eq!(Histogram::default().quantile(500), None);
        for values in [vec![7], (1..=100).collect(), (0..1_000).map(|n| n * n).collect(), vec![3; 99]] {
            let mut all = Histogram::default();
            let (mut first, mut second) = (Histogram::default(), Histogram::default());
            for (n, value) in values.iter().enumerate() {
                all.add(*value);
                if n % 3 == 0 { first.add(*value) } else { second.add(*value) }
            }
            first.merge(&second);
            assert_eq!(first, all, "merged in any parts");
            assert_eq!(Histogram::of_steps(all.steps()), all);
            for per_mille in [1, 500, 990, 1_000] {
                let rank = (values.len() * usize::try_from(per_mille).unwrap()).div_ceil(1_000).max(1);
                let exact = values[rank - 1];
                let found = all.quantile(per_mille).unwrap();
                assert!(found >= exact && found - exact <= exact / 16, "{per_mille}: {found} and not {exact}");
            }
        }
    }
}
