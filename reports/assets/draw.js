'use strict';
/** Draws what is in view. Ops are bars while they can be told apart; from further away each lane is a strip of
 * columns: above, what most ops of that moment came to; below, the worst that any of them came to, so that one
 * failure among a thousand still shows. */
class Painter {
  /** Of the bar of an op, in pixels: its least width, how much lower than its lane it is, and from which width on it has a label. */
  static BAR = { least: 2, gap: 3, labelled: 22 };

  /** More ops in view than this are drawn as columns. */
  static MOST_BARS = 2500;

  constructor(canvas, ops, filters) {
    this.canvas = canvas;
    this.ops = ops;
    this.mask = filters.mask;
    this.context = canvas.getContext('2d');
    this.strip = document.createElement('canvas');
    this.readColours();
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    this.pixel = Object.fromEntries(['ok', 'fail', 'info', 'alarm'].map((name) => {
      const hex = parseInt(this.colour(name).slice(1), 16);
      return [name, (hex & 0xff) << 16 | hex & 0xff00 | hex >> 16];
    }));
  }

  resize(width, height) {
    const ratio = devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  draw(layout, view, scroll, selected) {
    const c = this.context;
    c.clearRect(0, 0, this.width, this.height);
    c.font = this.font;
    c.textBaseline = 'middle';
    c.save();
    c.translate(0, -scroll);
    this.lines(layout);
    c.save();
    c.beginPath();
    c.rect(layout.left, 0, this.width - layout.left, Math.max(layout.height, this.height));
    c.clip();
    this.shades(layout, view);
    this.roles(layout, view);
    const lanes = this.visibleLanes(layout, view, scroll);
    const count = lanes.reduce((sum, lane) => sum + lane.to - lane.from, 0);
    if (count <= Painter.MOST_BARS) this.bars(layout, view, lanes); else this.columns(layout, view, lanes);
    this.culprits(layout, view);
    if (selected !== null) this.selection(layout, view, selected);
    c.restore();
    this.names(layout);
    c.restore();
    this.axis(layout, view);
  }

  visibleLanes(layout, view, scroll) {
    const { ops } = this;
    const first = Math.max(0, Math.floor((scroll + layout.axis - layout.lanesTop) / layout.lane));
    const last = Math.min(ops.lanes.length, Math.ceil((scroll + this.height - layout.lanesTop) / layout.lane));
    const lanes = [];
    for (let at = first; at < last; at++) {
      const lane = ops.lanes[at];
      lanes.push({ at, from: Columns.firstReaching(lane, view.from), to: Columns.firstAfter(ops, lane, view.to) });
    }
    return lanes;
  }

  lines(layout) {
    const c = this.context;
    c.strokeStyle = this.colour('grid');
    c.lineWidth = 1;
    c.beginPath();
    const line = (y) => { c.moveTo(0, y + 0.5); c.lineTo(this.width, y + 0.5); };
    for (let at = 0; at <= this.ops.lanes.length; at++) line(layout.laneY(at));
    for (let at = 0; at <= this.ops.data.roles.length; at++) line(layout.nodeY(at));
    c.stroke();
  }

  shades(layout, view) {
    const c = this.context;
    this.ops.data.faults.forEach((fault, at) => {
      const from = view.x(fault.start), to = Math.max(from + 1, view.x(fault.stop ?? view.end));
      if (to < layout.left || from > this.width) return;
      c.fillStyle = this.colour('fault');
      c.globalAlpha = 0.13;
      c.fillRect(from, layout.axis, to - from, layout.height - layout.axis);
      c.globalAlpha = 1;
      c.fillRect(from, layout.faultY(at) + 1, to - from, layout.fault - 2);
      this.label([`${fault.kind} ${fault.variant}`, fault.kind], from, to, layout.faultY(at) + layout.fault / 2, 'on-fault');
    });
  }

  /** The first of `texts` that fits into a box's visible part, or nothing. */
  label(texts, from, to, y, colour) {
    const c = this.context;
    const left = Math.max(from, this.left ?? 0) + 4;
    const room = Math.min(to, this.width) - left - 3;
    const fitting = texts.find((each) => each.length * 4.5 < room && c.measureText(each).width <= room);
    if (!fitting) return;
    c.fillStyle = this.colour(colour);
    c.fillText(fitting, left, y + 0.5);
  }

  roles(layout, view) {
    const c = this.context;
    this.ops.data.roles.forEach((node, at) => {
      const y = layout.nodeY(at);
      for (const [start, end, role, term] of node.spans) {
        const from = view.x(start), to = view.x(end);
        if (to < layout.left || from > this.width) continue;
        const known = ['leader', 'follower', 'candidate', 'observer', 'down', 'paused'].includes(role);
        const left = Math.max(from, layout.left), width = Math.max(1, Math.min(to, this.width) - left - 1);
        c.fillStyle = this.colour(known ? role : 'follower');
        c.fillRect(left, y + 2, width, layout.node - 4);
        if (role === 'down' || role === 'paused') this.hatch(left, y + 2, width, layout.node - 4);
        if (width > 12) this.label([`${role} ${term}`, `${this.ops.data.era[0]}${term}`], from, to, y + layout.node / 2, `on-${known ? role : 'follower'}`);
      }
    });
  }

  hatch(x, y, width, height) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(x, y, width, height);
    c.clip();
    c.beginPath();
    for (let at = x - height - x % 7; at < x + width; at += 7) { c.moveTo(at, y + height); c.lineTo(at + height, y); }
    c.strokeStyle = this.colour('hatch');
    c.stroke();
    c.restore();
  }

