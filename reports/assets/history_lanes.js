'use strict';
/** The lanes of a history: of each process or of each object, with as many tracks as ops overlap. */
const HistoryLanes = (() => {
  const AXIS = 24, GAP = 6, MOST_TRACKS = 64;

  /** The tracks of the ops that the mask shows, in the order of their lanes. */
  function tracks(ops, mask, by) {
    const names = by === 'object' ? ops.data.objects : ops.data.processes;
    const lanes = new Map();
    for (let row = 0; row < ops.count; row++) {
      if (!mask[row]) continue;
      const lane = ops[by][row];
      if (!lanes.has(lane)) lanes.set(lane, []);
      place(lanes.get(lane), ops, row);
    }
    const order = [...lanes.keys()].sort((a, b) => a - b);
    return order.flatMap((lane) => lanes.get(lane).map(({ rows }, at) => {
      const reach = new Float64Array(rows.length);
      let latest = -Infinity;
      rows.forEach((row, each) => { reach[each] = latest = Math.max(latest, ops.end[row]); });
      return { name: at === 0 ? names[lane] : '', rows: Int32Array.from(rows), reach };
    }));
  }

  /** Puts an op on the first track of its lane that is free; ops come in the order of their starts. */
  function place(tracks, ops, row) {
    let track = tracks.find((each) => each.free <= ops.start[row]);
    if (!track && tracks.length < MOST_TRACKS) tracks.push(track = { rows: [], free: 0 });
    track ??= tracks[MOST_TRACKS - 1];
    track.rows.push(row);
    track.free = Math.max(track.free, ops.end[row] + 1e-9);
  }

  function layout(ops, width, longest) {
    const narrow = width < 560;
    const count = Math.max(1, ops.lanes.length);
    const lane = Math.min(26, Math.max(9, Math.floor(460 / count)));
    return {
      narrow, lane, axis: AXIS, lanesTop: AXIS + GAP,
      left: Math.min(narrow ? 84 : 180, Math.max(narrow ? 44 : 64, Math.ceil(longest) + 18)),
      height: AXIS + GAP + count * lane + GAP,
      laneY: (at) => AXIS + GAP + at * lane,
    };
  }

  /** Which track each op is on, -1 where it is hidden. */
  function trackOf(ops) {
    const track = new Int32Array(ops.count).fill(-1);
    ops.lanes.forEach(({ rows }, at) => { for (const row of rows) track[row] = at; });
    return track;
  }

  return { tracks, layout, trackOf };
})();
