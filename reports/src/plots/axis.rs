//! Axes: a range with the ticks that get a label.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::format;

/// An axis of a plot. Values outside of its range are drawn at its ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Where a line and a label go, and the label.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From zero to a round number not below `high`; `unit` follows each number.
    pub(super) fn linear(high: f64, unit: &str) -> Self {
        let step = round_step(high.max(1e-9) / 4.0);
        let steps = (high / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=steps as u32)
            .map(|i| f64::from(i) * step)
            .map(|y| (y, format!("{}{unit}", format::quantity(y))));
        Self {
            low: 0.0,
            high: steps * step,
            ticks: ticks.collect(),
        }
    }

    /// From a round number not above `low` to one not below `high`, which is above it; zero has a label.
    pub(super) fn around_zero(low: f64, high: f64, text: impl Fn(f64) -> String) -> Self {
        let step = round_step((high - low).max(1e-9) / 4.0);
        let (first, last) = (
            (low / step + 1e-9).floor() as i32,
            (high / step - 1e-9).ceil() as i32,
        );
        let ticks = (first..=last).map(|i| f64::from(i) * step).map(|y| (y, text(y)));
        Self {
            low: f64::from(first) * step,
            high: f64::from(last) * step,
            ticks: ticks.collect(),
        }
    }

    /// Whole decades around positive milliseconds, for values given as [`decade`] of them.
    pub(super) fn milliseconds(low_ms: f64, high_ms: f64) -> Self {
        let resolved = |ms: f64| 10f64.powf(decade(ms));
        Self::decades(resolved(low_ms), resolved(high_ms), format::duration_ms)
    }

    /// Whole decades around positive values, which are given as [`log`] of them; `text` labels them.
    pub(super) fn decades(least: f64, greatest: f64, text: impl Fn(f64) -> String) -> Self {
        let low = log(least).floor();
        let high = log(greatest).ceil().max(low + 1.0);
        let ticks = (low as i32..=high as i32)
            .map(|power| (f64::from(power), text(10f64.powi(power))))
            .collect();
        Self { low, high, ticks }
    }

    /// Seconds since something, from before it on, with a label each half second.
    pub(super) fn since(low: f64, high: f64) -> Self {
        let halves = (low * 2.0).ceil() as i32..=(high * 2.0).floor() as i32;
        let ticks = halves.map(|half| f64::from(half) / 2.0).map(|x| {
            let sign = if x < 0.0 { "−" } else { "" };
            (x, format!("{sign}{} s", format::quantity(x.abs())))
        });
        Self {
            low,
            high,
            ticks: ticks.collect(),
        }
    }

    /// The time of a run, with about ten labels.
    pub(super) fn time(seconds: f64) -> Self {
        let step = round_step(seconds.max(1e-6) / 10.0);
        let ticks = (0..=(seconds / step) as u32).map(|i| f64::from(i) * step);
        let ticks = ticks.map(|x| {
            (
                x,
                if x == 0.0 {
                    "0 s".into()
                } else {
                    format::duration_ms(x * 1e3)
                },
            )
        });
        Self {
            low: 0.0,
            high: seconds,
            ticks: ticks.collect(),
        }
    }
}

/// The place of a duration on a logarithmic axis. What the clock could not resolve counts as a microsecond.
pub(super) fn decade(ms: f64) -> f64 {
    ms.clamp(1e-3, 1e9).log10()
}

/// The place of any other positive quantity.
pub(super) fn log(value: f64) -> f64 {
    value.clamp(1e-12, 1e12).log10()
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    steps
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(10.0 * power)
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let distance = |tick: &(f64, String)| (tick.0 - value).abs();
        let nearest = self
            .ticks
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or_else(String::new, |tick| tick.1.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_end_on_a_round_number() {
        let axis = Axis::linear(37.0, "/s");
        assert_eq!((axis.low, axis.high), (0.0, 40.0));
        assert_eq!(axis.ticks.len(), 5);
        assert_eq!(axis.ticks[1].1, "10/s");
        assert_eq!(
            Axis::linear(0.0, "").high,
            Axis::linear(0.0, "").ticks.last().expect("a tick").0
        );
    }

    #[test]
    fn decades_enclose_their_values() {
        let axis = Axis::milliseconds(0.3, 2_500.0);
        assert_eq!((axis.low, axis.high), (-1.0, 4.0));
        assert_eq!(axis.format_ext(&0.0), "1 ms");
    }

    #[test]
    fn time_since_something_counts_from_before_it() {
        let axis = Axis::since(-1.0, 1.3);
        let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(labels, ["−1 s", "−0.5 s", "0 s", "0.5 s", "1 s"]);
    }

    #[test]
    fn values_outside_are_drawn_at_the_ends() {
        let axis = Axis::time(10.0);
        assert_eq!(axis.map(&-5.0, (100, 200)), 100);
        assert_eq!(axis.map(&50.0, (100, 200)), 200);
        assert_eq!(axis.map(&5.0, (200, 100)), 150);
    }
}
