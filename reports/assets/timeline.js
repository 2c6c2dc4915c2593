'use strict';
/** The timeline: holds the window, the selection and the filters together, and keeps them in the URL's hash. */
class Timeline extends Stage {
  constructor(data) {
    super(data.end_us);
    this.data = data;
    this.ops = Columns.unpack(data);
    this.filters = new Filters(this.form, this.ops);
    this.mask = this.filters.mask;
    this.painter = new Painter(this.canvas, this.ops, this.filters);
    this.table = new OpsTable(this.ops, this.filters, (row) => this.select(row, true));
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', () => { this.filters.apply(); this.changed(); });
    this.form.querySelector('[data-act=stale]').hidden = data.stale.length === 0;
    this.listen();
    addEventListener('hashchange', () => this.restore());
    this.restore();
  }

  layoutFor(width) { return Layout.make(this.data, width); }
  laneOf(row) { return this.ops.lane[row]; }
  lines(row) { return Details.op(this.ops, row); }
  lookAt(row) { this.view.show(this.ops.start[row], this.ops.end[row]); }

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

  commands() { return { ...super.commands(), stale: () => this.jump([...this.ops.stale.keys()]) }; }

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
}

/** The page's own text is painted first; the ops are unpacked after that. */
requestAnimationFrame(() => setTimeout(() => {
  document.getElementById('timeline-app').hidden = false;
  window.timeline = new Timeline(JSON.parse(document.getElementById('timeline-data').textContent));
}));