  bars(layout, view, lanes) {
    const { ops, mask } = this;
    for (const lane of lanes) {
      const { rows } = ops.lanes[lane.at];
      for (let at = lane.from; at < lane.to; at++) {
        if (mask[rows[at]]) this.bar(layout, view, rows[at], layout.laneY(lane.at));
      }
    }
  }

  bar(layout, view, row, y) {
    const c = this.context, { ops } = this, shape = this.constructor.BAR;
    const from = Math.max(view.x(ops.start[row]), layout.left - 4);
    const to = Math.min(Math.max(view.x(ops.end[row]), from + shape.least), this.width + 40);
    const top = y + 2, height = layout.lane - shape.gap, width = to - from;
    const outcome = Columns.OUTCOMES[ops.outcome[row]];
    if (outcome === 'fail') {
      c.strokeStyle = this.colour('fail');
      c.lineWidth = 1;
      c.strokeRect(from + 0.5, top + 0.5, Math.max(1, width - 1), height - 1);
    } else {
      c.fillStyle = this.colour(outcome === 'ok' && ops.action[row] === 0 ? 'ok-read' : outcome);
      c.fillRect(from, top, width, height);
    }
    if (outcome === 'info') this.openEnd(to, top, height);
    const mark = this.mark(row);
    if (mark) {
      c.fillStyle = this.colour(mark);
      c.fillRect(from, top + height - 3, Math.max(3, width), 3);
    }
    if (layout.lane >= 13 && width > shape.labelled) {
      const colour = outcome === 'fail' ? 'muted' : outcome === 'info' ? 'on-info' : ops.action[row] === 0 ? 'on-ok-read' : 'on-ok';
      this.label(this.labels(row), from, to, y + layout.lane / 2, colour);
    }
  }

  /** The colour of the line below an op, if it has one. */
  mark(row) { return this.ops.alarm[row] ? 'alarm' : null; }

  /** What an op may be labelled with, the longest first. */
  labels(row) { return [Columns.prose(this.ops, row), Columns.brief(this.ops, row)]; }

  /** An op that nobody knows the end of fades out beyond the moment the client gave up. */
  openEnd(x, top, height) {
    const c = this.context;
    const fade = c.createLinearGradient(x, 0, x + 28, 0);
    fade.addColorStop(0, this.colour('info'));
    fade.addColorStop(1, 'transparent');
    c.strokeStyle = fade;
    c.lineWidth = height;
    c.setLineDash([4, 3]);
    c.beginPath();
    c.moveTo(x, top + height / 2);
    c.lineTo(x + 28, top + height / 2);
    c.stroke();
    c.setLineDash([]);
    c.lineWidth = 1;
  }

  columns(layout, view, lanes) {
    const left = layout.left, width = Math.max(1, Math.ceil(this.width - left));
    this.strip.width = width;
    this.strip.height = Math.max(1, lanes.length * 2);
    const strip = this.strip.getContext('2d');
    const image = strip.createImageData(width, this.strip.height);
    const pixels = new Uint32Array(image.data.buffer);
    const tally = [0, 1, 2, 3].map(() => new Uint16Array(width));
    lanes.forEach((lane, line) => {
      tally.forEach((each) => each.fill(0));
      this.tally(tally, lane, view, left, width);
      this.paintLine(pixels, tally, line * 2 * width, width);
    });
    strip.putImageData(image, 0, 0);
    const c = this.context;
    c.imageSmoothingEnabled = false;
    lanes.forEach((lane, line) => {
      const y = layout.laneY(lane.at) + 2, height = layout.lane - 3, foot = Math.max(2, Math.round(height * 0.35));
      c.drawImage(this.strip, 0, line * 2, width, 1, left, y, width, height - foot);
      c.drawImage(this.strip, 0, line * 2 + 1, width, 1, left, y + height - foot, width, foot);
    });
  }

