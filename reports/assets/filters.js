'use strict';
/** Which ops are shown: the form's answer as a mask over the rows. */
class Filters {
  constructor(form, ops) {
    this.form = form;
    this.ops = ops;
    this.mask = new Uint8Array(ops.count).fill(1);
    this.shown = ops.count;
    const fields = form.elements;
    ops.data.modes.forEach((mode, at) => fields.mode.add(new Option(mode, String(at + 1))));
    const keys = document.getElementById('keys');
    for (const key of ops.data.keys.slice(0, 1000)) keys.append(new Option(key, key));
  }

  /** Only what differs from showing everything, for the URL. */
  state() {
    const fields = this.form.elements;
    const state = {};
    for (const name of ['key', 'process']) {
      if (fields[name].value.trim() !== '') state[name] = fields[name].value.trim();
    }
    if (fields.mode.value !== '') state.mode = this.ops.data.modes[fields.mode.value - 1];
    const outcomes = Columns.OUTCOMES.filter((name) => fields[name].checked);
    if (outcomes.length < 3) state.outcome = outcomes.join(',');
    if (fields.stale.checked) state.stale = '1';
    return state;
  }

  restore(state) {
    const fields = this.form.elements;
    fields.key.value = state.get('key') ?? '';
    fields.process.value = state.get('process') ?? '';
    const mode = this.ops.data.modes.indexOf(state.get('mode'));
    fields.mode.value = mode < 0 ? '' : String(mode + 1);
    const outcomes = state.get('outcome')?.split(',');
    for (const name of Columns.OUTCOMES) fields[name].checked = !outcomes || outcomes.includes(name);
    fields.stale.checked = state.get('stale') === '1';
    this.apply();
  }

  apply() {
    const { ops, mask } = this;
    const fields = this.form.elements;
    const key = fields.key.value.trim();
    const keyAt = key === '' ? -1 : ops.data.keys.indexOf(key);
    const process = fields.process.value.trim();
    const mode = Number(fields.mode.value);
    const outcomes = Columns.OUTCOMES.map((name) => fields[name].checked);
    const stale = fields.stale.checked;
    this.shown = 0;
    for (let row = 0; row < ops.count; row++) {
      const keep = outcomes[ops.outcome[row]]
        && (key === '' || ops.key[row] === keyAt)
        && (process === '' || Columns.text(ops, 'process', row) === process)
        && (mode === 0 || ops.mode[row] === mode)
        && (!stale || ops.stale.has(row));
      mask[row] = keep ? 1 : 0;
      this.shown += mask[row];
    }
    fields.key.setCustomValidity(key !== '' && keyAt < 0 ? 'no op has this key' : '');
  }
}
