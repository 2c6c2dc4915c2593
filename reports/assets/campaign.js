'use strict';
/** The campaign page: the chosen night, the matrix of that night and the filters of the runs, all kept in the URL's hash. */
class CampaignView {
  constructor(data) {
    this.data = data;
    this.last = data.nights.length - 1;
    this.cell = null;
    this.signature = '';
    this.form = document.getElementById('run-controls');
    this.clear = document.getElementById('run-clear');
    this.strip = document.getElementById('strip');
    this.matrix = document.getElementById('matrix-table');
    this.table = new RunsTable(data);
    const { night } = this.form.elements;
    data.nights.forEach((name, at) => night.add(new Option(name, String(at)), 1));
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', (event) => { if (event.target === night && night.value !== '') this.choose(Number(night.value)); this.changed(); });
    this.clear.addEventListener('click', () => { this.cell = null; this.signature = ''; this.changed(); });
    for (const button of this.strip.querySelectorAll('button[data-night]')) {
      button.addEventListener('click', () => {
        this.choose(Number(button.dataset.night));
        night.value = button.dataset.night;
        this.changed();
      });
    }
    this.matrix?.addEventListener('click', (event) => {
      const cell = event.target.closest('td');
      if (cell && event.target.closest('button')) this.chooseCell(cell);
    });
    for (const button of document.querySelectorAll('button[data-signature]')) {
      button.addEventListener('click', () => { this.signature = button.dataset.signature; this.cell = null; night.value = ''; this.changed(); this.toRuns(); });
    }
    addEventListener('hashchange', () => this.restore());
    this.prepareFailures();
    this.restore();
    // Where not all nights have room, the newest matter most.
    for (const table of document.querySelectorAll('.strip')) table.parentNode.scrollLeft = table.offsetWidth;
  }

  /** The search over the table of failures, and the key that leads to it. */
  prepareFailures() {
    const form = document.getElementById('failure-controls');
    if (!form) return;
    form.hidden = false;
    const { find, planted } = form.elements;
    const bodies = [...document.getElementById('failure-table').tBodies];
    const words = bodies.map((body) => body.textContent.toLowerCase());
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => {
      const wanted = find.value.toLowerCase().split(/\s+/);
      bodies.forEach((body, at) => {
        body.hidden = !wanted.every((word) => words[at].includes(word)) || ('planted' in body.dataset && !planted.checked);
      });
      const shown = bodies.filter((body) => !body.hidden).length;
      document.getElementById('failure-status').textContent = shown === bodies.length ? '' : `${shown} of ${bodies.length}`;
    });
    addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.target.closest?.('input, select') || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      find.focus();
    });
  }

  /** Shows the matrix of a night. */
  choose(night) {
    this.night = night;
    for (const button of this.strip.querySelectorAll('button[data-night]')) {
      button.setAttribute('aria-pressed', String(Number(button.dataset.night) === night));
    }
    for (const row of this.strip.tBodies[0].rows) {
      [...row.cells].forEach((cell, at) => cell.classList.toggle('chosen', at === night + 1));
    }
    Grid.keep(this.strip);
    if (!this.matrix) return;
    document.getElementById('matrix-night').textContent = this.data.nights[night];
    for (const cell of this.matrix.querySelectorAll('td')) CampaignView.fill(cell, this.data.matrix[night][Number(cell.dataset.cell)]);
    Grid.keep(this.matrix);
  }

  /** Says in a cell what its runs came to: the same words as those that the page comes with. */
  static fill(cell, counts) {
    const n = (number) => number.toLocaleString('en');
    const button = cell.querySelector('button');
    button.disabled = counts === 0;
    const say = (glyph, text, rest) => {
      cell.querySelector('.cell-glyph').textContent = glyph;
      cell.querySelector('.cell-text').textContent = text;
      cell.querySelector('small').textContent = rest;
    };
    if (counts === 0) {
      cell.className = 'none';
      say('·', 'not planned', '');
      return;
    }
    const worst = counts.findLastIndex((count) => count > 0);
    const [style, glyph, name] = RunsTable.STATES[worst];
    const rest = counts.flatMap((count, at) => (at === worst || count === 0 ? [] : [`${n(count)} ${RunsTable.STATES[at][2]}`]));
    cell.className = style;
    say(glyph, `${name} ${n(counts[worst])}/${n(counts.reduce((sum, count) => sum + count, 0))}`, rest.join(' · '));
  }

  chooseCell(cell) {
    const { subject, mode } = cell.parentNode.dataset;
    // The heads of the columns stand in the second row, those of the rows in two columns before the cells.
    const head = this.matrix.tHead.rows[1].cells[cell.cellIndex - 2];
    this.cell = { subject, mode, workload: head.dataset.workload, faults: head.dataset.faults };
    this.signature = '';
    this.form.elements.night.value = String(this.night);
    this.changed();
    this.toRuns();
  }

  toRuns() { document.getElementById('runs').scrollIntoView(); }

  changed() {
    const { night, state, planted, find } = this.form.elements;
    const only = this.cell ? `${this.cell.subject} ${this.cell.mode}, ${this.cell.workload}, ${this.cell.faults}` : this.signature;
    this.clear.hidden = only === '';
    this.clear.textContent = `✕ only ${only}`;
    this.table.show({ night: night.value, state: state.value, planted: planted.checked, find: `${find.value} ${this.signature}`, cell: this.cell });
    this.save();
  }

  save() {
    const { night, state, planted, find } = this.form.elements;
    const said = new URLSearchParams();
    if (this.night !== this.last) said.set('shown', this.data.nights[this.night]);
    if (night.value !== '') said.set('night', this.data.nights[Number(night.value)]);
    if (state.value !== '') said.set('state', state.value);
    if (!planted.checked) said.set('planted', 'no');
    if (find.value !== '') said.set('find', find.value);
    if (this.signature !== '') said.set('signature', this.signature);
    if (this.cell) for (const [name, value] of Object.entries(this.cell)) said.set(name, value);
    const hash = said.size === 0 ? '' : `#${said}`;
    if (hash === location.hash || (hash === '' && !location.hash.includes('='))) return;
    history.replaceState(null, '', hash === '' ? '#' : hash);
  }

  /** Takes up what the hash says. Hashes without `=` are anchors of the page. */
  restore() {
    const said = new URLSearchParams(location.hash.includes('=') ? location.hash.slice(1) : '');
    const { night, state, planted, find } = this.form.elements;
    const place = (name) => this.data.nights.indexOf(said.get(name) ?? '');
    night.value = place('night') < 0 ? '' : String(place('night'));
    state.value = said.get('state') ?? '';
    planted.checked = said.get('planted') !== 'no';
    find.value = said.get('find') ?? '';
    this.signature = said.get('signature') ?? '';
    const [subject, mode, workload, faults] = ['subject', 'mode', 'workload', 'faults'].map((name) => said.get(name));
    this.cell = subject !== null && mode !== null && workload !== null && faults !== null ? { subject, mode, workload, faults } : null;
    this.choose(place('shown') < 0 ? this.last : place('shown'));
    this.changed();
  }
}

/** The page's own text is painted first; the runs are unpacked after that. */
requestAnimationFrame(() => setTimeout(() => {
  document.getElementById('runs-app').hidden = false;
  window.campaign = new CampaignView(JSON.parse(document.getElementById('campaign-data').textContent));
}));
