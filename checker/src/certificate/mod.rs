//! Certificates: what shows a verdict to somebody who trusts none of the algorithms that found it.
//!
//! A certificate is plain data. [`verify_registers`] and [`crate::model::BuiltIn::verify_certificate`] hold it against the
//! history and accept or refuse it. They share with the algorithms the history, and for calls the sequential
//! specification ([`crate::model::Model`]) and its reading of the calls; nothing else. What they rely on is written
//! down here, in four arguments. Throughout, a *linearization* is an order of all ops that returned and of some of
//! unknown outcome, in which no op comes after one that was invoked only when it had returned, and in which each op
//! answers as the object would (Herlihy and Wing, "Linearizability", TOPLAS 1990, section 2).
//!
//! # Valid: the linearization itself
//!
//! For each object one order of ops, which [`crate::model::validate()`] goes through once. By locality (theorem 1)
//! objects are judged one by one.
//!
//! # Invalid, by a cycle
//!
//! Steps of the form "`a` comes before `b` in every linearization", each of which follows from the history and
//! from earlier steps, and some of which close a cycle. Nothing of the history is left out, so nothing needs to be
//! said about that. The rules ([`Relation`]), in the words of one register, where `w` is the *only* op of the
//! whole history that may have written `v`, and `r` saw `v`:
//! - real time: `a` returned before `b` was invoked; a session is that within one process;
//! - write-read: `w` comes before `r`, since `v` must have been there;
//! - read-write: where `w` comes before `x`, which writes something else, `r` comes before `x`. Else `x` would stand
//!   between `w` and `r`, and nothing after it could bring `v` back. For nil, which is there before all writes and
//!   is written by none, `r` comes before every `x`;
//! - write-write: where `x`, which writes something else, comes before `r`, it comes before `w`, for the same reason.
//!
//! Only ops that are in every linearization may take part: those that returned, and those of unknown outcome that
//! wrote, as the only ones, what an op that takes part saw. A cas from a value to itself changes nothing, and counts
//! as a read. Where all values are unique, some cycle shows every violation: it follows step by step the two-cycles
//! of Gibbons and Korach's zones ("Testing shared memories", SIAM J. Comput. 1997).
//!
//! # Invalid, by one answer
//!
//! An op that takes part saw a value that no op may have written; or a failed cas says that it found the very
//! value that it expected.
//!
//! # Invalid, by a part of the history
//!
//! A few ops of one object, of which a plain exhaustive search finds no linearization, and the check that every
//! linearization of the whole would leave one of the part. With `t` the time at which the last of them returned:
//! 1. *Until `t`.* Take the shortest beginning of a linearization that holds all that returned by `t`. Its last op
//!    returned by `t`, so whatever comes before that was invoked by `t`. So the ops invoked by `t` have a linearization
//!    in which those count as of unknown outcome that returned later: all others may be left out.
//! 2. *Weaker.* An op that counts as of unknown outcome demands less, and a cas that counts as a write of its new
//!    value demands less: a linearization stays one.
//! 3. *Pure ops* change no state. Without them all others answer as before.
//! 4. *Values of a register.* Let `V` be values, not nil, that no op touches that is kept (writes, sees or
//!    expects), and let every other op be left out that writes one of them. Then kept ops answer as before: the
//!    register held, when a kept op saw `u` outside `V`, what the last op had left that changed it. That wrote `u`, so
//!    it was not left out, and after it nothing else comes before the kept op. This fails for a failed compare
//!    that says only what was *not* held: where one is kept, no op that writes may be left out.
//! 5. *Groups of a model* ([`crate::model::Model::group`]) can by their definition be left out as a whole.
//!
//! 6. *Hidden writes of a register.* Let an op that writes `v` return before an op `a` is invoked that is kept, certainly
//!    took effect and writes, and let `a` return before every kept op is invoked that sees or expects `v`, or says only
//!    what was *not* held. Then it may be left out, together with what rule 4 leaves out: had it been the last to change
//!    the register before a kept op that saw `v`, or before one that saw what was not held, `a` would have come between the
//!    two, and it would not have been the last.
//!
//! So the validator demands of each op that was invoked by `t` that it is kept, or pure, or left out by rule 4, 5 or 6:
//! that it writes a value that nothing kept touches, that nothing of its group is kept, or that it is hidden.

mod cycle;
mod make;
mod register;
mod registers;
pub(crate) mod search;
pub(crate) mod sub_history;
mod witness;

pub use make::{NoCertificate, certify};
pub use registers::verify_registers;
pub use witness::{BadWitness, Witness};

use serde::{Deserialize, Serialize};

use crate::counterexample::Weakening;
use crate::model::Flaw;

/// What shows a verdict. Ops are given by their index in the history that was recorded ([`crate::history::OpIndex`]),
/// or by their place among its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Certificate {
    /// Linearizable: for each object an order.
    Valid {
        /// One for each object of the history: registers by ascending key, others in the order of their first call.
        linearizations: Vec<Linearization>,
    },
    /// Not linearizable.
    Invalid {
        /// The object; none where the history has only one, without a name.
        object: Option<String>,
        /// Why.
        proof: Proof,
    },
}

/// An order of the ops of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linearization {
    /// The object; none where the history has only one, without a name.
    pub object: Option<String>,
    /// The ops in the order in which they take effect; those of unknown outcome that are not in it have none.
    pub order: Vec<u32>,
}

/// Why an object is not linearizable. See the page of this module for the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// An op saw a value that no op may have written.
    UnwrittenValue {
        /// The op.
        op: u32,
        /// Ops of unknown outcome that happened, the op possibly among them.
        happened: Vec<Happened>,
    },
    /// A cas failed and says that it found what it expected.
    ImpossibleAnswer {
        /// The cas.
        op: u32,
    },
    /// Some ops would each have to come before themselves.
    Cycle(Cycle),
    /// Some ops that no order explains, whatever the others did.
    SubHistory {
        /// The ops.
        ops: Vec<Counted>,
    },
}

