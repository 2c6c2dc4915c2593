'use strict';
/** Tables of buttons, such as the matrix: one stop of the Tab key, within which the arrow keys move. */
const Grid = (() => {
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function buttons(row) { return [...row.cells].map((cell) => cell.querySelector('button:not(:disabled)')); }

  /** The next button from a place in a direction, past cells that have none. */
  function next(table, button, [down, right]) {
    const cell = button.closest('th, td');
    let row = cell.parentNode.rowIndex, column = cell.cellIndex;
    for (;;) {
      row += down;
      column += right;
      const line = table.rows[row];
      if (!line || column < 0 || column >= line.cells.length) return null;
      const found = buttons(line)[column];
      if (found) return found;
    }
  }

  /** Makes one of its buttons the stop, and takes the others out of the way. */
  function stop(table, at) {
    for (const button of table.querySelectorAll('button')) button.tabIndex = button === at ? 0 : -1;
  }

  function keep(table) {
    const all = [...table.querySelectorAll('button:not(:disabled)')];
    stop(table, all.find((button) => button.getAttribute('aria-pressed') === 'true') ?? all[0]);
  }

  for (const table of document.querySelectorAll('table.grid')) {
    keep(table);
    table.addEventListener('keydown', (event) => {
      const step = STEPS[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName !== 'BUTTON') return;
      const found = next(table, event.target, step);
      if (!found) return;
      event.preventDefault();
      stop(table, found);
      found.focus();
    });
    table.addEventListener('focusin', (event) => { if (event.target.tagName === 'BUTTON') stop(table, event.target); });
  }

  return { keep };
})();
