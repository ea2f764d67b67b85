//! Exact decimal numbers: quota and dollars become credits without a float.

/// As many as the sender in `examples/new-api` writes: more than a ledger keeps, so that the ledger rounds.
const COST_DECIMALS: u32 = 18;
/// A JSON number of a gateway has seventeen digits at most, and an option is shorter.
const DIGITS_MAX: usize = 30;
const EXPONENT_MAX: u32 = 30;

/// `units / 10^scale`; not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    units: u128,
    scale: u32,
}

impl Decimal {
    pub(super) const ONE: Self = Self { units: 1, scale: 0 };

    pub(super) fn of(whole: u64) -> Self {
        Self { units: whole.into(), scale: 0 }
    }

    /// As JSON writes it: `500000`, `0.0015`, `1.5e-05`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{part}");
        if whole.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (units, scale) = (digits.parse::<u128>().ok()?, u32::try_from(part.len()).ok()?);
        let magnitude = exponent.unsigned_abs();
        if magnitude > EXPONENT_MAX {
            return (units == 0).then_some(Self { units, scale: 0 });
        }
        if exponent < 0 {
            return Some(Self { units, scale: scale.checked_add(magnitude)? });
        }
        let up = magnitude.saturating_sub(scale);
        Some(Self { units: units.checked_mul(10_u128.checked_pow(up)?)?, scale: scale.saturating_sub(magnitude) })
    }

    pub(super) fn is_zero(self) -> bool {
        self.units == 0
    }

    /// `self × factor ÷ divisor` as a decimal text, rounded half away from zero: Go's `Rat.FloatString(18)` without
    /// the zeros at its end. `None` if it is too large.
    pub(super) fn scaled(self, factor: Self, divisor: Self) -> Option<String> {
        let scale = self.scale.checked_add(factor.scale)?;
        let mut dividend = self.units.checked_mul(factor.units)?;
        let mut by = divisor.units;
        if divisor.scale >= scale {
            dividend = dividend.checked_mul(10_u128.checked_pow(divisor.scale.checked_sub(scale)?)?)?;
        } else {
            by = by.checked_mul(10_u128.checked_pow(scale.checked_sub(divisor.scale)?)?)?;
        }
        let mut whole = dividend.checked_div(by)?;
        let (mut rest, mut part) = (dividend.checked_rem(by)?, 0_u128);
        for _ in 0..COST_DECIMALS {
            rest = rest.checked_mul(10)?;
            part = part.checked_mul(10)?.checked_add(rest.checked_div(by)?)?;
            rest = rest.checked_rem(by)?;
        }
        if rest.checked_mul(2)? >= by {
            part = part.checked_add(1)?;
        }
        if part == 10_u128.checked_pow(COST_DECIMALS)? {
            (whole, part) = (whole.checked_add(1)?, 0);
        }
        let text = format!("{whole}.{part:018}");
        Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_those_of_the_sender() {
        for (quota, per_usd, per_unit, cost) in [
            ("1170", "100", "500000", Some("0.234")),
            ("0", "100", "500000", Some("0")),
            ("1", "1", "500000", Some("0.000002")),
            ("9007199254740993", "1", "500000", Some("18014398509.481986")),
            ("1", "1", "3", Some("0.333333333333333333")),
            ("2", "1", "3", Some("0.666666666666666667")),
            ("10", "0", "500000", Some("0")),
            ("999999999999999999", "1", "1000000000000000000", Some("0.999999999999999999")),
            ("1170", "100", "500000.0", Some("0.234")),
            ("1.5e-05", "100", "1", Some("0.0015")),
            ("0.0012345600000001", "100", "1", Some("0.12345600000001")),
            ("1E+2", "1.5", "1", Some("150")),
            ("1", "1", "0", None),
            ("340282366920938463463374607431768211455", "10", "1", None),
            ("-1", "1", "1", None),
            ("", "1", "1", None),
            (".5", "1", "1", None),
            ("1e99", "1", "1", None),
        ] {
            let of = |text: &str| Decimal::parse(text);
            let scaled = of(quota).and_then(|quota| quota.scaled(of(per_usd)?, of(per_unit)?));
            assert_eq!(scaled.as_deref(), cost, "{quota} {per_usd} {per_unit}");
        }
    }
}
