'use strict';
/** Draws a history of any objects: the lanes, and over them a linearization as numbered dots on a line. */
class HistoryPainter extends Painter {
  static BAR = { least: 3, gap: 4, labelled: 18 };

  /** More dots in view than this are drawn without numbers, and more than some thousands as a line only. */
  static MOST_NUMBERS = 160;
  static MOST_DOTS = 3000;

  draw(layout, view, scroll, { selected, order, hits }) {
    const c = this.context;
    this.left = layout.left;
    this.hits = hits;
    c.clearRect(0, 0, this.width, this.height);
    c.font = this.font;
    c.textBaseline = 'middle';
    c.save();
    c.translate(0, -scroll);
    this.lines(layout);
    c.save();
    c.beginPath();
    c.rect(layout.left, 0, this.width - layout.left, Math.max(layout.height, this.height));
    c.clip();
    const lanes = this.visibleLanes(layout, view, scroll);
    const count = lanes.reduce((sum, lane) => sum + lane.to - lane.from, 0);
    if (count <= Painter.MOST_BARS) this.bars(layout, view, lanes); else this.columns(layout, view, lanes);
    this.culprits(layout, view);
    if (order) this.order(layout, view, scroll, order);
    if (selected !== null && this.track[selected] >= 0) this.selection(layout, view, selected);
    c.restore();
    this.names(layout, scroll);
    c.restore();
    this.axis(layout, view);
  }

  lines(layout) {
    const c = this.context;
    c.strokeStyle = this.colour('grid');
    c.lineWidth = 1;
    c.beginPath();
    this.ops.lanes.forEach((lane, at) => {
      if (lane.name === '') return;
      c.moveTo(0, layout.laneY(at) + 0.5);
      c.lineTo(this.width, layout.laneY(at) + 0.5);
    });
    c.stroke();
  }

  mark(row) { return super.mark(row) ?? (this.hits?.[row] ? 'link' : null); }

  labels(row) {
    const text = HistoryOps.text(this.ops, row);
    return [text, text.split(' ').slice(-1)[0]];
  }

  culprits(layout, view) {
    const { data } = this.ops;
    const shown = data.culprits.filter((row) => this.track[row] >= 0);
    this.ops.lane = this.track;
    this.ops.data = { ...data, culprits: shown };
    super.culprits(layout, view);
    this.ops.data = data;
  }

  /** The dots of an order that are in view, each on its op at the moment at which that may have taken effect. */
  order(layout, view, scroll, { rows, times }) {
    const c = this.context;
    let from = lowerBound(times, view.from), to = lowerBound(times, view.to + 1e-9);
    from = Math.max(0, from - 1);
    to = Math.min(times.length, to + 1);
    const points = [];
    const step = Math.max(1, Math.ceil((to - from) / 20000));
    for (let at = from; at < to; at += step) {
      const track = this.track[rows[at]];
      if (track >= 0) points.push({ at, x: view.x(times[at]), y: layout.laneY(track) + layout.lane / 2 });
    }
    HistoryPainter.spread(points, view, this.ops, rows);
    c.strokeStyle = this.colour('ink');
    c.globalAlpha = points.length > HistoryPainter.MOST_DOTS ? 0.35 : 0.75;
    c.lineWidth = 1.25;
    c.beginPath();
    points.forEach(({ x, y }, at) => { if (at === 0) c.moveTo(x, y); else c.lineTo(x, y); });
    c.stroke();
    c.globalAlpha = 1;
    c.lineWidth = 1;
    if (points.length <= HistoryPainter.MOST_DOTS) this.dots(layout, points);
  }

  /** Dots of one moment side by side, as far as their ops reach, so that their order can be seen. */
  static spread(points, view, ops, rows) {
    for (let at = 1; at < points.length; at++) {
      const room = Math.max(points[at].x, view.x(ops.end[rows[points[at].at]]) - 4);
      points[at].x = Math.max(points[at].x, Math.min(points[at - 1].x + 15, room), Math.min(points[at - 1].x, room));
    }
  }

  dots(layout, points) {
    const c = this.context;
    const roomy = points.length <= HistoryPainter.MOST_NUMBERS && layout.lane >= 13;
    const taken = new Map();
    c.textAlign = 'center';
    c.font = this.font.replace('11px', '10px');
    for (const { at, x, y } of points) {
      const text = String(at + 1);
      // A number that would cover the one before it on its track is left out; the table and the tooltip have it.
      const wide = Math.max(7, 3 + text.length * 3.2);
      const numbered = roomy && x - wide > (taken.get(y) ?? -Infinity);
      const radius = numbered ? wide : 2.5;
      if (numbered) taken.set(y, x + wide);
      c.beginPath();
      if (numbered) c.roundRect(x - radius, y - 7, radius * 2, 14, 7); else c.arc(x, y, radius, 0, 7);
      c.fillStyle = this.colour('paper');
      c.fill();
      c.strokeStyle = this.colour('ink');
      c.stroke();
      if (!numbered) continue;
      c.fillStyle = this.colour('ink');
      c.fillText(text, x, y + 0.5);
    }
    c.textAlign = 'left';
    c.font = this.font;
  }

  names(layout, scroll) {
    const c = this.context;
    c.fillStyle = this.colour('paper');
    c.fillRect(0, 0, layout.left - 2, Math.max(layout.height, this.height));
    c.textAlign = 'right';
    c.fillStyle = this.colour('muted');
    const every = Math.ceil(11 / layout.lane);
    const first = Math.max(0, Math.floor((scroll - layout.lanesTop) / layout.lane));
    const last = Math.min(this.ops.lanes.length, first + Math.ceil(this.height / layout.lane) + 2);
    for (let at = first; at < last; at++) {
      const { name } = this.ops.lanes[at];
      if (name === '' || at % every !== 0) continue;
      c.fillText(this.fit(name, layout.left - 12), layout.left - 8, layout.laneY(at) + layout.lane / 2);
    }
    c.textAlign = 'left';
  }

  fit(text, room) {
    const c = this.context;
    let cut = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    while (cut.length > 2 && c.measureText(cut).width > room) cut = `${cut.slice(0, -2)}…`;
    return cut;
  }
}

/** The first place of a sorted array that is not less than `value`. */
function lowerBound(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}
