'use strict';
/** The page of a checked history: window, selection, filters and the linearization that is shown. */
class HistoryView extends Stage {
  /** With more lanes than this the ops of each object are packed closely at first. */
  static MOST_LANES = 30;

  constructor(data) {
    HistoryOps.tellTime(data);
    super(Math.max(data.timed ? data.end / 1000 : data.end, TimeWindow.SHORTEST));
    this.data = data;
    this.ops = HistoryOps.unpack(data);
    this.linearizations = new Linearizations(this.ops);
    this.mask = new Uint8Array(this.ops.count).fill(1);
    this.hovered = null;
    this.hits = null;
    this.painter = new HistoryPainter(this.canvas, this.ops, this);
    this.table = new HistoryTable(this.ops, this, this.linearizations, (row) => this.select(row, true));
    this.prepareControls();
    this.filter();
    this.begin();
    this.listen();
  }

  laneOf(row) { return this.painter.track[row]; }

  prepareControls() {
    const { form, data } = this;
    const objects = document.getElementById('objects');
    for (const name of data.objects.slice(0, 1000)) objects.append(new Option(name, name));
    if (data.objects.length < 2) form.elements.object.closest('label').hidden = true;
    form.addEventListener('submit', (event) => { event.preventDefault(); this.find(event.submitter?.dataset.by === '-1' ? -1 : 1); });
    form.addEventListener('input', (event) => {
      if (event.target.name === 'find') this.search(); else this.filter();
      this.changed();
    });
    addEventListener('keydown', (event) => {
      const typing = event.target.closest?.('input, select, textarea');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      form.elements.find.focus();
    });
  }

  /** At first what matters is in view: the counterexample on its object, or everything. */
  begin() {
    const { data, ops, form } = this;
    const spread = () => ops.lanes.length > HistoryView.MOST_LANES;
    if (spread() && data.objects.length <= HistoryView.MOST_LANES) {
      form.elements.lanes.value = 'object';
      this.filter();
    }
    if (data.culprits.length === 0) {
      // One that was found in whole is shown with its order from the first op on.
      const first = this.linearizations.found[0];
      if (first && ops.count <= 200) this.select(first.rows[0], false);
      this.changed();
      return;
    }
    const object = HistoryOps.object(ops, data.culprits[0]);
    if (data.objects.length > 1) form.elements.object.value = object;
    this.filter();
    // Processes that retire with every op of unknown outcome would spread one object over hundreds of lanes.
    if (spread()) form.elements.lanes.value = 'object';
    this.filter();
    this.toViolation();
  }

  filter() {
    const { ops, mask } = this;
    const fields = this.form.elements;
    const object = fields.object.value;
    const at = object === '' ? -1 : this.data.objects.indexOf(object);
    fields.object.setCustomValidity(object !== '' && at < 0 ? 'no op is on this object' : '');
    const outcomes = Columns.OUTCOMES.map((name) => fields[name].checked);
    this.shown = 0;
    for (let row = 0; row < ops.count; row++) {
      mask[row] = outcomes[ops.outcome[row]] && (object === '' || ops.object[row] === at) ? 1 : 0;
      this.shown += mask[row];
    }
    ops.lanes = HistoryLanes.tracks(ops, mask, fields.lanes.value);
    this.painter.track = HistoryLanes.trackOf(ops);
    this.painter.context.font = this.painter.font;
    const widths = ops.lanes.slice(0, 500).map(({ name }) => this.painter.context.measureText(name.slice(0, 40)).width);
    this.longest = Math.max(20, ...widths);
    this.resize();
  }

