//! The least of a number that still fails, where a great one does.

/// How many numbers between the floor and a known one are tried at most: each costs runs.
const BISECTIONS_MAX: u32 = 4;
/// A number that is less than this part smaller is not worth its runs.
const WORTH: f64 = 0.75;

/// Looks for a number from `floor` on that fails as `known` does: the floor itself first, then, by bisection of ratios,
/// between the greatest that did not and the least that did. Only for a monotone oracle it is near the least.
///
/// # Errors
/// That of the oracle, at once.
pub fn least<E>(floor: u64, known: u64, mut fails: impl FnMut(u64) -> Result<bool, E>) -> Result<u64, E> {
    if floor >= known || fails(floor)? {
        return Ok(floor.min(known));
    }
    let (mut passes, mut known) = (floor, known);
    for _ in 0..BISECTIONS_MAX {
        let middle = ((passes.max(1) as f64) * (known as f64)).sqrt().round() as u64;
        if middle <= passes || middle as f64 > WORTH * known as f64 {
            break;
        }
        match fails(middle)? {
            true => known = middle,
            false => passes = middle,
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn found(floor: u64, known: u64, needed: u64) -> (u64, u32) {
        let mut tried = 0;
        let Ok(least) = least(floor, known, |number| {
            tried += 1;
            Ok::<_, Infallible>(number >= needed)
        });
        (least, tried)
    }

    #[test]
    fn the_floor_is_tried_first_and_mostly_does() {
        assert_eq!(found(1, 100, 1), (1, 1));
        assert_eq!(found(5, 5, 0), (5, 0));
        assert_eq!(found(9, 5, 0), (5, 0));
    }

    proptest! {
        #[test]
        fn what_is_found_fails_and_costs_few_tries(floor in 0_u64..50, known in 1_u64..5_000, needed in 0_u64..5_000) {
            prop_assume!(floor < known);
            let needed = needed.min(known);
            let (least, tried) = found(floor, known, needed);
            prop_assert!(needed <= least && least <= known && least >= floor);
            prop_assert!(tried <= 1 + BISECTIONS_MAX);
        }
    }
}
