//! A register of which a read may return any of the last k values: the model by which the frontier search decides
//! k-atomicity for a small k.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::Key;
use crate::budget::{Budget, Spent};
use crate::frontier::{self, Model, TimedOp};
use crate::lower::{Effect, NIL};

/// What an op does to the register, or demands of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WindowOp {
    /// A value that is one of the last k.
    Recent(u32),
    /// Anything that is held to the present.
    Now(Effect),
}

/// The windows met so far, newest value first, by number.
#[derive(Default)]
struct Windows {
    numbers: FxHashMap<Box<[u32]>, u32>,
    windows: Vec<Box<[u32]>>,
}

impl Windows {
    fn number(&mut self, window: Box<[u32]>) -> u32 {
        if let Some(number) = self.numbers.get(&window) {
            return *number;
        }
        let number = u32::try_from(self.windows.len()).expect("the budget ends a search long before");
        self.windows.push(window.clone());
        self.numbers.insert(window, number);
        number
    }
}

struct Window {
    k: usize,
    windows: RefCell<Windows>,
}

impl Window {
    fn after(&self, state: u32, op: WindowOp) -> Option<u32> {
        let mut windows = self.windows.borrow_mut();
        let window = &windows.windows[state as usize];
        let value = match op {
            WindowOp::Recent(value) => return window.contains(&value).then_some(state),
            WindowOp::Now(Effect::Read(value)) => return (window[0] == value).then_some(state),
            WindowOp::Now(Effect::Write(value)) => value,
            WindowOp::Now(Effect::Cas { from, to }) if window[0] == from => to,
            WindowOp::Now(Effect::Cas { .. } | Effect::NotHeld(_) | Effect::Never) => return None,
        };
        let older = window.iter().copied().take(self.k - 1);
        let window = std::iter::once(value).chain(older).collect();
        Some(windows.number(window))
    }
}

impl Model for Window {
    type Op = WindowOp;

    fn initial(&self) -> u32 {
        self.windows.borrow_mut().number(Box::new([NIL]))
    }

    fn each_step(&self, state: u32, op: WindowOp, mut each: impl FnMut(u32)) {
        // Nothing is borrowed while `each` runs: it may take further steps.
        let after = self.after(state, op);
        if let Some(after) = after {
            each(after);
        }
    }

    fn is_pure(&self, op: WindowOp) -> bool {
        match op {
            WindowOp::Recent(_) => true,
            WindowOp::Now(effect) => effect.is_pure(),
        }
    }
}

/// Whether a key is k-atomic. `k` is at least 1.
pub(super) fn is_k_atomic(key: &Key<'_>, k: usize, budget: &Budget) -> Result<bool, Spent> {
    let ops: Vec<TimedOp<WindowOp>> = (0..)
        .zip(key.ops.ops.iter().zip(&key.stale))
        .map(|(tag, (op, stale))| TimedOp {
            op: match op.effect {
                Effect::Read(value) if *stale => WindowOp::Recent(value),
                effect => WindowOp::Now(effect),
            },
            start: op.start,
            end: op.end,
            tag,
        })
        .collect();
    let model = Window {
        k,
        windows: RefCell::default(),
    };
    let answer = frontier::search(&model, &ops, budget, false)?;
    Ok(matches!(answer, frontier::Answer::Linearizable(_)))
}
