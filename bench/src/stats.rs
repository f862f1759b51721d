//! Percentiles, medians, spreads and slopes. Pure arithmetic.

/// What a set of measurements comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Quantiles {
    /// `None` of nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self {
            p50: at(&sorted, 0.5)?,
            p90: at(&sorted, 0.9)?,
            p99: at(&sorted, 0.99)?,
            max: *sorted.last()?,
        })
    }
}

/// The middle value; of an even number, the mean of the middle two. `None` of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(lower.midpoint(upper))
}

/// The mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The median of some values, with the smallest and the largest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self {
            median: median(&sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }

    /// How many times the second of each pair the first is. Pairs without a ratio are left out.
    pub(crate) fn of_ratios(pairs: &[(f64, f64)]) -> Option<Self> {
        let ratios: Vec<f64> = pairs
            .iter()
            .filter(|(_, below)| *below > 0.0)
            .map(|(above, below)| above / below)
            .collect();
        Self::of(&ratios)
    }
}

/// The exponent of the power law that fits `(size, cost)` best: 0 does not grow with the size, 1 grows
/// in proportion. `None` with fewer than two different sizes.
pub(crate) fn log_log_slope(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(size, cost)| *size > 0.0 && *cost > 0.0)
        .map(|(size, cost)| (size.ln(), cost.ln()))
        .collect();
    let x_mean = mean(&logs.iter().map(|(x, _)| *x).collect::<Vec<_>>())?;
    let y_mean = mean(&logs.iter().map(|(_, y)| *y).collect::<Vec<_>>())?;
    let spread: f64 = logs.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let common: f64 = logs.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    (spread > 0.0).then(|| common / spread)
}

/// The smallest value that at least this share of all values do not exceed.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();

        let expected = Quantiles {
            p50: 100.0,
            p90: 180.0,
            p99: 198.0,
            max: 200.0,
        };
        assert_eq!(Quantiles::of(&values), Some(expected));
        assert_eq!(Quantiles::of(&[7.0]).map(|all| all.p99), Some(7.0));
        assert_eq!(Quantiles::of(&[]), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ratios_are_taken_within_pairs_and_come_with_their_spread() {
        let pairs = [(10.0, 2.0), (30.0, 10.0), (8.0, 2.0), (1.0, 0.0)];

        let expected = Spread {
            median: 4.0,
            min: 3.0,
            max: 5.0,
        };
        assert_eq!(Spread::of_ratios(&pairs), Some(expected));
        assert_eq!(Spread::of_ratios(&[(1.0, 0.0)]), None);
    }

    #[test]
    fn the_slope_is_the_exponent_of_a_power_law() {
        let square = [(1e6, 2.0), (1e7, 200.0), (3e7, 1_800.0)];
        let flat = [(1e6, 5.0), (1e7, 5.0)];

        let slope = log_log_slope(&square).unwrap();
        assert!((slope - 2.0).abs() < 1e-9, "{slope}");
        assert_eq!(log_log_slope(&flat), Some(0.0));
        assert_eq!(log_log_slope(&[(1e6, 5.0)]), None);
        assert_eq!(log_log_slope(&[(1e6, 5.0), (1e6, 6.0)]), None);
    }
}
