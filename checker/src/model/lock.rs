//! Locks: `acquire` and `release`. The lock is free at first; who holds it does not matter, only that it is held at
//! most once. With fencing, each acquisition returns a greater token than all before it (Kleppmann, "How to do
//! distributed locking", 2016).

use super::Model;
use super::lower::{BadCall, Named, Part, answer, int, may_have_happened, no_such, objects};
use crate::call::{Call, Calls, Datum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// With its token, where that is known.
    Acquire(Option<i64>),
    /// With the token that is given back, where the call names one: else it gives back whatever is held.
    Release(Option<i64>),
}

pub(super) struct Lock;

impl Model for Lock {
    type State = bool;
    type Op = Op;

    fn initial(&self) -> bool {
        false
    }

    fn step(&self, held: &bool, op: &Op) -> Vec<bool> {
        match (op, held) {
            (Op::Acquire(_), false) => vec![true],
            (Op::Release(_), true) => vec![false],
            _ => vec![],
        }
    }
}

impl Named for Lock {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let objects = objects(calls, |call| {
            // A lock without tokens has no use for values. But a pair may be that of a key, and nothing tells.
            if let Datum::Vector(items) = &call.argument
                && items.len() == 2
            {
                return Err(format!(
                    "the value of `{}` is a pair, and no op tells whether it begins with a key; invoke `acquire` with [key nil], \
                     or give the key a field of its own",
                    call.f
                ));
            }
            let op = op("lock", call, |_, _| Ok(None))?;
            Ok(op.map(|op| (call.key.clone(), op)))
        })?;
        Ok(objects.into_iter().map(|object| object.by(Self)).collect())
    }

    fn show(&self, held: &bool) -> String {
        if *held { "held" } else { "free" }.to_owned()
    }
}

pub(super) struct FencedLock;

/// Whether it is held, and what is known of the last token.
type Fenced = (bool, Token);

/// What is known of the last token that was given: which one, or all that it may have been. An acquisition of unknown outcome may
/// have got any token that is greater than the one before it, and the release of a token tells which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// None was given yet.
    None,
    /// It was this one.
    Is(i64),
    /// It was this one or any greater one: nobody was told.
    AtLeast(i128),
}

impl Token {
    /// Whether the next one may be `token`.
    fn may_precede(self, token: i64) -> bool {
        match self {
            Self::None => true,
            Self::Is(last) => last < token,
            Self::AtLeast(least) => least < i128::from(token),
        }
    }

    /// Whether it may be `token`.
    fn may_be(self, token: i64) -> bool {
        match self {
            Self::None => false,
            Self::Is(last) => last == token,
            Self::AtLeast(least) => least <= i128::from(token),
        }
    }

    /// The next one, of which nobody was told.
    fn unknown_next(self) -> Self {
        Self::AtLeast(match self {
            Self::None => i64::MIN.into(),
            Self::Is(last) => i128::from(last) + 1,
            // Tokens are integers, so each is greater than the one before by one at least.
            Self::AtLeast(least) => least + 1,
        })
    }
}

impl Model for FencedLock {
    type State = Fenced;
    type Op = Op;

    fn initial(&self) -> Fenced {
        (false, Token::None)
    }

    /// A state stands for all tokens that the last one may have been. What follows is possible if it is from one of
    /// them: so the states after an op are those after it from any of them, and none are lost or made up.
    fn step(&self, (held, last): &Fenced, op: &Op) -> Vec<Fenced> {
        let after = match *op {
            Op::Acquire(Some(token)) if !held && last.may_precede(token) => Some((true, Token::Is(token))),
            Op::Acquire(None) if !held => Some((true, last.unknown_next())),
            Op::Release(None) if *held => Some((false, *last)),
            Op::Release(Some(token)) if *held && last.may_be(token) => Some((false, Token::Is(token))),
            _ => None,
        };
        after.into_iter().collect()
    }
}

