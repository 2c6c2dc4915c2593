'use strict';
/** The runs of all nights, filtered and sorted, a page at a time. */
class RunsTable {
  static PAGE = 50;
  static STATES = [['pass', '✓', 'pass'], ['not-run', '–', 'not run'], ['unknown', '?', 'unknown'], ['harness-error', '⊘', 'harness error'], ['violation', '✗', 'violation']];

  constructor(data) {
    this.units = data.units;
    this.nights = data.nights;
    this.page = 0;
    this.sort = null;
    this.text = (column, row) => this.units.texts[this.units[column][row]];
    this.words = this.units.id.map((id, row) => this.haystack(id, row));
    this.body = document.getElementById('run-rows');
    this.where = document.getElementById('page-where');
    this.back = document.getElementById('page-back');
    this.on = document.getElementById('page-on');
    this.back.addEventListener('click', () => this.turn(-1));
    this.on.addEventListener('click', () => this.turn(1));
    Sortable.heads(document.getElementById('run-table'), (head) => head.dataset.by, (head, sign) => {
      this.sort = { by: head.dataset.by, sign };
      this.page = 0;
      this.order();
      this.render();
    });
  }

  /** All that a search looks at, in lower case. */
  haystack(id, row) {
    const texts = ['subject', 'modes', 'workload', 'faults', 'shape', 'reason', 'failures'].map((column) => this.text(column, row));
    return [id, ...texts, this.nights[this.units.night[row]], `seed ${this.units.seed[row]}`].join('\n').toLowerCase();
  }

  /** Shows the units that a filter lets pass: `{ night, state, planted, find, cell }`. */
  show(filter) {
    const { units } = this;
    const wanted = filter.find.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const { cell } = filter;
    const passes = (row) => (filter.night === '' || units.night[row] === Number(filter.night))
      && (filter.state === '' || (filter.state === 'trouble' ? units.state[row] !== 0 : units.state[row] === Number(filter.state)))
      && (filter.planted || !units.planted[row])
      && (!cell || (!units.planted[row] && this.text('subject', row) === cell.subject && this.text('workload', row) === cell.workload
        && this.text('faults', row) === cell.faults && this.text('modes', row).split(', ').includes(cell.mode)))
      && wanted.every((word) => this.words[row].includes(word));
    this.rows = [];
    for (let row = 0; row < units.id.length; row++) if (passes(row)) this.rows.push(row);
    this.page = 0;
    this.order();
    this.render();
  }

  /** Without a chosen order: the newest night first, in it what nothing was planted into, and of that what matters most. */
  order() {
    const { units, sort } = this;
    const place = (a, b) => units.night[b] - units.night[a] || units.planted[a] - units.planted[b] || units.state[b] - units.state[a] || a - b;
    if (!sort) { this.rows.sort(place); return; }
    const texts = ['subject', 'modes', 'faults', 'shape'].includes(sort.by);
    const key = (row) => {
      if (texts) return sort.by === 'faults' ? `${this.text('workload', row)} ${this.text('faults', row)}` : this.text(sort.by, row);
      const number = Number(units[sort.by][row]);
      return number < 0 ? null : number;
    };
    const keyed = this.rows.map((row) => [key(row), row]);
    keyed.sort(([a, x], [b, y]) => (a === null || b === null ? (a === null) - (b === null) : sort.sign * (texts ? (a < b ? -1 : a > b ? 1 : 0) : a - b)) || place(x, y));
    this.rows = keyed.map(([, row]) => row);
  }

  turn(step) {
    this.page += step;
    this.render();
  }

  render() {
    const first = this.page * RunsTable.PAGE;
    const rows = this.rows.slice(first, first + RunsTable.PAGE);
    this.body.replaceChildren(...rows.flatMap((row) => this.lines(row)));
    const n = (number) => number.toLocaleString('en');
    this.where.textContent = rows.length === 0 ? 'no run passes the filters' : `${n(first + 1)} to ${n(first + rows.length)} of ${n(this.rows.length)}`;
    this.back.disabled = this.page === 0;
    this.on.disabled = first + rows.length >= this.rows.length;
  }

  /** A unit's row, and a second one with why and how to run it again where it did not pass. */
  lines(row) {
    const { units } = this;
    const [style, glyph, name] = RunsTable.STATES[units.state[row]];
    const took = (ms) => (ms < 0 ? '–' : Time.duration(ms * 1000));
    const line = document.createElement('tr');
    const cell = (label, content, style = '') => {
      const made = document.createElement('td');
      made.dataset.label = label;
      made.className = style;
      made.append(content);
      line.append(made);
    };
    const badge = document.createElement('span');
    // What a bug was planted for is no alarm.
    const wanted = units.planted[row] && style === 'violation';
    badge.className = `badge ${wanted ? 'wanted' : style}`;
    badge.textContent = wanted ? '✗ violation, as planted' : `${glyph} ${name}`;
    cell('Night', this.nights[units.night[row]]);
    cell('System', this.text('subject', row) + (units.planted[row] ? ' (planted)' : ''));
    const modes = document.createElement('span');
    modes.className = 'mode';
    modes.textContent = this.text('modes', row);
    cell('Read modes', modes);
    cell('Workload', `${this.text('workload', row)}, ${this.text('faults', row)}`);
    cell('Cluster', this.text('shape', row));
    cell('Seed', units.seed[row], 'n');
    cell('Verdict', badge);
    cell('Detected after', took(units.detected[row]), 'n');
    cell('Checked in', took(units.check[row]), 'n');
    cell('Took', took(units.wall[row]), 'n');
    cell('Page', this.link(row));
    return units.state[row] < 2 ? [line] : [line, this.why(row)];
  }

  /** The link to the run's page; in words why there is none. */
  link(row) {
    const page = this.units.page[row];
    const made = document.createElement(page.startsWith('./') ? 'a' : 'span');
    if (page.startsWith('./')) {
      made.href = page;
      made.textContent = 'report';
    } else {
      made.className = 'absent';
      made.textContent = this.units.state[row] === 1 ? 'not run' : page === 'smaller' ? 'made smaller: no page' : 'not kept here';
    }
    return made;
  }

  why(row) {
    const line = document.createElement('tr');
    line.className = 'why';
    const cell = line.insertCell();
    cell.colSpan = 11;
    const reason = document.createElement('span');
    reason.textContent = this.text('reason', row);
    const command = document.createElement('code');
    command.textContent = this.text('command', row);
    cell.append(reason, command);
    const failures = this.text('failures', row);
    if (failures !== '') {
      const signature = document.createElement('span');
      signature.textContent = `signature ${failures}`;
      cell.append(signature);
    }
    return line;
  }
}
