'use strict';
/** The ops in view as a real table, for those who cannot use the canvas. */
class HistoryTable extends OpsTable {
  constructor(ops, filters, linearizations, select) {
    super(ops, filters, select);
    this.linearizations = linearizations;
  }

  cells(row) {
    const { ops } = this;
    const outcome = Columns.OUTCOMES[ops.outcome[row]];
    const found = this.linearizations.lines(row)[0];
    return [
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
  }
}
