'use strict';
/** The ops, out of their packed columns: the inverse of `timeline/columns.rs` and `timeline/data.rs`. */
const Columns = (() => {
  const ACTIONS = ['read', 'write', 'cas'];
  const OUTCOMES = ['ok', 'fail', 'info'];
  const SIGNED = new Set(['start', 'argument', 'replacement', 'observed']);
  const COMPLETED = 1 << 4, OBSERVED = 1 << 5, NIL = 1 << 6;

  /** Reads LEB128 varints; multiplied, not shifted, since shifts end at 32 bits. */
  function numbers(base64, rows, signed) {
    const bytes = atob(base64);
    const out = new Float64Array(rows);
    let at = 0;
    for (let row = 0; row < rows; row++) {
      let byte = bytes.charCodeAt(at++);
      let n = byte & 0x7f;
      for (let factor = 128; byte > 0x7f; factor *= 128) {
        byte = bytes.charCodeAt(at++);
        n += (byte & 0x7f) * factor;
      }
      out[row] = !signed ? n : n % 2 ? -(n + 1) / 2 : n / 2;
    }
    return out;
  }

  /** Sums up differences. */
  function running(differences) {
    for (let row = 1; row < differences.length; row++) differences[row] += differences[row - 1];
    return differences;
  }

  /** The rows of each lane by start, and for each the latest end so far, for binary search. */
  function byLane(ops, lanes) {
    const rows = Array.from({ length: lanes }, () => []);
    for (let row = 0; row < ops.count; row++) rows[ops.lane[row]].push(row);
    return rows.map((list) => {
      list.sort((a, b) => ops.start[a] - ops.start[b] || a - b);
      const reach = new Float64Array(list.length);
      let latest = -Infinity;
      list.forEach((row, at) => { reach[at] = latest = Math.max(latest, ops.end[row]); });
      return { rows: Int32Array.from(list), reach };
    });
  }

  function unpack(data) {
    const column = (name) => numbers(data.columns[name].data, data.rows, SIGNED.has(name));
    const flags = column('flags');
    const ops = { count: data.rows, data, wide: data.columns };
    ops.index = running(column('index'));
    ops.start = running(column('start'));
    const length = column('length');
    ops.end = ops.start.map((start, row) => start + length[row]);
    ops.action = Uint8Array.from(flags, (bits) => bits & 3);
    ops.outcome = Uint8Array.from(flags, (bits) => (bits >> 2) & 3);
    ops.completed = Uint8Array.from(flags, (bits) => bits & COMPLETED);
    ops.observation = Uint8Array.from(flags, (bits) => bits & OBSERVED ? 1 : bits & NIL ? 2 : 0);
    ops.lane = Uint32Array.from(column('lane'));
    for (const name of ['process', 'key', 'argument', 'replacement', 'observed', 'version', 'mode', 'node', 'servedBy', 'term', 'error']) {
      ops[name] = column(name);
    }
    ops.alarm = new Uint8Array(data.rows);
    ops.stale = new Map();
    for (const [row, versions, ms] of data.stale) {
      ops.stale.set(row, { versions, ms });
      ops.alarm[row] = 1;
    }
    for (const row of data.members) ops.alarm[row] = 1;
    ops.lanes = byLane(ops, data.lanes.length);
    return ops;
  }

  /** A number of a column as text, exact even where JavaScript's numbers are not. */
  function text(ops, name, row) {
    return ops.wide[name].wide?.[row] ?? String(ops[name][row]);
  }

  /** The same for an optional one, stored plus one; empty for none. */
  function optional(ops, name, row) {
    return ops.wide[name].wide?.[row] ?? (ops[name][row] === 0 ? '' : String(ops[name][row] - 1));
  }

  /** The name that an optional index points to; empty for none. */
  function named(ops, name, names, row) {
    const at = ops[name][row];
    return at === 0 ? '' : names[at - 1] ?? `#${at - 1}`;
  }

  /** The op in prose. */
  function prose(ops, row) {
    const seen = ops.observation[row] === 0 ? '' : ops.observation[row] === 2 ? 'nil' : text(ops, 'observed', row);
    if (ops.action[row] === 0) return seen === '' ? 'read' : `read → ${seen}`;
    if (ops.action[row] === 1) return `write ${text(ops, 'argument', row)}`;
    const cas = `cas ${text(ops, 'argument', row)} → ${text(ops, 'replacement', row)}`;
    return seen === '' ? cas : `${cas}, found ${seen}`;
  }

  /** The op in the fewest letters that still say what it did. */
  function brief(ops, row) {
    const seen = ['', ` ${text(ops, 'observed', row)}`, ' nil'][ops.observation[row]];
    if (ops.action[row] === 0) return `r${seen}`;
    if (ops.action[row] === 1) return `w ${text(ops, 'argument', row)}`;
    return `c ${text(ops, 'replacement', row)}`;
  }

  /** The first place in a lane whose op may reach `from` or later. */
  function firstReaching(lane, from) {
    let low = 0, high = lane.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.reach[middle] < from) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** The first place in a lane whose op starts after `to`. */
  function firstAfter(ops, lane, to) {
    let low = 0, high = lane.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ops.start[lane.rows[middle]] <= to) low = middle + 1; else high = middle;
    }
    return low;
  }

  return { ACTIONS, OUTCOMES, numbers, running, unpack, text, optional, named, prose, brief, firstReaching, firstAfter };
})();
