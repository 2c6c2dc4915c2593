//! Delta debugging: the part of a whole that still fails, and of which nothing can go.
//!
//! *ddmin* of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (TSE 2002, §3.2): parts of a
//! half, then their complements, then of a quarter, and so on down to single elements. The result is 1-minimal: without
//! any one of its elements it does not fail. The paper takes for granted that the empty input passes; here that is
//! tried first, since a system may well fail without faults.

/// The places in `0..count` of a 1-minimal part that fails, in their order. The whole is known to fail. At most
/// count² + 3·count + 1 parts are tried.
///
/// # Errors
/// That of the oracle, at once.
pub fn ddmin<E>(count: usize, mut fails: impl FnMut(&[usize]) -> Result<bool, E>) -> Result<Vec<usize>, E> {
    let mut left: Vec<usize> = (0..count).collect();
    if left.is_empty() || fails(&[])? {
        return Ok(Vec::new());
    }
    let mut granularity = 2;
    while left.len() >= 2 {
        let parts = split(&left, granularity);
        if let Some(part) = first(&parts, &mut fails)? {
            left = part;
            granularity = 2;
            continue;
        }
        // Of two parts, each is the other's complement.
        if granularity > 2 {
            let complements: Vec<Vec<usize>> = parts.iter().map(|part| without(&left, part)).collect();
            if let Some(rest) = first(&complements, &mut fails)? {
                left = rest;
                granularity = (granularity - 1).max(2);
                continue;
            }
        }
        if granularity >= left.len() {
            break;
        }
        granularity = (granularity * 2).min(left.len());
    }
    Ok(left)
}

/// The first of some parts that fails.
fn first<E>(
    parts: &[Vec<usize>],
    fails: &mut impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Option<Vec<usize>>, E> {
    for part in parts {
        if fails(part)? {
            return Ok(Some(part.clone()));
        }
    }
    Ok(None)
}

/// Cuts into so many parts, whose sizes differ by one at most.
fn split(all: &[usize], parts: usize) -> Vec<Vec<usize>> {
    let cut = |part: usize| part * all.len() / parts;
    (0..parts)
        .map(|part| all[cut(part)..cut(part + 1)].to_vec())
        .collect()
}

fn without(all: &[usize], part: &[usize]) -> Vec<usize> {
    all.iter().copied().filter(|at| !part.contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// The part that is found, and how many were tried.
    fn found(count: usize, mut fails: impl FnMut(&[usize]) -> bool) -> (Vec<usize>, usize) {
        let mut tried = 0;
        let Ok(left) = ddmin(count, |part| {
            tried += 1;
            Ok::<_, Infallible>(fails(part))
        });
        (left, tried)
    }

    #[test]
    fn what_fails_without_anything_needs_nothing() {
        assert_eq!(found(5, |_| true), (vec![], 1));
        assert_eq!(found(0, |_| panic!("there is nothing to try")), (vec![], 0));
        // A whole of one element that is needed.
        assert_eq!(found(1, |part| part == [0]).0, [0]);
    }

    #[test]
    fn an_error_of_the_oracle_ends_it_at_once() {
        let mut tried = 0;
        let result = ddmin(8, |_| {
            tried += 1;
            if tried == 3 { Err("spent") } else { Ok(false) }
        });
        assert_eq!((result, tried), (Err("spent"), 3));
    }

    proptest! {
        /// Where more never hurts, all that is needed is found, and nothing else.
        #[test]
        fn of_a_monotone_oracle_exactly_what_is_needed_is_left(
            count in 1_usize..20,
            needed in prop::collection::btree_set(0_usize..20, 0..6),
        ) {
            let needed: BTreeSet<usize> = needed.into_iter().filter(|at| *at < count).collect();
            let (left, tried) = found(count, |part| needed.iter().all(|at| part.contains(at)));
            prop_assert_eq!(left, needed.into_iter().collect::<Vec<_>>());
            prop_assert!(tried <= count * count + 3 * count + 1);
        }

        /// Whatever else the oracle says, what is left fails, and does not without any one of its elements.
        #[test]
        fn what_is_left_of_any_oracle_fails_and_is_minimal(count in 1_usize..10, answers in any::<[u64; 16]>()) {
            let whole: Vec<usize> = (0..count).collect();
            let fails = |part: &[usize]| {
                let bits = part.iter().fold(0_usize, |bits, at| bits | 1 << at);
                part == whole || answers[bits / 64 % 16] >> (bits % 64) & 1 == 1
            };
            let (left, _) = found(count, fails);
            prop_assert!(fails(&left));
            for at in &left {
                let less: Vec<usize> = left.iter().copied().filter(|other| other != at).collect();
                prop_assert!(!fails(&less), "{:?} without {}", left, at);
            }
        }
    }
}
