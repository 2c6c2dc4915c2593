'use strict';
/** The timeline: holds the window, the selection and the filters together, and keeps them in the URL's hash. */
class Timeline {
  constructor(data) {
    this.data = data;
    this.ops = Columns.unpack(data);
    this.view = new TimeWindow(data.end_us);
    this.selected = null;
    this.pending = false;
    this.stage = document.getElementById('stage');
    this.spacer = document.getElementById('spacer');
    this.canvas = document.getElementById('canvas');
    this.tooltip = document.getElementById('tooltip');
    this.status = document.getElementById('status');
    this.panel = document.getElementById('details');
    this.form = document.getElementById('controls');
    this.filters = new Filters(this.form, this.ops);
    this.painter = new Painter(this.canvas, this.ops, this.filters);
    this.table = new OpsTable(this.ops, this.filters, (row) => this.select(row, true));
    this.prepareControls();
    Gestures.listen(this.canvas, this);
    this.stage.addEventListener('scroll', () => this.redraw(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    // Dark is for screens only; before a page is printed there is no further frame, so this draws at once.
    for (const query of ['screen and (prefers-color-scheme: dark)', 'print']) {
      matchMedia(query).addEventListener('change', () => { this.painter.readColours(); this.paint(); });
    }
    addEventListener('hashchange', () => this.restore());
    this.restore();
  }

  prepareControls() {
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', () => { this.filters.apply(); this.changed(); });
    for (const button of this.form.querySelectorAll('button[data-act]')) {
      button.addEventListener('click', () => this.command(button.dataset.act));
    }
    this.form.querySelector('[data-act=violation]').hidden = this.data.culprits.length === 0;
    this.form.querySelector('[data-act=stale]').hidden = this.data.stale.length === 0;
  }

  resize() {
    const width = this.stage.clientWidth;
    if (width === 0) return;
    this.layout = Layout.make(this.data, width);
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

  paint() {
    if (this.layout) this.painter.draw(this.layout, this.view, this.stage.scrollTop, this.selected);
  }

  /** The window, the filters or the selection changed: draw now, tell the rest when it has come to rest. */
  changed() {
    this.redraw();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      const n = (number) => number.toLocaleString('en');
      this.status.textContent = `In view: ${Time.moment(this.view.from, this.view.length / 100)} to ${Time.moment(this.view.to, this.view.length / 100)} of ${Time.moment(this.data.end_us, 1e5)}. Ops that pass the filters: ${n(this.filters.shown)} of ${n(this.ops.count)}.`;
      this.table.update(this.view);
      this.save();
    }, 150);
  }

  save() {
    const state = new URLSearchParams(this.filters.state());
    if (!this.view.isWhole) state.set('t', `${Math.round(this.view.from)}-${Math.round(this.view.to)}`);
    if (this.selected !== null) state.set('op', String(this.ops.index[this.selected]));
    const hash = state.size === 0 ? '' : `#${state}`;
    if (hash === location.hash || (hash === '' && !location.hash.includes('='))) return;
    history.replaceState(null, '', hash === '' ? '#' : hash);
  }

  /** Takes up what the hash says. Hashes without `=` are anchors of the page. */
  restore() {
    const state = new URLSearchParams(location.hash.includes('=') ? location.hash.slice(1) : '');
    this.filters.restore(state);
    const window = /^(\d{1,15})-(\d{1,15})$/.exec(state.get('t') ?? '');
    if (window && Number(window[1]) < Number(window[2])) this.view.set(Number(window[1]), Number(window[2]));
    const row = state.has('op') ? this.ops.index.indexOf(Number(state.get('op'))) : -1;
    if (row >= 0) this.select(row, false);
    this.changed();
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

  command(name) {
    const { view } = this;
    const commands = {
      'zoom-in': () => this.zoom(1.6), 'zoom-out': () => this.zoom(1 / 1.6),
      left: () => this.pan(-view.width / 6), right: () => this.pan(view.width / 6),
      all: () => { view.all(); this.changed(); },
      violation: () => this.toViolation(), stale: () => this.jump([...this.ops.stale.keys()]),
      clear: () => { this.selected = null; this.panel.hidden = true; this.leave(); this.changed(); },
      next: () => this.step(1), previous: () => this.step(-1),
      'lane-down': () => this.changeLane(1), 'lane-up': () => this.changeLane(-1),
    };
    commands[name]?.();
  }

  /** To the first of `rows` after the selection that is shown, or the first of all. */
  jump(rows) {
    const shown = rows.filter((row) => this.filters.mask[row]).sort((a, b) => a - b);
    if (shown.length === 0) {
      this.status.textContent = 'The filters hide it.';
      return;
    }
    const next = shown.find((row) => this.selected !== null && row > this.selected) ?? shown[0];
    this.select(next, true);
  }

  /** To the culprit, with the whole counterexample in view if its ops can still be told apart then. */
  toViolation() {
    const { data, ops, view } = this;
    this.jump(data.culprits);
    const from = Math.min(...data.members.map((row) => ops.start[row]));
    const to = Math.max(...data.members.map((row) => ops.end[row]));
    if (this.selected !== null && to - from < 250000) view.set(from - (to - from) / 8, to + (to - from) / 8);
  }

  /** Selects the next or previous op shown on the lane of the selection. */
  step(by) {
    if (this.selected === null) { this.changeLane(0); return; }
    const { rows } = this.ops.lanes[this.ops.lane[this.selected]];
    let at = rows.indexOf(this.selected) + by;
    while (at >= 0 && at < rows.length && !this.filters.mask[rows[at]]) at += by;
    if (at >= 0 && at < rows.length) this.select(rows[at], false);
  }

  /** Selects, on the lane `by` lanes further on, the op closest to the selection. */
  changeLane(by) {
    const { ops, view } = this;
    const lane = this.selected === null ? 0 : ops.lane[this.selected] + by;
    const around = this.selected === null ? (view.from + view.to) / 2 : ops.start[this.selected];
    const rows = [...(ops.lanes[lane]?.rows ?? [])].filter((row) => this.filters.mask[row]);
    if (rows.length === 0) return;
    const distance = (row) => Math.abs(ops.start[row] - around);
    this.select(rows.reduce((best, row) => (distance(row) < distance(best) ? row : best)), false);
  }

  select(row, show) {
    const { ops, view } = this;
    this.selected = row;
    Details.fill(this.panel, Details.op(ops, row), 'Selected op');
    if (show) view.show(ops.start[row], ops.end[row]);
    else if (ops.end[row] < view.from || ops.start[row] > view.to) view.shift(ops.start[row] - (view.from + view.to) / 2);
    if (this.layout) {
      const y = this.layout.laneY(ops.lane[row]), { scrollTop, clientHeight } = this.stage;
      if (y < scrollTop + this.layout.axis || y + this.layout.lane > scrollTop + clientHeight) this.stage.scrollTop = y - clientHeight / 2;
    }
    this.changed();
  }

  /** What lies under a place of the canvas: of ops that share it, the one that matters most. */
  under(x, y) {
    if (!this.layout || x < this.layout.left || y < this.layout.axis) return null;
    const { ops, data, view } = this;
    const spot = Layout.at(this.layout, data, y + this.stage.scrollTop);
    const slack = 3 * view.length / view.width, time = view.time(x);
    const within = (start, end) => start - slack <= time && time <= end + slack;
    if (spot?.kind === 'lane') {
      const lane = ops.lanes[spot.lane];
      const first = Columns.firstReaching(lane, time - slack), last = Columns.firstAfter(ops, lane, time + slack);
      const rows = [...lane.rows.subarray(first, last)].filter((row) => this.filters.mask[row] && within(ops.start[row], ops.end[row]));
      if (rows.length === 0) return null;
      const weight = (row) => ops.alarm[row] * 4 + ops.outcome[row];
      const row = rows.reduce((best, each) => (weight(each) > weight(best) ? each : best));
      const lines = Details.op(ops, row);
      if (rows.length > 1) lines.push(['Also here', `${rows.length - 1} more, zoom in`]);
      return { row, lines };
    }
    if (spot?.kind === 'node') {
      const at = data.roles[spot.node].spans.findIndex(([start, end]) => start <= time && time < end);
      return at < 0 ? null : { lines: Details.role(data, spot.node, at) };
    }
    const at = data.faults.findIndex((fault, each) => spot?.row === this.layout.faultRows[each] && within(fault.start, fault.stop ?? view.end));
    return at < 0 ? null : { lines: Details.fault(data, at) };
  }

  hover(x, y, clientX, clientY) {
    const found = this.under(x, y);
    this.canvas.style.cursor = found?.row === undefined ? 'grab' : 'pointer';
    if (found) Details.tip(this.tooltip, found.lines, clientX, clientY); else this.leave();
  }

  tap(x, y, clientX, clientY) {
    const found = this.under(x, y);
    if (found?.row !== undefined) this.select(found.row, false);
    if (found) Details.tip(this.tooltip, found.lines, clientX, clientY); else this.leave();
  }

  leave() { this.tooltip.hidden = true; }
}

/** The page's own text is painted first; the ops are unpacked after that. */
requestAnimationFrame(() => setTimeout(() => {
  document.getElementById('timeline-app').hidden = false;
  window.timeline = new Timeline(JSON.parse(document.getElementById('timeline-data').textContent));
}));
