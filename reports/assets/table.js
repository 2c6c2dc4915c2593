'use strict';
/** The ops in view as a real table, a page at a time: the same data for those who cannot use the canvas. */
class OpsTable {
  static PAGE = 50;

  constructor(ops, filters, select) {
    this.ops = ops;
    this.filters = filters;
    this.page = 0;
    this.rows = [];
    this.body = document.getElementById('ops');
    this.where = document.getElementById('page-where');
    this.back = document.getElementById('page-back');
    this.on = document.getElementById('page-on');
    this.shell = document.getElementById('ops-details');
    this.back.addEventListener('click', () => this.turn(-1));
    this.on.addEventListener('click', () => this.turn(1));
    this.shell.addEventListener('toggle', () => this.shell.open && this.view && this.update(this.view));
    this.body.addEventListener('click', (event) => {
      const row = event.target.closest('tr');
      if (row) select(Number(row.dataset.row));
    });
  }

  /** Lists the ops that overlap the window, in the order of their invocation. */
  update(view) {
    this.view = view;
    if (!this.shell.open) return;
    const { ops, filters } = this;
    this.rows = [];
    for (let row = 0; row < ops.count; row++) {
      if (filters.mask[row] && ops.end[row] >= view.from && ops.start[row] <= view.to) this.rows.push(row);
    }
    this.page = 0;
    this.render();
  }

  turn(step) {
    this.page += step;
    this.render();
  }

  render() {
    const first = this.page * OpsTable.PAGE;
    const rows = this.rows.slice(first, first + OpsTable.PAGE);
    this.body.replaceChildren(...rows.map((row) => this.line(row)));
    const n = (number) => number.toLocaleString('en');
    this.where.textContent = rows.length === 0 ? 'no op in view' : `${n(first + 1)} to ${n(first + rows.length)} of ${n(this.rows.length)}`;
    this.back.disabled = this.page === 0;
    this.on.disabled = first + rows.length >= this.rows.length;
  }

  line(row) {
    const line = document.createElement('tr');
    line.dataset.row = String(row);
    if (this.ops.data.culprits.includes(row)) line.className = 'culprit';
    for (const [text, name] of this.cells(row)) {
      const cell = document.createElement('td');
      cell.textContent = text;
      if (name) cell.className = name;
      line.append(cell);
    }
    return line;
  }

  /** What stands in the cells of an op, each with the name of its class. */
  cells(row) {
    const { ops } = this;
    const stale = ops.stale.get(row);
    return [
      [String(ops.index[row]), 'n'],
      [Time.moment(ops.start[row]), 'n'],
      [Details.took(ops, row), 'n'],
      [Columns.text(ops, 'process', row), 'n'],
      [ops.data.keys[ops.key[row]], 'n'],
      [Columns.prose(ops, row), ''],
      [Columns.OUTCOMES[ops.outcome[row]], `outcome ${Columns.OUTCOMES[ops.outcome[row]]}`],
      [Columns.named(ops, 'mode', ops.data.modes, row), ''],
      [Columns.named(ops, 'node', ops.data.nodes, row), ''],
      [Columns.optional(ops, 'version', row), 'n'],
      [stale ? Details.staleBy(stale) : '', stale ? 'alarm' : ''],
    ];
  }
}
