//! The minimal counterexample, drawn: bars on process lanes, from invocation to completion, the culprit marked.
//!
//! Order and overlap of the intervals are what the argument rests on, so these are exact; lengths are not to scale,
//! or a read of half a millisecond would vanish beside the two seconds since the write that it missed.

use std::collections::BTreeSet;

use askama::Template;

use super::{Clock, outcome_class};
use crate::format;
use crate::report::Span;
use crate::results::{Counterexample, CounterexampleOp};

/// The most ops drawn; the table beneath has all of them.
const MAX_DRAWN: usize = 40;
/// Width of the whole drawing, in its own units.
const WIDTH: f64 = 920.0;
/// Where the lanes' names end and the bars begin.
const LEFT: f64 = 96.0;
/// Room at the right for the fading edge of ops that never ended.
const RIGHT: f64 = 40.0;
const TOP: f64 = 34.0;
const ROW: f64 = 40.0;
/// Room between the last row and the frame.
const BOTTOM: f64 = 10.0;
/// The average advance of a character at the drawing's text size, a little too wide so that texts never touch.
const ADVANCE: f64 = 8.0;

/// The drawing's shapes, in its own units.
#[derive(Template)]
#[template(path = "counterexample.svg", escape = "html")]
struct Drawing {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    lanes: Vec<Lane>,
    bars: Vec<Bar>,
    ticks: Vec<Tick>,
    culprit_at: Option<f64>,
    bottom: f64,
}

struct Lane {
    name: String,
    y: f64,
    middle: f64,
}

struct Bar {
    class: &'static str,
    culprit: bool,
    open_ended: bool,
    x: f64,
    y: f64,
    text_x: f64,
    text_y: f64,
    width: f64,
    text: String,
    title: String,
}

struct Tick {
    x: f64,
    text: String,
}

/// The drawing as inline SVG, and how many of the ops it shows. `None` when there are no ops.
pub(crate) fn draw(counterexample: &Counterexample, span: Span) -> Option<(String, usize)> {
    let ops = nearest_to_culprit(&counterexample.ops);
    if ops.is_empty() {
        return None;
    }
    let clock = Clock::new(counterexample, span);
    let axis = Axis::new(&ops, clock);
    let mut processes: Vec<String> = Vec::new();
    for op in &ops {
        if !processes.contains(&op.shown_process()) {
            processes.push(op.shown_process());
        }
    }
    let mut lanes = Vec::new();
    let mut bars = Vec::new();
    let mut y = TOP;
    for process in processes {
        let mut rows = Rows::default();
        for op in ops.iter().filter(|op| op.shown_process() == process) {
            bars.push(bar(op, &axis, &mut rows, y, clock));
        }
        let height = ROW * rows.len() as f64;
        lanes.push(Lane {
            name: format::shorten(&format!("process {process}"), 12),
            y,
            middle: y + height / 2.0 + 4.0,
        });
        y += height;
    }
    let culprit = ops.iter().find(|op| op.culprit);
    let drawing = Drawing {
        width: WIDTH,
        height: y + BOTTOM,
        left: LEFT,
        right: WIDTH - 4.0,
        culprit_at: culprit.map(|op| axis.x(op.start_ns)),
        ticks: ticks(&axis, clock),
        bottom: y,
        lanes,
        bars,
    };
    Some((
        drawing.render().expect("rendering into a String cannot fail"),
        ops.len(),
    ))
}

/// All ops, or where there are too many, those that began closest to the culprit.
fn nearest_to_culprit(ops: &[CounterexampleOp]) -> Vec<&CounterexampleOp> {
    let mut nearest: Vec<&CounterexampleOp> = ops.iter().collect();
    if nearest.len() > MAX_DRAWN {
        let centre = ops.iter().find(|op| op.culprit).map_or(0, |op| op.start_ns);
        nearest.sort_by_key(|op| (op.start_ns.abs_diff(centre), op.index));
        nearest.truncate(MAX_DRAWN);
    }
    nearest.sort_by_key(|op| (op.start_ns, op.index));
    nearest
}

/// Maps moments to places: in order, with long gaps shortened.
struct Axis {
    moments: Vec<u64>,
    places: Vec<f64>,
}

impl Axis {
    fn new(ops: &[&CounterexampleOp], clock: Clock) -> Self {
        let moments: BTreeSet<u64> = ops
            .iter()
            .flat_map(|op| [Some(op.start_ns), finite_end(op)])
            .flatten()
            .collect();
        let moments: Vec<u64> = moments.into_iter().collect();
        let mut at = 0.0;
        let mut places = vec![0.0];
        for pair in moments.windows(2) {
            // Between a fixed share and a logarithm of the gap in its unit: a gap is always seen, none dominates.
            at += 2.0 + ((pair[1] - pair[0]) as f64 / clock.unit()).ln_1p();
            places.push(at);
        }
        let open_ended = ops.iter().any(|op| finite_end(op).is_none());
        let width = WIDTH - LEFT - RIGHT - if open_ended { 60.0 } else { 0.0 };
        let scale = if at > 0.0 { width / at } else { 0.0 };
        places
            .iter_mut()
            .for_each(|place| *place = LEFT + 10.0 + *place * scale);
        Self { moments, places }
    }

    fn x(&self, at_ns: u64) -> f64 {
        self.places[self
            .moments
            .partition_point(|&moment| moment < at_ns)
            .min(self.places.len() - 1)]
    }
}

