'use strict';
/** The window of time in view, in microseconds of the run, and how it maps to pixels. */
class TimeWindow {
  /** The closest look: a pixel shows a tenth of a microsecond or so. */
  static SHORTEST = 100;

  constructor(end) {
    this.end = end;
    this.from = 0;
    this.to = end;
    this.left = 0;
    this.width = 1;
  }

  place(left, width) {
    this.left = left;
    this.width = Math.max(1, width);
  }

  set(from, to) {
    const length = Math.min(Math.max(to - from, Math.min(TimeWindow.SHORTEST, this.end)), this.end);
    const start = Math.min(Math.max(0, from + (to - from - length) / 2), this.end - length);
    this.from = start;
    this.to = start + length;
  }

  get length() { return this.to - this.from; }
  get isWhole() { return this.from <= 0 && this.to >= this.end; }
  x(time) { return this.left + (time - this.from) / this.length * this.width; }
  time(x) { return this.from + (x - this.left) / this.width * this.length; }
  pan(pixels) { this.shift(pixels / this.width * this.length); }
  shift(time) { this.set(this.from + time, this.to + time); }
  all() { this.set(0, this.end); }

  /** Zooms by `factor` (above 1: closer), the moment under `x` staying where it is. */
  zoom(factor, x = this.left + this.width / 2) {
    const share = Math.min(1, Math.max(0, (x - this.left) / this.width));
    const length = Math.min(Math.max(this.length / factor, Math.min(TimeWindow.SHORTEST, this.end)), this.end);
    const from = this.from + (this.length - length) * share;
    this.set(from, from + length);
  }

  /** Moves so that `from` to `to` is in view with room around it, zooming in if the view is much wider. */
  show(from, to) {
    const length = Math.max((to - from) * 6, 20000);
    const middle = (from + to) / 2;
    this.set(middle - length / 2, middle + length / 2);
  }

  /** Round moments for the axis, no closer than `gap` pixels. */
  ticks(gap) {
    const least = this.length / Math.max(1, this.width / gap);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= least);
    const ticks = [];
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) ticks.push(at);
    return { ticks, step };
  }
}

/** Durations and moments for people; both take microseconds. */
const Time = {
  duration(us) {
    const short = (n) => Number(n.toPrecision(3)).toString();
    if (us < 999.5) return `${short(us)} µs`;
    if (us < 999500) return `${short(us / 1e3)} ms`;
    return `${short(us / 1e6)} s`;
  },
  /** With as many decimals as steps of `step` need. */
  moment(us, step = 1) {
    const decimals = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step) + 1e-9)));
    return `${(us / 1e6).toFixed(decimals)} s`;
  },
};
