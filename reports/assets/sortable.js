'use strict';
/** Tables with `data-sortable`: a click on the head of a column sorts by it. Rows that belong together share a tbody. */
const Sortable = (() => {
  /** Numbers before text; what has none of its own is last either way. */
  function value(cell) {
    const text = (cell.dataset.sort ?? cell.textContent).trim();
    const number = Number(text.replaceAll(',', ''));
    return text === '' || text === '–' ? null : Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return String(a).localeCompare(String(b), 'en', { numeric: true });
  }

  /** Makes the heads buttons, each telling `choose` its number and the direction. */
  function heads(table, which, choose) {
    const all = [...table.tHead.querySelectorAll('th')].filter(which);
    for (const head of all) {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute('aria-sort', 'none');
      button.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        for (const other of all) other.setAttribute('aria-sort', 'none');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        choose(head, down ? -1 : 1);
      });
    }
  }

  for (const table of document.querySelectorAll('table[data-sortable]')) {
    heads(table, () => true, (head, sign) => {
      const keyed = [...table.tBodies].map((body) => [value(body.rows[0].cells[head.cellIndex]), body]);
      keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
      table.append(...keyed.map(([, body]) => body));
    });
  }

  return { heads, compare };
})();
