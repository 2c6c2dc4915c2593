//! Thinning of scatters. A point costs about 91 bytes of SVG, and a hundred thousand of them only overprint.

use std::collections::HashSet;
use std::hash::Hash;

use super::frame::WIDTH;
use crate::timeline::evenly;

/// A point with the class that it is drawn in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point<C> {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) class: C,
    /// Must not vanish: an `info` or `fail` op, a stale read, an outlier.
    pub(super) keep: bool,
}

/// Ordinary points drawn at most.
pub(super) const MAX_ORDINARY: usize = 4_000;
/// Above so many points that must not vanish, those that would overlap are drawn as one.
const MAX_KEPT: usize = 6_000;
/// The finest cell, as a share of the plot's width and height.
const FINEST: f64 = 1.0 / WIDTH as f64;

/// Thins out ordinary points evenly after dropping those that fall on a like one. Points to be kept are merged only
/// with others of their class in the same small cell, so each of them is still marked where it was.
pub(super) fn thin<C: Copy + Eq + Hash>(points: &[Point<C>], size: (f64, f64)) -> Vec<Point<C>> {
    let (kept, ordinary): (Vec<Point<C>>, Vec<Point<C>>) = points.iter().partition(|point| point.keep);
    let mut out = evenly(&one_per_cell(&ordinary, size, 2.0 * FINEST), MAX_ORDINARY);
    let mut merged = kept.clone();
    let mut cell = FINEST;
    // Ends, since a cell as large as the plot holds one point of each class.
    while merged.len() > MAX_KEPT && cell < 1.0 {
        merged = one_per_cell(&kept, size, cell);
        cell *= 1.5;
    }
    out.extend(merged);
    out
}

fn one_per_cell<C: Copy + Eq + Hash>(points: &[Point<C>], size: (f64, f64), cell: f64) -> Vec<Point<C>> {
    let place = |x: f64, whole: f64| (x / (whole.max(f64::MIN_POSITIVE) * cell)) as i64;
    let mut taken = HashSet::new();
    points
        .iter()
        .filter(|point| taken.insert((point.class, place(point.x, size.0), place(point.y, size.1))))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_points_stay_and_ordinary_ones_are_bounded() {
        let ordinary = (0..100_000).map(|i| Point {
            x: f64::from(i),
            y: f64::from(i % 977),
            class: 'r',
            keep: false,
        });
        let kept = (0..500).map(|i| Point {
            x: f64::from(i * 200),
            y: 990.0,
            class: 'f',
            keep: true,
        });
        let points: Vec<_> = ordinary.chain(kept).collect();
        let thinned = thin(&points, (100_000.0, 1_000.0));
        assert_eq!(thinned.iter().filter(|point| point.keep).count(), 500);
        assert_eq!(thinned.iter().filter(|point| !point.keep).count(), MAX_ORDINARY);
    }

    #[test]
    fn too_many_kept_points_are_merged_but_none_vanishes() {
        let points: Vec<_> = (0..200_000)
            .map(|i| Point {
                x: f64::from(i),
                y: f64::from(i % 991),
                class: 'f',
                keep: true,
            })
            .collect();
        let thinned = thin(&points, (200_000.0, 1_000.0));
        assert!(thinned.len() <= MAX_KEPT);
        let near = |point: &Point<char>| {
            thinned
                .iter()
                .any(|other| (other.x - point.x).abs() < 4_000.0 && (other.y - point.y).abs() < 40.0)
        };
        assert!(points.iter().step_by(997).all(near));
    }
}
