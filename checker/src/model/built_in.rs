//! The models that have a name, and the check of a history of calls by one of them.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use rayon::prelude::*;

use super::certify;
use super::check::{Found, by_search, holds, sane};
use super::counter::Counter;
use super::lock::{FencedLock, Lock};
use super::lower::{BadCall, Named, Part, no_such};
use super::multi_register::MultiRegister;
use super::queue::{Any, First, Last, Queue};
use super::register::Register;
use super::sequence::{KeyValue, ListAppend};
use super::set::Set;
use super::{ModelVerdict, Shortcut, check_model, validate};
use crate::budget::{Budget, Spent};
use crate::call::{Call, Calls, Datum};
use crate::certificate::{Certificate, Refusal};
use crate::linearizable::{Options, in_pool, is_worth_threads};
use crate::orders::{FoundOrder, ObjectOrders, OrdersEnd};

macro_rules! models {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal $(| $alias:literal)? => $model:ty,)+) => {
        /// A model by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum BuiltIn {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl BuiltIn {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)? => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn check(self, calls: &Calls, options: &Options) -> Result<CallReport, BadCall> {
                match self {
                    $(Self::$variant => check_parts::<$model>(calls, options),)+
                }
            }

            fn orders(self, calls: &Calls, options: &Options) -> Result<Vec<ObjectOrders>, BadCall> {
                match self {
                    $(Self::$variant => find_orders::<$model>(calls, options),)+
                }
            }

            fn decide(self, calls: &Calls, options: &Options) -> Result<Result<bool, Spent>, BadCall> {
                match self {
                    $(Self::$variant => decide_parts::<$model>(calls, options),)+
                }
            }

            fn verify(self, calls: &Calls, orders: &[Vec<u32>]) -> Result<Result<(), String>, BadCall> {
                match self {
                    $(Self::$variant => verify_parts::<$model>(calls, orders),)+
                }
            }

            fn labels(self, calls: &Calls) -> Result<Vec<Option<String>>, BadCall> {
                match self {
                    $(Self::$variant => certify::labels::<$model>(calls),)+
                }
            }

            fn accept(self, calls: &Calls, certificate: &Certificate) -> Result<Result<(), Refusal>, BadCall> {
                match self {
                    $(Self::$variant => certify::verify::<$model>(calls, certificate),)+
                }
            }
        }
    };
}

models! {
    /// A register with read and write.
    Register = "register" => Register,
    /// A register with read, write and `cas [from to]`.
    CasRegister = "cas-register" => Register,
    /// Registers that transactions read and write together.
    MultiRegister = "multi-register" => MultiRegister,
    /// Strings by key, with get, put and append.
    Kv = "kv" => KeyValue,
    /// A set with add, remove, contains and read.
    Set = "set" => Set,
    /// A counter with add, increment, decrement and read.
    Counter = "counter" => Counter,
    /// A queue that gives its elements back in any order.
    Queue = "queue" => Queue<Any>,
    /// A queue that gives its elements back in the order of their insertion.
    FifoQueue = "fifo-queue" => Queue<First>,
    /// A stack with push and pop.
    Stack = "stack" => Queue<Last>,
    /// A lock with acquire and release.
    Lock = "lock" | "mutex" => Lock,
    /// A lock whose acquisitions return ever greater tokens.
    FencedLock = "fenced-lock" => FencedLock,
    /// Lists by key, with append and read.
    ListAppend = "list-append" => ListAppend,
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`BuiltIn`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown model `{0}`; known are {known}", known = BuiltIn::ALL.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownModel(String);

impl FromStr for BuiltIn {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        Self::named(name).ok_or_else(|| UnknownModel(name.to_owned()))
    }
}

/// What was found on a history of calls. Calls are given by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// The verdict.
    pub verdict: CallVerdict,
    /// How many objects the history has, which were checked on their own.
    pub objects: usize,
}

/// A verdict on a history of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallVerdict {
    /// Linearizable: for each object an order of its calls that shows it. [`BuiltIn::verify_orders`] accepts them.
    Valid(Vec<Vec<u32>>),
    /// Not linearizable.
    Invalid(Box<CallsCounterexample>),
    /// A limit was reached.
    Unknown {
        /// Which limit.
        spent: Spent,
        /// Objects without a verdict.
        objects: usize,
    },
    /// Two algorithms contradict each other on this object: a bug of this crate.
    Disagreement(Option<String>),
}

