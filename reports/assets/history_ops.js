'use strict';
/** The ops of a history of any objects, out of their packed columns: the inverse of `check/data.rs`. Times become
 * microseconds, or stay the numbers of events in a history that has no times. */
const HistoryOps = (() => {
  const COMPLETED = 1 << 2, READ = 1 << 3;

  function unpack(data) {
    const column = (name, signed) => Columns.numbers(data.columns[name].data, data.rows, signed);
    const unit = data.timed ? 1000 : 1;
    const flags = column('flags');
    const ops = { count: data.rows, data };
    ops.index = Columns.running(column('index', true));
    ops.start = Columns.running(column('start', true)).map((at) => at / unit);
    const length = column('length');
    ops.end = ops.start.map((start, row) => start + length[row] / unit);
    ops.outcome = Uint8Array.from(flags, (bits) => bits & 3);
    ops.completed = Uint8Array.from(flags, (bits) => bits & COMPLETED);
    // The painter draws what is no read darker.
    ops.action = Uint8Array.from(flags, (bits) => bits & READ ? 0 : 1);
    for (const name of ['process', 'object', 'text', 'error']) ops[name] = Uint32Array.from(column(name));
    ops.alarm = new Uint8Array(data.rows);
    for (const row of data.members) ops.alarm[row] = 1;
    ops.stale = new Map();
    ops.lanes = [];
    return ops;
  }

  const text = (ops, row) => ops.data.texts[ops.text[row]];
  const process = (ops, row) => ops.data.processes[ops.process[row]];
  /** The object, or nothing where there is but one without a name. */
  const object = (ops, row) => ops.data.objects[ops.object[row]];
  const error = (ops, row) => ops.error[row] === 0 ? '' : ops.data.errors[ops.error[row] - 1];

  /** How moments and durations are told: of a history without times by its events, of one of a blink in microseconds. */
  function tellTime(data) {
    const short = (n) => Number(n.toPrecision(6)).toString();
    if (!data.timed) {
      TimeWindow.SHORTEST = 4;
      Time.moment = (n) => `event ${Math.round(n + data.origin)}`;
      Time.duration = (n) => `${short(n)} ${n === 1 ? 'event' : 'events'}`;
      return;
    }
    TimeWindow.SHORTEST = 0.02;
    if (data.end < 2e6) Time.moment = (us) => `${short(us)} µs`;
  }

  return { unpack, text, process, object, error, tellTime };
})();
