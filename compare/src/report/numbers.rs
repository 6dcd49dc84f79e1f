//! Numbers as they are read.

use super::Unit;

/// How many events, or calls, a run has.
pub(super) fn count(unit: Unit, events: u64) -> String {
    match (unit, events) {
        (Unit::MicrosPerCall, calls) => format!("{calls} calls"),
        (_, events) if events >= 1_000_000 => format!("{:.1} M events", events as f64 / 1e6),
        (_, events) => format!("{events} events"),
    }
}

/// The median of the ratios of each round.
pub(super) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(a, b)| a / b))
}

/// The value in the middle, or between the two that are.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = (values.len() - 1) / 2;
    (values[lower] + values[upper]) / 2.0
}

pub(super) fn mebibytes(bytes: u64) -> String {
    three_digits(bytes as f64 / f64::from(1 << 20))
}

/// Three digits that count: more would only record noise.
pub(crate) fn three_digits(value: f64) -> String {
    let digits = match value {
        v if v < 1.0 => 3,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_middle_of_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
