'use strict';
/** Where each lane lies, from the top: axis, faults, nodes, clients. The axis stays while the rest scrolls. */
const Layout = (() => {
  const AXIS = 24, FAULT = 18, NODE = 18, GAP = 8;

  /** Rows for bands such that none overlaps another. */
  function packed(faults, end) {
    const free = [];
    return faults.map((fault) => {
      let row = free.findIndex((until) => until <= fault.start);
      if (row < 0) row = free.push(0) - 1;
      free[row] = fault.stop ?? end;
      return row;
    });
  }

  function make(data, width) {
    const narrow = width < 560;
    const faultRows = packed(data.faults, data.end_us);
    const faultCount = Math.max(1, ...faultRows.map((row) => row + 1));
    const faultsTop = AXIS + 2;
    const nodesTop = faultsTop + faultCount * FAULT + GAP;
    const lanesTop = nodesTop + data.roles.length * NODE + GAP;
    const lane = Math.min(20, Math.max(8, Math.floor(420 / Math.max(1, data.lanes.length))));
    return {
      narrow, faultRows, faultsTop, nodesTop, lanesTop, lane,
      axis: AXIS, fault: FAULT, node: NODE,
      left: narrow ? 52 : 92,
      height: lanesTop + data.lanes.length * lane + GAP,
      faultY: (at) => faultsTop + faultRows[at] * FAULT,
      nodeY: (at) => nodesTop + at * NODE,
      laneY: (at) => lanesTop + at * lane,
    };
  }

  /** The lane under `y`, in the layout's own coordinates. */
  function at(layout, data, y) {
    if (y >= layout.lanesTop) {
      const lane = Math.floor((y - layout.lanesTop) / layout.lane);
      return lane < data.lanes.length ? { kind: 'lane', lane } : null;
    }
    if (y >= layout.nodesTop) {
      const node = Math.floor((y - layout.nodesTop) / layout.node);
      return node < data.roles.length ? { kind: 'node', node } : null;
    }
    return y >= layout.faultsTop ? { kind: 'faults', row: Math.floor((y - layout.faultsTop) / layout.fault) } : null;
  }

  return { make, at };
})();
