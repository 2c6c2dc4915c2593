'use strict';
/** On a narrow screen the drawing of the counterexample scrolls: begin where its culprit is in sight. */
(() => {
  const frame = document.getElementById('counterexample-drawing');
  const culprit = frame?.querySelector('.culprit rect');
  if (!culprit) return;
  const box = culprit.getBoundingClientRect(), outer = frame.getBoundingClientRect();
  frame.scrollLeft = Math.max(0, box.right - outer.right + 60);
})();
