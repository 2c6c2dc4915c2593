//! Certificates about registers, from what the algorithms found. Nothing here is trusted by the validator.

use std::time::Instant;

use super::{Certificate, Counted, Linearization, Proof};
use crate::budget::{Budget, Spent};
use crate::counterexample::Counterexample;
use crate::frontier::{self, Register, register_ops};
use crate::history::{History, Key};
use crate::linearizable::{Options, Verdict};
use crate::lower::{KeyOps, split};
use crate::zones;

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoCertificate {
    /// There is no verdict that it could show.
    #[error("there is no verdict to certify")]
    NoVerdict,
    /// The search for an order gave up.
    #[error("{spent} while the order of the ops on key {key} was looked for")]
    Spent {
        /// The key.
        key: Key,
        /// Which limit.
        spent: Spent,
    },
    /// The search found that there is no order: a bug of this crate.
    #[error("two searches disagree on key {key}, which is a bug in the checker: please report this history")]
    Disagreement {
        /// The key.
        key: Key,
    },
}

/// What shows `verdict`, which [`crate::linearizable::check_linearizable`] found on `history`. Looks for orders within
/// the limits of `options`, one key after the other: in O(n log n) where values are unique, else as the check does.
///
/// # Errors
/// Where there is no verdict, or a limit is reached.
pub fn certify(
    history: &History,
    verdict: &Verdict,
    options: &Options,
) -> Result<Certificate, NoCertificate> {
    match verdict {
        Verdict::Unknown(_) => Err(NoCertificate::NoVerdict),
        Verdict::Invalid(found) => Ok(invalid(found)),
        Verdict::Valid => {
            let deadline = options.time_limit.map(|limit| Instant::now() + limit);
            let linearization = |key: KeyOps| {
                let budget = Budget::new(deadline, options.memory_limit_bytes);
                let order = order(&key, &budget)?;
                let index = |position: u32| history.index_of(key.ops[position as usize].op as usize).0;
                Ok(Linearization {
                    object: Some(key.key.to_string()),
                    order: order.into_iter().map(index).collect(),
                })
            };
            let linearizations = split(history).into_iter().map(linearization);
            Ok(Certificate::Valid {
                linearizations: linearizations.collect::<Result<_, _>>()?,
            })
        }
    }
}

/// A linearization of a key that has one, by positions.
fn order(key: &KeyOps, budget: &Budget) -> Result<Vec<u32>, NoCertificate> {
    if let Some(order) = zones::linearize(key) {
        return Ok(order);
    }
    match frontier::search(&Register, &register_ops(key), budget, true) {
        Ok(frontier::Answer::Linearizable(order)) => Ok(order),
        Ok(frontier::Answer::Stuck(_)) => Err(NoCertificate::Disagreement { key: key.key }),
        Err(spent) => Err(NoCertificate::Spent { key: key.key, spent }),
    }
}

fn invalid(found: &Counterexample) -> Certificate {
    let part = || {
        let counted = found.ops.iter().map(|evidence| Counted {
            op: evidence.index.0,
            weakened: evidence.weakened,
        });
        Proof::SubHistory {
            ops: counted.collect(),
        }
    };
    Certificate::Invalid {
        object: Some(found.key.to_string()),
        proof: found.proof.clone().unwrap_or_else(part),
    }
}
