'use strict';
/** What the two timelines share: a canvas that shows a window of time over lanes of ops, moved by pointer, wheel, keys and
 * buttons. Who extends it has `ops`, `mask` (which ops are shown) and `painter`, and says where ops are and what is told
 * of them: `layoutFor(width)`, `laneOf(row)`, `lines(row)`, `lookAt(row)`, `paint()`, `changed()`, `toViolation()`. */
class Stage {
  constructor(end) {
    this.view = new TimeWindow(end);
    this.selected = null;
    this.pending = false;
    for (const id of ['stage', 'spacer', 'canvas', 'tooltip', 'status']) this[id] = document.getElementById(id);
    this.panel = document.getElementById('details');
    this.form = document.getElementById('controls');
  }

  /** Begins to listen, once all is there. */
  listen() {
    for (const button of this.form.querySelectorAll('button[data-act]')) {
      button.addEventListener('click', () => this.command(button.dataset.act));
    }
    this.form.querySelector('[data-act=violation]').hidden = this.data.culprits.length === 0;
    Gestures.listen(this.canvas, this);
    this.stage.addEventListener('scroll', () => this.redraw(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    // Dark is for screens only; before a page is printed there is no further frame, so this draws at once.
    for (const query of ['screen and (prefers-color-scheme: dark)', 'print']) {
      matchMedia(query).addEventListener('change', () => { this.painter.readColours(); this.paint(); });
    }
  }

  resize() {
    const width = this.stage.clientWidth;
    if (width === 0) return;
    this.layout = this.layoutFor(width);
    this.spacer.style.height = `${this.layout.height}px`;
    this.view.place(this.layout.left, width - this.layout.left);
    this.painter.resize(width, Math.min(this.layout.height, Math.max(200, this.stage.clientHeight)));
    this.painter.left = this.layout.left;
    this.redraw();
  }

  /** Draws once before the next frame, however often it was asked to. */
  redraw() {
    if (this.pending || !this.layout) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.paint();
    });
  }

  pan(pixels) { this.view.pan(pixels); this.changed(); }
  scroll(pixels) { this.stage.scrollTop += pixels; }

  /** Whether there was anything left to zoom. */
  zoom(factor, x) {
    const before = this.view.length;
    this.view.zoom(factor, x);
    this.leave();
    this.changed();
    return this.view.length !== before;
  }

  leave() { this.tooltip.hidden = true; }

  command(name) { this.commands()[name]?.(); }

  /** What keys and buttons do, by name. */
  commands() {
    const { view } = this;
    return {
      'zoom-in': () => this.zoom(1.6), 'zoom-out': () => this.zoom(1 / 1.6),
      left: () => this.pan(-view.width / 6), right: () => this.pan(view.width / 6),
      all: () => { view.all(); this.changed(); },
      violation: () => this.toViolation(),
      clear: () => { this.selected = null; this.panel.hidden = true; this.leave(); this.changed(); },
      next: () => this.step(1), previous: () => this.step(-1),
      'lane-down': () => this.changeLane(1), 'lane-up': () => this.changeLane(-1),
    };
  }

  /** Selects the next or previous op shown on the lane of the selection. */
  step(by) {
    if (this.selected === null) { this.changeLane(0); return; }
    const rows = this.ops.lanes[this.laneOf(this.selected)]?.rows ?? [];
    let at = rows.indexOf(this.selected) + by;
    while (at >= 0 && at < rows.length && !this.mask[rows[at]]) at += by;
    if (at >= 0 && at < rows.length) this.select(rows[at], false);
  }

  /** Selects, on the lane `by` lanes further on, the op closest to the selection. */
  changeLane(by) {
    const { ops, view } = this;
    const lane = this.selected === null ? 0 : this.laneOf(this.selected) + by;
    const around = this.selected === null ? (view.from + view.to) / 2 : ops.start[this.selected];
    const rows = (ops.lanes[lane]?.rows ?? []).filter((row) => this.mask[row]);
    if (rows.length === 0) return;
    const distance = (row) => Math.abs(ops.start[row] - around);
    this.select(rows.reduce((best, row) => (distance(row) < distance(best) ? row : best)), false);
  }

  select(row, show) {
    const { ops, view } = this;
    this.selected = row;
    Details.fill(this.panel, this.lines(row), 'Selected op');
    if (show) this.lookAt(row);
    else if (ops.end[row] < view.from || ops.start[row] > view.to) view.shift(ops.start[row] - (view.from + view.to) / 2);
    const lane = this.laneOf(row);
    if (this.layout && lane >= 0) {
      const y = this.layout.laneY(lane), { scrollTop, clientHeight } = this.stage;
      if (y < scrollTop + this.layout.axis || y + this.layout.lane > scrollTop + clientHeight) this.stage.scrollTop = y - clientHeight / 2;
    }
    this.changed();
  }
}