/// When the op ended; an `info` op never did.
fn finite_end(op: &CounterexampleOp) -> Option<u64> {
    op.end_ns
        .filter(|_| op.outcome != "info")
        .map(|end| end.max(op.start_ns))
}

/// For each row of a lane, the place up to which it is taken.
type Rows = Vec<f64>;

fn bar(op: &CounterexampleOp, axis: &Axis, rows: &mut Rows, lane_y: f64, clock: Clock) -> Bar {
    let x = axis.x(op.start_ns);
    let end = finite_end(op);
    let right = end.map_or(WIDTH - RIGHT / 2.0, |end| axis.x(end)).max(x + 6.0);
    let glyph = match op.outcome.as_str() {
        _ if op.culprit => "✗ ",
        "info" => "? ",
        "fail" => "⊘ ",
        _ => "",
    };
    let text = format!("{glyph}{}", format::shorten(&op.text, 60));
    // The culprit's text is bold.
    let advance = if op.culprit { ADVANCE * 1.12 } else { ADVANCE };
    let text_width = text.chars().count() as f64 * advance;
    let text_x = x.min(WIDTH - 4.0 - text_width).max(LEFT + 4.0);
    let (from, to) = (text_x.min(x), right.max(text_x + text_width) + 8.0);
    let row = rows.iter().position(|&taken| taken <= from).unwrap_or_else(|| {
        rows.push(0.0);
        rows.len() - 1
    });
    rows[row] = to;
    let y = lane_y + row as f64 * ROW;
    let interval = match end {
        Some(end) => format!(
            "{} to {} ({})",
            clock.moment(op.start_ns),
            clock.moment(end),
            clock.length(op.start_ns, end)
        ),
        None => format!("from {}, never known to end", clock.moment(op.start_ns)),
    };
    Bar {
        class: outcome_class(&op.outcome),
        culprit: op.culprit,
        open_ended: end.is_none(),
        x,
        y: y + 20.0,
        text_x,
        text_y: y + 15.0,
        width: right - x,
        title: format!(
            "op {}, process {}: {} ({}), {interval}",
            op.index,
            op.shown_process(),
            op.text,
            op.outcome
        ),
        text,
    }
}

/// Moments along the top, as many as fit side by side: the first in seconds of the run, the others from there on.
fn ticks(axis: &Axis, clock: Clock) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut free_from = 0.0;
    for (&moment, &x) in axis.moments.iter().zip(&axis.places) {
        let text = match ticks.is_empty() {
            true => clock.moment(moment),
            false => format!("+{}", clock.length(axis.moments[0], moment)),
        };
        let width = text.chars().count() as f64 * ADVANCE;
        if x >= free_from && x + width < WIDTH {
            free_from = x + width + 12.0;
            ticks.push(Tick { x, text });
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        start_ns: 0,
        end_ns: 10_000_000_000,
    };

    fn op(index: u64, start_ns: u64, end_ns: Option<u64>, culprit: bool) -> CounterexampleOp {
        let outcome = if end_ns.is_some() { "ok" } else { "info" };
        CounterexampleOp {
            index,
            process: index,
            process_name: None,
            text: format!("write {index}"),
            outcome: outcome.into(),
            start_ns,
            end_ns,
            culprit,
            counts_as: None,
        }
    }

    fn counterexample(ops: Vec<CounterexampleOp>) -> Counterexample {
        Counterexample {
            read_mode: "leader-local".into(),
            model: "linearizable".into(),
            key: 3,
            key_name: None,
            untimed: false,
            reason: "stale".into(),
            ops,
        }
    }

    #[test]
    fn places_keep_the_order_of_moments() {
        let ops = [
            op(0, 5, Some(6), false),
            op(1, 6, Some(2_000_000_000), false),
            op(2, 2_000_000_001, None, true),
        ];
        let clock = Clock::new(&counterexample(Vec::new()), SPAN);
        let axis = Axis::new(&ops.iter().collect::<Vec<_>>(), clock);
        assert!(
            axis.places.windows(2).all(|pair| pair[0] + 1.0 < pair[1]),
            "{:?}",
            axis.places
        );
        assert!(axis.places.iter().all(|&x| (LEFT..WIDTH).contains(&x)));
        assert!(axis.x(6) < axis.x(2_000_000_000));
    }

    #[test]
    fn no_ops_give_no_drawing() {
        assert!(draw(&counterexample(Vec::new()), SPAN).is_none());
    }

    #[test]
    fn a_single_op_is_drawn() {
        let (svg, drawn) = draw(&counterexample(vec![op(0, 7, Some(7), true)]), SPAN).expect("a drawing");
        assert_eq!(drawn, 1);
        assert!(svg.contains("✗ write 0"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn too_many_ops_keep_the_culprit() {
        let ops = (0..200)
            .map(|i| op(i, i * 1_000, Some(i * 1_000 + 500), i == 150))
            .collect();
        let (svg, drawn) = draw(&counterexample(ops), SPAN).expect("a drawing");
        assert_eq!(drawn, MAX_DRAWN);
        assert!(svg.contains("✗ write 150"));
    }

    #[test]
    fn texts_of_ops_are_escaped() {
        let mut hostile = op(0, 1, Some(2), true);
        hostile.text = "<script>alert(1)</script>\"'&".into();
        let (svg, _) = draw(&counterexample(vec![hostile]), SPAN).expect("a drawing");
        assert!(!svg.contains("<script"));
    }
}
