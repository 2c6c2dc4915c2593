'use strict';
/** The ops in view as a real table, for those who cannot use the canvas. */
class HistoryTable extends OpsTable {
  constructor(ops, filters, linearizations, select) {
    super(ops, filters, select);
    this.linearizations = linearizations;
  }

  line(row) {
    const { ops } = this;
    const outcome = Columns.OUTCOMES[ops.outcome[row]];
    const found = this.linearizations.lines(row)[0];
    const cells = [
      [String(ops.index[row]), 'n'],
      [HistoryOps.process(ops, row), 'n'],
      [HistoryOps.object(ops, row), ''],
      [HistoryOps.text(ops, row), 'what'],
      [outcome, `outcome ${outcome}`],
      [Time.moment(ops.start[row]), 'n'],
      [ops.completed[row] ? Time.moment(ops.end[row]) : 'never', 'n'],
      [found ? found[1] : '', ''],
      [HistoryOps.error(ops, row), ''],
    ];
    const line = document.createElement('tr');
    line.dataset.row = String(row);
    if (ops.data.culprits.includes(row)) line.className = 'culprit';
    for (const [text, name] of cells) {
      const cell = document.createElement('td');
      cell.textContent = text;
      if (name) cell.className = name;
      line.append(cell);
    }
    return line;
  }
}