/// A cycle of what must come before what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Ops of unknown outcome that happened.
    pub happened: Vec<Happened>,
    /// What comes before what. A step rests on earlier ones only.
    pub steps: Vec<Step>,
    /// The steps, by their places in `steps`, that lead from an op back to itself.
    pub cycle: Vec<u32>,
}

/// That an op of unknown outcome happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// The op, the only one that may have written its value.
    pub op: u32,
    /// An op that saw the value, and itself returned or happened by an earlier claim.
    pub seen_by: u32,
}

/// That one op comes before another in every linearization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The op that comes first.
    pub before: u32,
    /// The op that comes later.
    pub after: u32,
    /// By which rule.
    pub relation: Relation,
    /// The earlier steps that the rule rests on, each beginning where the one before it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<u32>,
}

/// A rule by which one op comes before another. See the page of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// It had returned before the other was invoked, by the same process.
    Session,
    /// It had returned before the other was invoked.
    RealTime,
    /// It is the only write of what the other saw.
    WriteRead,
    /// It saw a value whose only write comes before the other, which overwrites it.
    ReadWrite,
    /// It writes, and comes before an op that saw what the other is the only one to write.
    WriteWrite,
}

impl Relation {
    /// Its name, as in certificates.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::RealTime => "real-time",
            Self::WriteRead => "write-read",
            Self::ReadWrite => "read-write",
            Self::WriteWrite => "write-write",
        }
    }
}

/// An op of a part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The op.
    pub op: u32,
    /// Whether less of it counts than was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weakened: Option<Weakening>,
}

/// Why a certificate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is of other objects than the history has.
    #[error("the history has {expected} where the certificate has {found}")]
    Objects {
        /// Those of the history.
        expected: String,
        /// Those of the certificate.
        found: String,
    },
    /// An order is no linearization.
    #[error("the order given for {object} is no linearization: {flaw}")]
    NoLinearization {
        /// The object.
        object: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// An op is none of the object, or demands nothing of it.
    #[error("op {0} is none of the ops of that object that count")]
    NoSuchOp(u32),
    /// A claim that does not follow.
    #[error("{0}")]
    DoesNotFollow(String),
    /// A part of the history that is linearizable, so that it shows nothing.
    #[error("the {0} ops of the certificate are linearizable as they count, and so show nothing")]
    Linearizable(usize),
    /// An op was left out that may matter.
    #[error("op {0} is left out, though what is left may only be explained with it")]
    LeftOut(u32),
    /// The kind of proof is one for registers.
    #[error("a proof by {0} is for registers, and the history is checked as something else")]
    NotForModel(&'static str),
    /// It would take too long to find out.
    #[error("it would take too long to find out whether the certificate is right: {0}")]
    Undecided(String),
}

impl Refusal {
    /// Whether the certificate was not found wrong, but could not be followed to its end.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided(_))
    }

    /// About an order of the ops of `object`.
    pub(crate) fn of_order(object: Option<&str>, flaw: Flaw) -> Self {
        let object = object.unwrap_or("the object").to_owned();
        match flaw {
            Flaw::TooManyStates(_) => Self::Undecided(format!("{object}: {flaw}")),
            flaw => Self::NoLinearization { object, flaw },
        }
    }

    /// That the history has no such object.
    pub(crate) fn of_object(object: Option<&str>) -> Self {
        Self::Objects {
            expected: "none of that name".to_owned(),
            found: Self::object(object),
        }
    }

    fn object(name: Option<&str>) -> String {
        name.map_or("one object without a name".to_owned(), |name| {
            format!("the object {name}")
        })
    }

    /// About which objects there are; only those are named that differ first.
    pub(crate) fn of_objects<'a>(
        expected: impl Iterator<Item = Option<&'a str>>,
        found: &'a [Linearization],
    ) -> Result<(), Self> {
        let mut found = found.iter().map(|one| one.object.as_deref());
        let name = |object: Option<Option<&str>>| match object {
            None => "no further object".to_owned(),
            Some(object) => Self::object(object),
        };
        for expected in expected.map(Some).chain([None]) {
            let found = found.next();
            if found != expected {
                return Err(Self::Objects {
                    expected: name(expected),
                    found: name(found),
                });
            }
        }
        Ok(())
    }
}

impl Proof {
    /// The same proof, its ops renamed.
    pub(crate) fn rename(self, name: impl Fn(u32) -> u32) -> Self {
        let rename = |happened: Vec<Happened>| -> Vec<Happened> {
            let one = |h: Happened| Happened {
                op: name(h.op),
                seen_by: name(h.seen_by),
            };
            happened.into_iter().map(one).collect()
        };
        match self {
            Self::UnwrittenValue { op, happened } => Self::UnwrittenValue {
                op: name(op),
                happened: rename(happened),
            },
            Self::ImpossibleAnswer { op } => Self::ImpossibleAnswer { op: name(op) },
            Self::Cycle(cycle) => Self::Cycle(Cycle {
                happened: rename(cycle.happened),
                steps: (cycle.steps.into_iter())
                    .map(|step| Step {
                        before: name(step.before),
                        after: name(step.after),
                        ..step
                    })
                    .collect(),
                cycle: cycle.cycle,
            }),
            Self::SubHistory { ops } => Self::SubHistory {
                ops: ops.into_iter().map(|c| Counted { op: name(c.op), ..c }).collect(),
            },
        }
    }
}
