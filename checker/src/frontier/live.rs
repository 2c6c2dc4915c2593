//! The ops that are under way, and those of unknown outcome, in the order in which they are tried.

use rustc_hash::FxHashMap;

use super::table::{Layout, Spot};
use super::{Model, TimedOp};
use crate::lower::NEVER;

/// What is known of an op before the walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) is_pure: bool,
    /// Whether it may be hidden: see rule 7 on the module's page.
    pub(super) is_lazy: bool,
    pub(super) overwrites: bool,
}

/// A required op under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveOp {
    pub(super) op: u32,
    pub(super) slot: u32,
    pub(super) traits: Traits,
    kind: u32,
    end: u64,
}

impl LiveOp {
    /// The bit that is set until it is linearized.
    pub(super) fn missing(&self, layout: Layout) -> Spot {
        if self.traits.is_pure || self.traits.is_lazy {
            layout.pending(self.slot)
        } else {
            Layout::eager(self.slot)
        }
    }

    /// What its return asks for.
    pub(super) fn wanted(&self, layout: Layout) -> Wanted {
        Wanted {
            op: self.op,
            missing: self.missing(layout),
            taken: self.traits.is_lazy.then(|| layout.taken(self.slot)),
        }
    }

    /// Whether a mutator can yet be linearized in `row`.
    fn is_available(&self, layout: Layout, row: &[u64]) -> bool {
        if self.traits.is_lazy {
            !layout.taken(self.slot).is_set(row)
        } else {
            Layout::eager(self.slot).is_set(row)
        }
    }
}

/// The op that returns, as rows tell of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) op: u32,
    missing: Spot,
    /// Of a lazy op.
    taken: Option<Spot>,
}

impl Wanted {
    /// Whether the op can return: it was linearized, or can be hidden.
    pub(super) fn is_settled(self, row: &[u64]) -> bool {
        !self.missing.is_set(row)
    }

    /// Whether it was linearized, so that no path needs to go further for its sake. One that can be hidden may yet
    /// be taken: this is the last moment.
    pub(super) fn is_in(self, row: &[u64]) -> bool {
        self.taken.map_or(self.is_settled(row), |taken| taken.is_set(row))
    }
}

/// Optional ops that are all alike. Which of them were used does not matter, only how many: the used mask has a
/// run of bits for each kind, set from the first on, so that "used no more of any kind" is "is a subset".
#[derive(Debug, Default)]
struct Optional {
    first_bit: u32,
    count: u32,
    /// Those called so far.
    called: Vec<u32>,
}

/// A step that can be taken from a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    Required(LiveOp),
    /// An op, and the bit that says that it was used.
    Optional(u32, Spot, Traits),
}

#[derive(Debug)]
pub(super) struct Live {
    layout: Layout,
    /// Per op its kind: equal ops are of one kind.
    kinds: Vec<u32>,
    traits: Vec<Traits>,
    pure: Vec<LiveOp>,
    /// By kind, and within a kind the one that returns first comes first.
    mutators: Vec<LiveOp>,
    optional: Vec<Optional>,
    /// Kinds of which an optional op was called, in that order.
    called: Vec<u32>,
    /// The slot of each op.
    slots: Vec<u32>,
    free_slots: Vec<u32>,
    /// The bits of lazy ops under way, as words of the pending mask.
    lazy: Vec<u64>,
}