/// Calls that show that a history is not linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallsCounterexample {
    /// The object, where there are several.
    pub object: Option<String>,
    /// The call that cannot be explained.
    pub culprit: u32,
    /// Why, in a sentence or two.
    pub reason: String,
    /// The calls that show it, in the order of their invocation.
    pub calls: Vec<u32>,
    /// Whether nothing more can be left out of them.
    pub minimal: bool,
    /// Whether a second algorithm found the same of these calls alone.
    pub verified: bool,
    /// Some of the configurations in which nothing could explain the culprit.
    pub dead: Vec<DeadConfiguration>,
}

/// A partial linearization that could not be extended by the culprit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadConfiguration {
    /// What the object then was.
    pub state: String,
    /// The calls in the order that led to it.
    pub order: Vec<u32>,
}

/// Checks whether `calls` are linearizable by `model`, each object on its own, within the limits of `options`.
///
/// # Errors
/// If a call is none of the model's.
pub fn check_calls(calls: &Calls, model: BuiltIn, options: &Options) -> Result<CallReport, BadCall> {
    model.admits(calls)?;
    in_pool(options, || model.check(calls, options))
}

/// As [`check_calls`], but only decides and explains nothing: whether `calls` are linearizable, or the limit that was
/// reached. Objects are decided one after the other, and none after the first that is not linearizable.
///
/// # Errors
/// If a call is none of the model's.
pub fn decide_calls(
    calls: &Calls,
    model: BuiltIn,
    options: &Options,
) -> Result<Result<bool, Spent>, BadCall> {
    model.admits(calls)?;
    model.decide(calls, options)
}

impl BuiltIn {
    /// The model that the names of the functions and the kinds of values suggest: none where they suit several.
    #[must_use]
    pub fn of_calls(calls: &Calls) -> Option<Self> {
        let has = |names: &[&str]| calls.calls.iter().any(|call| names.contains(&&*call.f));
        let answers = |f: &str, is: fn(&Datum) -> bool| {
            (calls.calls.iter()).any(|call| &*call.f == f && call.answer.as_ref().is_some_and(is))
        };
        let appends =
            |call: &Call| (call.argument.elements().unwrap_or_default().iter()).any(|step| is_append(step));
        if has(&["txn"]) {
            let lists = calls.calls.iter().any(appends);
            return Some(if lists {
                Self::ListAppend
            } else {
                Self::MultiRegister
            });
        }
        if has(&["acquire", "release", "lock", "unlock"]) {
            let fenced = answers("acquire", |value| value.as_int().is_some());
            return Some(if fenced { Self::FencedLock } else { Self::Lock });
        }
        if has(&["get", "put"]) {
            return Some(Self::Kv);
        }
        if has(&["push", "pop"]) {
            return Some(Self::Stack);
        }
        if has(&["write", "cas"]) {
            return Some(if has(&["cas"]) {
                Self::CasRegister
            } else {
                Self::Register
            });
        }
        if has(&["remove", "contains"]) || answers("read", |value| value.elements().is_some()) {
            return Some(if has(&["append"]) {
                Self::ListAppend
            } else {
                Self::Set
            });
        }
        let counts =
            has(&["add", "increment", "decrement"]) && answers("read", |value| value.as_int().is_some());
        counts.then_some(Self::Counter)
    }

    /// That a plain register has no cas, which is all that tells it from the other.
    fn admits(self, calls: &Calls) -> Result<(), BadCall> {
        let cas = (0..).zip(&calls.calls).find(|(_, call)| &*call.f == "cas");
        match cas {
            Some((at, call)) if self == Self::Register => Err(BadCall {
                call: at,
                event: call.events.0,
                why: no_such(self, call, "read and write"),
            }),
            _ => Ok(()),
        }
    }

    /// For each object a linearization of its calls, or the longest partial ones, within the limits of `options` for
    /// all objects together. Calls that demand nothing are in none.
    ///
    /// # Errors
    /// If a call is none of the model's.
    pub fn find_orders(self, calls: &Calls, options: &Options) -> Result<Vec<ObjectOrders>, BadCall> {
        self.admits(calls)?;
        self.orders(calls, options)
    }

