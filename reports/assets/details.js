'use strict';
/** What is said of an op, a fault or a role: in the tooltip under the pointer, and in the panel of the selection.
 * Everything is written as text, never as markup. */
const Details = (() => {
  function op(ops, row) {
    const { data } = ops;
    const stale = ops.stale.get(row);
    const lines = [
      ['Op', String(ops.index[row])],
      ['What', `${Columns.prose(ops, row)}, key ${data.keys[ops.key[row]]}`],
      ['Outcome', outcome(ops, row)],
      ['Invoked', Time.moment(ops.start[row])],
      ['Took', took(ops, row)],
      ['Process', Columns.text(ops, 'process', row)],
      ['Read mode', Columns.named(ops, 'mode', data.modes, row)],
      ['Client of', Columns.named(ops, 'node', data.nodes, row)],
      ['Served by', Columns.named(ops, 'servedBy', data.nodes, row)],
      [data.era[0].toUpperCase() + data.era.slice(1), Columns.optional(ops, 'term', row)],
      ['Version', Columns.optional(ops, 'version', row)],
      ['Stale by', stale ? staleBy(stale) : ''],
      ['Counterexample', data.culprits.includes(row) ? '✗ the op that cannot be explained' : data.members.includes(row) ? 'part of it' : ''],
    ];
    return lines.filter(([, value]) => value !== '');
  }

  function outcome(ops, row) {
    const code = Columns.optional(ops, 'error', row);
    return Columns.OUTCOMES[ops.outcome[row]] + (code === '' ? '' : `, error ${code}`);
  }

  function took(ops, row) {
    if (!ops.completed[row]) return 'no completion recorded';
    const length = Time.duration(ops.end[row] - ops.start[row]);
    return ops.outcome[row] === 2 ? `given up after ${length}` : length;
  }

  function staleBy({ versions, ms }) {
    return `at least ${versions} ${versions === 1 ? 'version' : 'versions'}, ${Time.duration(ms * 1000)}`;
  }

  function fault(data, at) {
    const { id, kind, variant, nodes, start, stop } = data.faults[at];
    return [
      ['Fault', `${id}: ${kind} ${variant}`],
      ['Nodes', nodes.join(', ')],
      ['From', Time.moment(start)],
      ['To', stop === null ? 'not healed' : `${Time.moment(stop)} (${Time.duration(stop - start)})`],
    ];
  }

  function role(data, node, span) {
    const [start, end, name, term] = data.roles[node].spans[span];
    return [['Node', data.roles[node].node], ['Role', `${name}, ${data.era} ${term}`], ['From', Time.moment(start)], ['To', Time.moment(end)]];
  }

  function fill(element, lines, heading) {
    const list = document.createElement('dl');
    for (const [name, value] of lines) {
      const row = document.createElement('div');
      const term = document.createElement('dt'), text = document.createElement('dd');
      term.textContent = name;
      text.textContent = value;
      row.append(term, text);
      list.append(row);
    }
    element.replaceChildren(list);
    if (heading) {
      const title = document.createElement('h3');
      title.textContent = heading;
      element.prepend(title);
    }
    element.hidden = false;
  }

  /** Shows the tooltip beside the pointer, within the viewport. */
  function tip(element, lines, x, y) {
    fill(element, lines);
    const { width, height } = element.getBoundingClientRect();
    const left = x + 16 + width < innerWidth ? x + 16 : Math.max(4, x - width - 12);
    const top = y + 16 + height < innerHeight ? y + 16 : Math.max(4, y - height - 12);
    element.style.left = `${left}px`;
    element.style.top = `${top}px`;
  }

  return { op, fault, role, fill, tip, took, staleBy };
})();
