'use strict';
/** On a narrow screen the drawing of a counterexample scrolls: begin where its culprit is in sight. */
(() => {
  for (const frame of document.querySelectorAll('.drawing')) {
    const culprit = frame.querySelector('.culprit rect');
    if (!culprit) continue;
    const box = culprit.getBoundingClientRect(), outer = frame.getBoundingClientRect();
    frame.scrollLeft = Math.max(0, box.right - outer.right + 60);
  }
})();