    /// Whether these orders, one for each object, are linearizations of `calls`, by [`super::validate()`]; and if not,
    /// what is wrong.
    ///
    /// # Errors
    /// If a call is none of the model's.
    pub fn verify_orders(self, calls: &Calls, orders: &[Vec<u32>]) -> Result<Result<(), String>, BadCall> {
        self.verify(calls, orders)
    }

    /// What shows `verdict` on `calls`; `None` where that is no verdict.
    ///
    /// # Errors
    /// If a call is none of the model's.
    pub fn certificate(self, calls: &Calls, verdict: &CallVerdict) -> Result<Option<Certificate>, BadCall> {
        Ok(match verdict {
            CallVerdict::Valid(orders) => Some(certify::valid(self.labels(calls)?, orders)),
            CallVerdict::Invalid(found) => Some(certify::invalid(calls, found)),
            CallVerdict::Unknown { .. } | CallVerdict::Disagreement(_) => None,
        })
    }

    /// Whether `certificate` shows its verdict on `calls`, and if not, why not. Runs none of the algorithms; see
    /// [`crate::certificate`].
    ///
    /// # Errors
    /// If a call is none of the model's.
    pub fn verify_certificate(
        self,
        calls: &Calls,
        certificate: &Certificate,
    ) -> Result<Result<(), Refusal>, BadCall> {
        self.admits(calls)?;
        self.accept(calls, certificate)
    }
}

fn is_append(step: &Datum) -> bool {
    let step = step.elements().unwrap_or_default();
    step.first().and_then(|f| f.as_name()) == Some("append")
}

fn decide_parts<M: Named>(calls: &Calls, options: &Options) -> Result<Result<bool, Spent>, BadCall> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let budget = Budget::new(deadline, options.memory_limit_bytes);
    let mut spent = None;
    for part in M::parts(calls)? {
        match holds(&part.model, &sane(&part.ops), &budget) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(false)),
            Err(limit) => spent = Some(limit),
        }
    }
    Ok(spent.map_or(Ok(true), Err))
}

fn check_parts<M: Named>(calls: &Calls, options: &Options) -> Result<CallReport, BadCall>
where
    M::State: Send,
    M::Op: Send + Sync,
{
    let parts = M::parts(calls)?;
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let in_parallel = is_worth_threads(parts.len(), calls.calls.len());
    let threads = match in_parallel {
        true => rayon::current_num_threads().max(1),
        // Asking for their number would start them.
        false => 1,
    };
    // Longest first, so that no long one starts when all others are done.
    let mut longest: Vec<usize> = (0..parts.len()).collect();
    longest.sort_by_key(|at| std::cmp::Reverse(parts[*at].ops.len()));
    let check_part = |at: &usize| {
        let options = Options {
            time_limit: deadline.map(|d| d.saturating_duration_since(Instant::now())),
            memory_limit_bytes: options.memory_limit_bytes / threads,
            ..options.clone()
        };
        (*at, check_model(&parts[*at].model, &parts[*at].ops, &options))
    };
    let mut verdicts: Vec<(usize, ModelVerdict<M::State>)> = if in_parallel {
        longest.par_iter().map(check_part).collect()
    } else {
        longest.iter().map(check_part).collect()
    };
    verdicts.sort_by_key(|(at, _)| *at);
    Ok(CallReport {
        objects: parts.len(),
        verdict: together(calls, &parts, verdicts),
    })
}

fn together<M: Named>(
    calls: &Calls,
    parts: &[Part<M>],
    verdicts: Vec<(usize, ModelVerdict<M::State>)>,
) -> CallVerdict {
    let mut orders = Vec::new();
    let (mut undecided, mut limit, mut disagreement) = (0, None, None);
    let mut best: Option<CallsCounterexample> = None;
    for (at, verdict) in verdicts {
        let part = &parts[at];
        match verdict {
            ModelVerdict::Linearizable(order) => orders.push(positions(part, &order)),
            ModelVerdict::NotLinearizable(stuck) => {
                let found = counterexample(calls, part, &stuck);
                let rank = |c: &CallsCounterexample| (c.calls.len(), c.culprit);
                if best.as_ref().is_none_or(|best| rank(&found) < rank(best)) {
                    best = Some(found);
                }
            }
            ModelVerdict::Unknown(spent) => {
                undecided += 1;
                limit = Some(spent);
            }
            ModelVerdict::Disagreement => disagreement = Some(part.label.clone()),
        }
    }
    match (best, disagreement, limit) {
        (Some(best), ..) => CallVerdict::Invalid(Box::new(best)),
        (None, Some(object), _) => CallVerdict::Disagreement(object),
        (None, None, Some(spent)) => CallVerdict::Unknown {
            spent,
            objects: undecided,
        },
        (None, None, None) => CallVerdict::Valid(orders),
    }
}