  /** Counts, for each column of pixels, the ok, fail, info and alarming ops. */
  tally(tally, lane, view, left, width) {
    const { ops, mask } = this;
    const { rows } = ops.lanes[lane.at];
    const scale = view.width / view.length, offset = view.left - left - view.from * scale;
    for (let at = lane.from; at < lane.to; at++) {
      const row = rows[at];
      if (!mask[row]) continue;
      const from = Math.max(0, Math.floor(ops.start[row] * scale + offset));
      const to = Math.min(width - 1, Math.floor(ops.end[row] * scale + offset));
      const counts = tally[ops.outcome[row]];
      for (let x = from; x <= to; x++) counts[x]++;
      if (ops.alarm[row]) for (let x = from; x <= to; x++) tally[3][x]++;
    }
  }

  paintLine(pixels, [ok, fail, info, alarm], at, width) {
    const { pixel } = this;
    for (let x = 0; x < width; x++) {
      const count = ok[x] + fail[x] + info[x];
      if (count === 0) continue;
      const most = info[x] > ok[x] && info[x] >= fail[x] ? pixel.info : fail[x] > ok[x] ? pixel.fail : pixel.ok;
      const worst = alarm[x] ? pixel.alarm : info[x] ? pixel.info : fail[x] ? pixel.fail : most;
      const alpha = Math.min(255, 150 + count * 25);
      pixels[at + x] = (alpha << 24 | most) >>> 0;
      pixels[at + width + x] = ((worst === most ? alpha : 255) << 24 | worst) >>> 0;
    }
  }

  culprits(layout, view) {
    const c = this.context;
    for (const row of this.ops.data.culprits) {
      const x = Math.round(view.x(this.ops.start[row])) + 0.5;
      c.strokeStyle = this.colour('alarm');
      c.setLineDash([4, 3]);
      c.beginPath();
      c.moveTo(x, layout.axis);
      c.lineTo(x, layout.height);
      c.stroke();
      c.setLineDash([]);
      const y = layout.laneY(this.ops.lane[row]);
      c.strokeRect(x - 3.5, y + 0.5, Math.max(7, view.x(this.ops.end[row]) - x + 6), layout.lane);
    }
  }

  selection(layout, view, row) {
    const c = this.context;
    const x = view.x(this.ops.start[row]), y = layout.laneY(this.ops.lane[row]);
    c.strokeStyle = this.colour('ink');
    c.lineWidth = 2;
    c.strokeRect(x - 2, y, Math.max(6, view.x(this.ops.end[row]) - x + 4), layout.lane);
    c.lineWidth = 1;
  }

  names(layout) {
    const c = this.context, { data } = this.ops;
    const name = (text, y, colour = 'ink') => {
      c.fillStyle = this.colour(colour);
      c.fillText(text, layout.left - 8, y, layout.left - 10);
    };
    c.fillStyle = this.colour('paper');
    c.fillRect(0, 0, layout.left - 2, Math.max(layout.height, this.height));
    c.textAlign = 'right';
    name('faults', layout.faultsTop + layout.fault / 2, 'muted');
    data.roles.forEach((node, at) => name(node.node, layout.nodeY(at) + layout.node / 2));
    const every = Math.ceil(11 / layout.lane);
    data.lanes.forEach((lane, at) => {
      if (at % every === 0) name(layout.narrow ? `p ${lane}` : `process ${lane}`, layout.laneY(at) + layout.lane / 2, 'muted');
    });
    c.textAlign = 'left';
  }

  axis(layout, view) {
    const c = this.context;
    c.fillStyle = this.colour('paper');
    c.fillRect(0, 0, this.width, layout.axis);
    c.strokeStyle = this.colour('grid');
    c.strokeRect(layout.left, layout.axis - 0.5, this.width - layout.left, 0);
    const { ticks, step } = view.ticks(layout.narrow ? 74 : 96);
    c.fillStyle = this.colour('muted');
    const marks = this.ops.data.culprits.map((row) => view.x(this.ops.start[row]));
    for (const at of ticks) {
      const x = Math.round(view.x(at));
      c.fillRect(x, layout.axis - 5, 1, 5);
      const text = Time.moment(at, step);
      const right = x + c.measureText(text).width + 4;
      if (right < this.width && !marks.some((mark) => mark > x - 6 && mark < right + 8)) c.fillText(text, x + 3, layout.axis / 2);
    }
    for (const x of marks) {
      if (x < layout.left || x > this.width) continue;
      c.fillStyle = this.colour('alarm');
      c.fillRect(x - 8, 2, 16, layout.axis - 5);
      c.fillStyle = this.colour('on-alarm');
      c.textAlign = 'center';
      c.fillText('✗', x, layout.axis / 2);
      c.textAlign = 'left';
    }
  }
}
