'use strict';
/** The linearizations that were found, and the longest partial ones of what is not linearizable: for each op the longest
 * that has it, with the moments at which its ops may have taken effect. */
class Linearizations {
  constructor(ops) {
    this.ops = ops;
    this.found = [];
    /** For each op the longest order that has it, -1 where none has. */
    this.best = new Int32Array(ops.count).fill(-1);
    /** For each object what was found of it. */
    this.objects = new Map();
    for (const each of ops.data.orders) {
      this.objects.set(each.object, each);
      const first = this.found.length;
      each.orders.forEach((order, at) => {
        const tail = Columns.running(Columns.numbers(order.tail.data, order.length, true));
        const shared = at === 0 ? [] : this.found[first].rows.subarray(0, order.shared);
        const rows = new Int32Array(shared.length + tail.length);
        rows.set(shared);
        rows.set(tail, shared.length);
        const number = this.found.push({ rows, state: order.state, end: each.end, times: null }) - 1;
        for (const row of rows) if (this.best[row] < 0) this.best[row] = number;
      });
    }
  }

  /** The order to be shown for an op: the longest that has it, or else the longest of its object. */
  of(row) {
    if (this.best[row] >= 0) return this.best[row];
    const object = this.objects.get(this.ops.object[row]);
    if (!object || object.orders.length === 0) return -1;
    return this.found.findIndex(({ rows }) => rows.length > 0 && this.ops.object[rows[0]] === this.ops.object[row]);
  }

  /** The order with a moment for each of its ops: as early as its own start and those before it allow. */
  timed(number) {
    const order = this.found[number];
    if (!order.times) {
      order.times = new Float64Array(order.rows.length);
      let now = -Infinity;
      order.rows.forEach((row, at) => { order.times[at] = now = Math.max(now, this.ops.start[row]); });
      order.place = new Map();
      order.rows.forEach((row, at) => order.place.set(row, at));
    }
    return order;
  }

  /** What is to be said of an op. */
  lines(row) {
    const object = this.objects.get(this.ops.object[row]);
    if (!object) return [];
    if (object.orders.length === 0) return [['Linearization', object.note]];
    const number = this.of(row);
    if (number < 0) return [];
    const order = this.timed(number);
    const place = order.place.get(row);
    const whole = object.end === 'linearizable';
    const name = whole ? 'Linearization' : 'Longest partial linearization';
    const lines = [];
    if (place !== undefined) lines.push([name, `number ${(place + 1).toLocaleString('en')} of ${order.rows.length.toLocaleString('en')}`]);
    else lines.push([name, this.absent(row, object)]);
    if (!whole && order.state !== '') lines.push(['It leaves', order.state]);
    return lines;
  }

  absent(row, object) {
    const { ops } = this;
    if (object.end === 'linearizable') return 'not in it: the op demands nothing';
    if (row === object.culprit) return 'in none: this is the op that nothing explains';
    const after = object.culprit !== null && ops.start[row] > ops.end[object.culprit];
    return after ? 'in none: invoked after the op that nothing explains' : 'in none that was found';
  }
}