impl Named for FencedLock {
    fn parts(calls: &Calls) -> Result<Vec<Part<Self>>, BadCall> {
        let objects = objects(calls, |call| {
            let op = op("fenced-lock", call, |call, value| int(call, value).map(Some))?;
            Ok(op.map(|op| (call.key.clone(), op)))
        })?;
        Ok(objects.into_iter().map(|object| object.by(Self)).collect())
    }

    fn show(&self, (held, last): &Fenced) -> String {
        let held = if *held { "held" } else { "free" };
        match last {
            Token::None => held.to_owned(),
            Token::Is(last) => format!("{held}, last token {last}"),
            Token::AtLeast(least) if *least <= i64::MIN.into() => format!("{held}, last token unknown"),
            Token::AtLeast(least) => format!("{held}, last token unknown, {least} or more"),
        }
    }
}

fn op(
    model: &str,
    call: &Call,
    token: impl Fn(&Call, &Datum) -> Result<Option<i64>, String>,
) -> Result<Option<Op>, String> {
    let is_acquire = match &*call.f {
        "acquire" | "lock" => true,
        "release" | "unlock" => false,
        _ => return Err(no_such(model, call, "acquire and release")),
    };
    if !may_have_happened(call) {
        return Ok(None);
    }
    Ok(Some(if is_acquire {
        match answer(call) {
            Some(value) => Op::Acquire(token(call, value)?),
            None => Op::Acquire(None),
        }
    } else {
        match &call.argument {
            Datum::Nil => Op::Release(None),
            value => Op::Release(token(call, value)?),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Model, TimedOp, check_model};
    use super::{FencedLock, Lock, Op};
    use crate::linearizable::Options;

    /// One op after the other; those of unknown outcome are acquisitions without a token.
    fn holds(model: &impl Model<Op = Op>, ops: &[Op]) -> bool {
        let timed = (0..).zip(ops).map(|(at, op)| TimedOp {
            op: *op,
            start_ns: 10 * at,
            end_ns: (*op != Op::Acquire(None)).then_some(10 * at + 5),
        });
        check_model(model, &timed.collect::<Vec<_>>(), &Options::default()).is_linearizable()
    }

    #[test]
    fn an_acquisition_of_unknown_outcome_may_have_got_any_greater_token() {
        let (got, unknown, back) = (
            |token| Op::Acquire(Some(token)),
            Op::Acquire(None),
            |token| Op::Release(Some(token)),
        );
        let anything = Op::Release(None);
        for (expected, ops) in [
            (true, &[unknown, back(7)][..]),
            (true, &[got(1), back(1), unknown, back(7), got(8)]),
            (true, &[got(1), back(1), unknown, back(2), got(3)]),
            (true, &[got(1), back(1), unknown, anything, got(3)]),
            // It need not have happened.
            (true, &[got(1), back(1), unknown, got(2)]),
            (true, &[unknown, got(i64::MIN)]),
            (true, &[got(i64::MAX), back(i64::MAX), unknown, anything]),
            (false, &[got(1), back(1), unknown, back(1)]),
            (false, &[got(1), back(1), unknown, back(7), got(7)]),
            (false, &[got(1), back(1), unknown, anything, got(2)]),
            (false, &[got(1), back(1), unknown, anything, unknown, back(2)]),
            (false, &[unknown, anything, got(i64::MIN)]),
            (false, &[got(i64::MAX), back(i64::MAX), unknown, back(i64::MAX)]),
            (false, &[got(1), back(2)]),
            (false, &[unknown, back(7), back(7)]),
        ] {
            assert_eq!(holds(&FencedLock, ops), expected, "{ops:?}");
        }
    }

    #[test]
    fn a_lock_without_tokens_may_be_released_whoever_acquired_it() {
        for (expected, ops) in [
            (true, &[Op::Acquire(None), Op::Release(None)][..]),
            (
                true,
                &[Op::Acquire(None), Op::Release(Some(7)), Op::Acquire(Some(1))],
            ),
            (false, &[Op::Acquire(None), Op::Release(None), Op::Release(None)]),
        ] {
            assert_eq!(holds(&Lock, ops), expected, "{ops:?}");
        }
    }
}