fn positions<M: Named>(part: &Part<M>, ops: &[u32]) -> Vec<u32> {
    ops.iter().map(|op| part.calls[*op as usize]).collect()
}

fn counterexample<M: Named>(
    calls: &Calls,
    part: &Part<M>,
    stuck: &super::Stuck<M::State>,
) -> CallsCounterexample {
    let dead: Vec<DeadConfiguration> = (stuck.dead.iter())
        .map(|(state, order)| DeadConfiguration {
            state: part.model.show(state),
            order: positions(part, order),
        })
        .collect();
    let culprit = part.calls[stuck.culprit as usize];
    let call = &calls.calls[culprit as usize];
    let of = part.label.as_ref().filter(|_| call.key.is_none());
    let of = of.map_or(String::new(), |label| format!(" of {label}"));
    let state = dead.first().map_or(String::new(), |dead| {
        format!(
            ": one that explains all that had returned before leaves {}, and nothing under way leads from there to this answer",
            dead.state
        )
    });
    CallsCounterexample {
        object: part.label.clone(),
        culprit,
        reason: format!(
            "no order of the ops explains process {}'s `{call}`{of}{state}",
            call.process
        ),
        calls: positions(part, &stuck.ops),
        minimal: stuck.minimal,
        verified: stuck.verified,
        dead,
    }
}

/// A shortcut tells a whole order, but no partial ones.
fn orders<M: Named>(part: &Part<M>, budget: &Budget) -> Result<Found<M::State>, Spent> {
    match part.model.shortcut(&part.ops) {
        Some(Shortcut::Linearizable(order)) => Ok(Found::Linearizable(order)),
        Some(Shortcut::NotLinearizable) | None => by_search(&part.model, &part.ops, budget, true),
    }
}

fn find_orders<M: Named>(calls: &Calls, options: &Options) -> Result<Vec<ObjectOrders>, BadCall> {
    let deadline = options.time_limit.map(|limit| Instant::now() + limit);
    let of_part = |part: Part<M>| {
        let budget = Budget::new(deadline, options.memory_limit_bytes);
        let found = (budget.look()).and_then(|()| orders(&part, &budget));
        let order = |state: Option<&M::State>, ops: &[u32]| FoundOrder {
            order: positions(&part, ops),
            state: state.map_or_else(String::new, |state| part.model.show(state)),
        };
        let (end, orders) = match &found {
            Ok(Found::Linearizable(ops)) => (OrdersEnd::Linearizable, vec![order(None, ops)]),
            Ok(Found::Stuck { culprit, longest, .. }) => (
                OrdersEnd::Stuck(part.calls[*culprit as usize]),
                longest
                    .iter()
                    .map(|(state, ops)| order(Some(state), ops))
                    .collect(),
            ),
            Err(spent) => (OrdersEnd::Spent(*spent), Vec::new()),
        };
        ObjectOrders {
            object: part.label.clone(),
            ops: part.calls.clone(),
            end,
            orders,
        }
    };
    Ok(M::parts(calls)?.into_iter().map(of_part).collect())
}

fn verify_parts<M: Named>(calls: &Calls, orders: &[Vec<u32>]) -> Result<Result<(), String>, BadCall> {
    let parts = M::parts(calls)?;
    if parts.len() != orders.len() {
        return Ok(Err(format!(
            "it has {} orders for {} objects",
            orders.len(),
            parts.len()
        )));
    }
    for (part, order) in parts.iter().zip(orders) {
        let of = part.label.as_deref().unwrap_or("the object");
        let mut order_of_ops = Vec::with_capacity(order.len());
        for call in order {
            match part.calls.binary_search(call) {
                Ok(op) => order_of_ops.push(op as u32),
                Err(_) => return Ok(Err(format!("call {call} is none of {of}"))),
            }
        }
        if let Err(flaw) = validate(&part.model, &part.ops, &order_of_ops) {
            return Ok(Err(format!("{of}: {flaw}")));
        }
    }
    Ok(Ok(()))
}
