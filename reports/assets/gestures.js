'use strict';
/** Pointer, wheel and keys on the canvas, told to the timeline as pans, zooms, hovers, taps and commands. */
const Gestures = (() => {
  /** A wheel turn within so many ms of the page's own scrolling belongs to that scrolling. */
  const SCROLLING = 350;
  const KEYS = {
    '+': 'zoom-in', '=': 'zoom-in', '-': 'zoom-out', '_': 'zoom-out', ArrowLeft: 'left', ArrowRight: 'right',
    ArrowUp: 'lane-up', ArrowDown: 'lane-down', Home: 'all', v: 'violation', s: 'stale', Escape: 'clear',
    '<': 'previous', ',': 'previous', '>': 'next', '.': 'next',
  };

  function listen(canvas, to) {
    const pointers = new Map();
    let moved = 0, scrolled = -Infinity;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const spread = () => {
      const [a, b] = [...pointers.values()];
      return { middle: (a.x + b.x) / 2, distance: Math.max(20, Math.abs(a.x - b.x)) };
    };

    addEventListener('scroll', () => { scrolled = performance.now(); }, { passive: true });
    canvas.addEventListener('wheel', (event) => {
      const focused = document.activeElement === canvas;
      if (!event.ctrlKey && !focused && performance.now() - scrolled < SCROLLING) return;
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        event.preventDefault();
        to.pan(event.deltaX || event.deltaY);
        return;
      }
      const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0022) * (event.ctrlKey ? 4 : 1));
      // Fully zoomed out, turning further scrolls the page.
      if (to.zoom(factor, place(event).x) || factor > 1) event.preventDefault();
    }, { passive: false });

    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
      moved = 0;
    });
    canvas.addEventListener('pointermove', (event) => {
      const now = place(event), before = pointers.get(event.pointerId);
      if (!before) {
        to.hover(now.x, now.y, event.clientX, event.clientY);
        return;
      }
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      if (pointers.size === 1) {
        pointers.set(event.pointerId, now);
        to.pan(before.x - now.x);
        if (event.pointerType === 'mouse') to.scroll(before.y - now.y);
      } else if (pointers.size === 2) {
        const old = spread();
        pointers.set(event.pointerId, now);
        const fresh = spread();
        to.zoom(fresh.distance / old.distance, fresh.middle);
        to.pan(old.middle - fresh.middle);
      }
    });
    const release = (event) => {
      if (pointers.delete(event.pointerId) && event.type === 'pointerup' && moved < 6) {
        const { x, y } = place(event);
        to.tap(x, y, event.clientX, event.clientY);
      }
    };
    canvas.addEventListener('pointerup', release);
    canvas.addEventListener('pointercancel', release);
    canvas.addEventListener('pointerleave', () => to.leave());
    canvas.addEventListener('keydown', (event) => {
      const command = KEYS[event.key];
      if (!command || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      to.command(command);
    });
  }

  return { listen };
})();
