//! The validator of certificates about registers. See the page of [`super`] for what it relies on.

use super::cycle::{self, Facts};
use super::register::{Register, RegisterOps, Says};
use super::sub_history::{Kept, refute};
use super::{Certificate, Counted, Linearization, Proof, Refusal};
use crate::counterexample::Weakening;
use crate::history::{History, Key, Value};
use crate::model::{Flaw, TimedOp, validate};

/// Whether `certificate` shows its verdict on `history`, each key of which is a register with read, write and
/// compare-and-set. Takes O(n log n) for all but a [`Proof::SubHistory`], whose search has a bound.
///
/// # Errors
/// Why it does not, or that the bound was reached.
pub fn verify_registers(history: &History, certificate: &Certificate) -> Result<(), Refusal> {
    let registers = RegisterOps::of(history);
    match certificate {
        Certificate::Valid { linearizations } => {
            let names: Vec<String> = registers.keys().map(Key::to_string).collect();
            Refusal::of_objects(names.iter().map(|name| Some(name.as_str())), linearizations)?;
            let mut pairs = registers.values().zip(linearizations);
            pairs.try_for_each(|(register, claimed)| verify_order(register, claimed))
        }
        Certificate::Invalid { object, proof } => {
            let named = |key: &Key| Some(key.to_string()) == *object;
            let register = registers.iter().find(|(key, _)| named(key));
            let (_, register) = register.ok_or_else(|| Refusal::of_object(object.as_deref()))?;
            verify_proof(register, proof)
        }
    }
}

fn verify_order(register: &RegisterOps, claimed: &Linearization) -> Result<(), Refusal> {
    let places = claimed.order.iter().map(|index| {
        let place = register.place(*index).ok_or(Refusal::NoSuchOp(*index))?;
        Ok(u32::try_from(place).expect("an OpIndex counts the ops of a history"))
    });
    let places: Vec<u32> = places.collect::<Result<_, Refusal>>()?;
    let index = |place: u32| register.indices[place as usize];
    validate(&Register, &register.ops, &places)
        .map_err(|flaw: Flaw| Refusal::of_order(claimed.object.as_deref(), flaw.rename(index)))
}

fn verify_proof(register: &RegisterOps, proof: &Proof) -> Result<(), Refusal> {
    let op = |index: u32| {
        let place = register.place(index).ok_or(Refusal::NoSuchOp(index))?;
        Ok(&register.ops[place])
    };
    match proof {
        Proof::ImpossibleAnswer { op: index } if op(*index)?.op.is_impossible() => Ok(()),
        Proof::ImpossibleAnswer { op } => Err(Refusal::DoesNotFollow(format!(
            "op {op} is no cas that failed on the value that it expected"
        ))),
        Proof::UnwrittenValue { op: index, happened } => {
            let facts = Facts::new(register, happened)?;
            facts.happened(*index)?;
            let seen = op(*index)?.op.saw.flatten();
            let is_written = |value: Value| register.ops.iter().any(|op| op.op.writes == Some(value));
            match seen {
                Some(value) if !is_written(value) => Ok(()),
                _ => Err(Refusal::DoesNotFollow(format!(
                    "op {index} did not see a value that no op may have written"
                ))),
            }
        }
        Proof::Cycle(proof) => cycle::verify(register, proof),
        Proof::SubHistory { ops } => verify_part(register, ops),
    }
}

/// Rule 6: for each of the `touched` values, and last for all others, the time such that writes of it that returned
/// before are hidden.
fn hidden_before(register: &RegisterOps, kept: &[Kept<Says>], touched: &[Value]) -> Vec<u64> {
    let start = |k: &Kept<Says>| register.ops[k.place].start_ns;
    let anchors = kept.iter().filter(|k| k.op.writes.is_some() && !k.pending);
    let anchors: Vec<(u64, u64)> = anchors
        .filter_map(|k| Some((start(k), register.ops[k.place].end_ns?)))
        .collect();
    let asks = |k: &&Kept<Says>, value: Option<Value>| {
        k.op.saw_not.is_some() || value.is_some() && k.op.saw.flatten() == value
    };
    let values = touched.iter().copied().map(Some).chain([None]);
    let before = values.map(|value| {
        let first = kept.iter().filter(|k| asks(k, value)).map(start).min();
        let in_time = anchors
            .iter()
            .filter(|(_, end)| first.is_none_or(|first| *end < first));
        in_time.map(|(start, _)| *start).max().unwrap_or(0)
    });
    before.collect()
}

/// Rules 1 to 4 and 6 of the page of [`super`].
fn verify_part(register: &RegisterOps, ops: &[Counted]) -> Result<(), Refusal> {
    let mut kept: Vec<Kept<Says>> = Vec::with_capacity(ops.len());
    for counted in ops {
        let place = register.place(counted.op).ok_or(Refusal::NoSuchOp(counted.op))?;
        let says = register.ops[place].op;
        let (as_write, pending) = match counted.weakened {
            None => (false, false),
            Some(Weakening::AsWrite) => (true, false),
            Some(Weakening::Pending) => (false, true),
            Some(Weakening::AsPendingWrite) => (true, true),
        };
        if as_write && says.writes.is_none() {
            let why = format!("op {} writes nothing, and cannot count as a write", counted.op);
            return Err(Refusal::DoesNotFollow(why));
        }
        kept.push(Kept {
            place,
            op: if as_write { says.as_write() } else { says },
            pending,
        });
    }
    let any_saw_not = kept.iter().any(|k| k.op.saw_not.is_some() && k.op.saw.is_none());
    let mut touched: Vec<Value> = (kept.iter())
        .flat_map(|k| [k.op.saw.flatten(), k.op.writes])
        .flatten()
        .collect();
    touched.sort_unstable();
    let hidden_before = hidden_before(register, &kept, &touched);
    let may_be_left_out = |op: &TimedOp<Says>| {
        let Some(written) = op.op.writes else { return true };
        match touched.binary_search(&written) {
            Err(_) if !any_saw_not => true,
            Err(_) => op.end_ns.is_some_and(|end| end < hidden_before[touched.len()]),
            Ok(at) => op.end_ns.is_some_and(|end| end < hidden_before[at]),
        }
    };
    refute(&Register, &register.ops, &kept, may_be_left_out, |place| {
        register.indices[place]
    })
}