  /** Marks what the search finds: the number of an op, a process, or part of what an op did. */
  search() {
    const { ops } = this;
    const wanted = this.form.elements.find.value.trim().toLowerCase();
    this.hits = null;
    if (wanted === '') return;
    this.hits = new Uint8Array(ops.count);
    const process = wanted.replace(/^(process|p)\s*/, '');
    const number = wanted.replace(/^(op|#)\s*/, '');
    const texts = this.data.texts.map((text) => text.toLowerCase().includes(wanted));
    for (let row = 0; row < ops.count; row++) {
      const found = texts[ops.text[row]] || String(ops.index[row]) === number || HistoryOps.process(ops, row).toLowerCase() === process;
      this.hits[row] = found ? 1 : 0;
    }
  }

  /** Selects the next op that the search found, exact numbers of ops first. */
  find(by) {
    const { ops, hits, mask } = this;
    if (!hits) { this.form.elements.find.focus(); return; }
    const number = this.form.elements.find.value.trim().replace(/^(op|#)\s*/i, '');
    const exact = ops.index.findIndex((index) => String(index) === number);
    if (exact >= 0 && mask[exact] && this.found !== number) {
      this.found = number;
      this.select(exact, true);
      return;
    }
    const from = this.selected ?? (by > 0 ? -1 : ops.count);
    for (let step = 1; step <= ops.count; step++) {
      const row = ((from + by * step) % ops.count + ops.count) % ops.count;
      if (hits[row] && mask[row]) { this.select(row, true); return; }
    }
    this.status.textContent = 'Nothing that is shown matches.';
  }

  layoutFor(width) { return HistoryLanes.layout(this.ops, width, this.longest); }

  paint() {
    if (!this.layout) return;
    const row = this.hovered ?? this.selected;
    const number = row === null ? -1 : this.linearizations.of(row);
    const order = number < 0 ? null : this.linearizations.timed(number);
    this.painter.draw(this.layout, this.view, this.stage.scrollTop, { selected: this.selected, order, hits: this.hits });
  }

  changed() {
    this.redraw();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      const n = (number) => number.toLocaleString('en');
      const found = this.hits ? ` Found: ${n(this.hits.reduce((sum, hit, row) => sum + (hit && this.mask[row]), 0))}.` : '';
      this.status.textContent = `In view: ${Time.moment(this.view.from, this.view.length / 100)} to ${Time.moment(this.view.to, this.view.length / 100)}. Ops that pass the filters: ${n(this.shown)} of ${n(this.ops.count)}.${found}`;
      this.table.update(this.view);
    }, 150);
  }

  /** To the culprit, with the counterexample in view. */
  toViolation() {
    const { data, ops, view } = this;
    const row = data.culprits[0];
    if (row === undefined) return;
    if (!this.mask[row]) { this.status.textContent = 'The filters hide it.'; return; }
    this.select(row, true);
    const from = Math.min(...data.members.map((each) => ops.start[each]));
    const to = Math.max(ops.end[row], ...data.members.map((each) => ops.outcome[each] === 2 ? ops.start[each] : ops.end[each]));
    const room = Math.max((to - from) / 6, TimeWindow.SHORTEST);
    view.set(from - room, to + room);
    this.changed();
  }

  lookAt(row) {
    const { ops, view } = this;
    const length = Math.max((ops.end[row] - ops.start[row]) * 6, view.end / 2000);
    const middle = (ops.start[row] + ops.end[row]) / 2;
    view.set(middle - length / 2, middle + length / 2);
  }

  /** What is to be said of an op. */
  lines(row) {
    const { ops, data } = this;
    const length = Time.duration(ops.end[row] - ops.start[row]);
    const outcome = Columns.OUTCOMES[ops.outcome[row]];
    const lines = [
      ['Op', String(ops.index[row])],
      ['What', HistoryOps.text(ops, row)],
      ['Object', HistoryOps.object(ops, row)],
      ['Process', HistoryOps.process(ops, row)],
      ['Outcome', outcome],
      ['Error', HistoryOps.error(ops, row)],
      ['Invoked', Time.moment(ops.start[row])],
      ['Took', !ops.completed[row] ? 'no completion recorded' : outcome === 'info' ? `given up after ${length}` : length],
      ['Counterexample', data.culprits.includes(row) ? '✗ the op that cannot be explained' : data.members.includes(row) ? 'part of it' : ''],
      ...this.linearizations.lines(row),
    ];
    return lines.filter(([, value]) => value !== '');
  }

  under(x, y) {
    if (!this.layout || x < this.layout.left || y < this.layout.axis) return null;
    const { ops, view } = this;
    const at = Math.floor((y + this.stage.scrollTop - this.layout.lanesTop) / this.layout.lane);
    const lane = ops.lanes[at];
    if (!lane) return null;
    const slack = 3 * view.length / view.width, time = view.time(x);
    const first = Columns.firstReaching(lane, time - slack), last = Columns.firstAfter(ops, lane, time + slack);
    const rows = lane.rows.subarray(first, last).filter((row) => ops.start[row] - slack <= time && time <= ops.end[row] + slack);
    if (rows.length === 0) return null;
    return rows.reduce((best, row) => (ops.alarm[row] * 4 + ops.outcome[row] > ops.alarm[best] * 4 + ops.outcome[best] ? row : best));
  }

  hover(x, y, clientX, clientY) {
    const row = this.under(x, y);
    this.canvas.style.cursor = row === null ? 'grab' : 'pointer';
    if (row === null) { this.leave(); return; }
    if (row !== this.hovered) { this.hovered = row; this.redraw(); }
    Details.tip(this.tooltip, this.lines(row), clientX, clientY);
  }

  tap(x, y, clientX, clientY) {
    const row = this.under(x, y);
    if (row === null) { this.leave(); return; }
    this.select(row, false);
    Details.tip(this.tooltip, this.lines(row), clientX, clientY);
  }

  leave() {
    super.leave();
    if (this.hovered !== null) { this.hovered = null; this.redraw(); }
  }
}

/** The page's own text is painted first; the ops are unpacked after that. */
requestAnimationFrame(() => setTimeout(() => {
  document.getElementById('history-app').hidden = false;
  window.historyView = new HistoryView(JSON.parse(document.getElementById('history-data').textContent));
}));
