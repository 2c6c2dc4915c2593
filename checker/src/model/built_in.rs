//! The models that have a name, and the check of a history of calls by one of them.

use std::fmt;
use std::str::FromStr;

use super::certify;
use super::counter::Counter;
use super::lock::{FencedLock, Lock};
use super::lower::{BadCall, no_such};
use super::multi_register::MultiRegister;
use super::parts::{check_parts, decide_parts, find_orders, verify_parts};
use super::queue::{Any, First, Last, Queue};
use super::register::Register;
use super::report::{CallReport, CallVerdict};
use super::sequence::{KeyValue, ListAppend};
use super::set::Set;
use crate::budget::Spent;
use crate::call::{Call, Calls, Datum};
use crate::certificate::{Certificate, Refusal};
use crate::linearizable::{Options, in_pool};
use crate::orders::ObjectOrders;

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
            let fenced = ["acquire", "lock"]
                .iter()
                .any(|f| answers(f, |value| value.as_int().is_some()));
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