impl Live {
    /// Looks through all ops, of which at most `width` are under way at once.
    pub(super) fn new<M: Model>(model: &M, ops: &[TimedOp<M::Op>], width: usize) -> Self {
        let mut kind_of: FxHashMap<M::Op, u32> = FxHashMap::default();
        let mut traits: Vec<Traits> = Vec::new();
        let mut optional: Vec<Optional> = Vec::new();
        let mut kinds = Vec::with_capacity(ops.len());
        for op in ops {
            let next = traits.len() as u32;
            let kind = *kind_of.entry(op.op).or_insert(next);
            if kind == next {
                traits.push(Traits {
                    is_pure: model.is_pure(op.op),
                    // A pure op is linearized as soon as it can be.
                    is_lazy: model.is_blind(op.op) && !model.is_pure(op.op),
                    overwrites: model.overwrites(op.op),
                });
                optional.push(Optional::default());
            }
            optional[kind as usize].count += u32::from(op.end == NEVER);
            kinds.push(kind);
        }
        // Nothing can be hidden where nothing overwrites.
        let may_hide = model.sink().is_some() || traits.iter().any(|t| t.overwrites);
        for traits in &mut traits {
            traits.is_lazy &= may_hide;
        }
        let mut used = 0;
        for kind in &mut optional {
            kind.first_bit = used;
            used += kind.count;
        }
        let words = |wanted: bool, bits: usize| if wanted { bits.div_ceil(64) } else { 0 };
        let layout = Layout {
            eager_words: words(traits.iter().any(|t| !t.is_pure && !t.is_lazy), width),
            // One more: see `Live::blind_end`.
            pending_words: words(true, width + 1),
            taken_words: words(traits.iter().any(|t| t.is_lazy), width),
            used_words: words(true, used as usize),
        };
        let width = u32::try_from(width).expect("ops are counted by a u32");
        Self {
            layout,
            kinds,
            traits,
            pure: Vec::new(),
            mutators: Vec::new(),
            optional,
            called: Vec::new(),
            slots: vec![0; ops.len()],
            free_slots: (0..width).rev().collect(),
            lazy: vec![0; layout.pending_words],
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// The bit of the pending mask that no slot has. It is set where the steps of an expansion end with blind ones
    /// that nobody has seen.
    pub(super) fn blind_end(&self) -> Spot {
        let bits = self.layout.pending_words * 64 - 1;
        self.layout
            .pending(u32::try_from(bits).expect("ops are counted by a u32"))
    }

    pub(super) fn traits(&self, op: u32) -> Traits {
        self.traits[self.kinds[op as usize] as usize]
    }

    /// A required op begins.
    pub(super) fn begin(&mut self, op: u32, end: u64) -> LiveOp {
        let slot = self
            .free_slots
            .pop()
            .expect("there are as many slots as live ops at any time");
        self.slots[op as usize] = slot;
        let live = LiveOp {
            op,
            slot,
            traits: self.traits(op),
            kind: self.kinds[op as usize],
            end,
        };
        if live.traits.is_pure {
            self.pure.push(live);
        } else {
            let at = self
                .mutators
                .partition_point(|other| (other.kind, other.end, other.op) < (live.kind, end, op));
            self.mutators.insert(at, live);
        }
        if live.traits.is_lazy {
            self.lazy[slot as usize / 64] |= 1 << (slot % 64);
        }
        live
    }

    /// An optional op begins.
    pub(super) fn begin_optional(&mut self, op: u32) {
        let kind = self.kinds[op as usize];
        let called = &mut self.optional[kind as usize].called;
        if called.is_empty() {
            self.called.push(kind);
        }
        called.push(op);
    }

    /// A required op ends.
    pub(super) fn end(&mut self, op: u32) {
        let slot = self.slots[op as usize];
        let among = if self.traits(op).is_pure {
            &mut self.pure
        } else {
            &mut self.mutators
        };
        among.retain(|live| live.op != op);
        self.lazy[slot as usize / 64] &= !(1 << (slot % 64));
        self.free_slots.push(slot);
    }

    /// The op, which is under way.
    pub(super) fn find(&self, op: u32) -> LiveOp {
        let among = if self.traits(op).is_pure {
            &self.pure
        } else {
            &self.mutators
        };
        *among
            .iter()
            .find(|live| live.op == op)
            .expect("an op is live until it returns")
    }

    pub(super) fn pure(&self) -> &[LiveOp] {
        &self.pure
    }

    /// All lazy ops under way can be hidden at this moment, and need be linearized no more.
    pub(super) fn hide_all(&self, row: &mut [u64]) {
        let first = self.layout.pending(0).word;
        for (word, lazy) in row[first..].iter_mut().zip(&self.lazy) {
            *word &= !lazy;
        }
    }

    /// The mutators to try from `row`: of ops that are alike the one that returns first (rule 6).
    pub(super) fn choices(&self, row: &[u64], choices: &mut Vec<Choice>) {
        choices.clear();
        let mut last: Option<(u32, bool)> = None;
        for live in &self.mutators {
            if last.is_some_and(|(kind, is_settled)| kind == live.kind && is_settled)
                || !live.is_available(self.layout, row)
            {
                continue;
            }
            let is_pending = live.missing(self.layout).is_set(row);
            if last.is_some_and(|(kind, _)| kind == live.kind) && !is_pending {
                continue;
            }
            choices.push(Choice::Required(*live));
            // One that could be hidden stands for one that cannot only where taking it hides that.
            last = Some((live.kind, is_pending || live.traits.overwrites));
        }
        let required = choices.len();
        for kind in &self.called {
            let optional = &self.optional[*kind as usize];
            let is_kind = |choice: &Choice| matches!(choice, Choice::Required(live) if live.kind == *kind);
            if choices[..required].iter().any(is_kind) {
                continue;
            }
            let unused = (optional.first_bit..)
                .zip(&optional.called)
                .map(|(bit, op)| (*op, self.layout.used(bit)))
                .find(|(_, spot)| !spot.is_set(row));
            if let Some((op, spot)) = unused {
                choices.push(Choice::Optional(op, spot, self.traits[*kind as usize]));
            }
        }
    }
}
