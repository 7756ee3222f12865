// The picture: thousands of points on a canvas. What they mean is the map's business.

import { Camera } from "./camera.js";

const REACH = 14;
const ROUND_FROM = 1.6;
const MOST_LABELS = 20;
const LINE = 24;
const LABEL = "12px ";
const ASIDE = [
  ...[0, -1, 1, -2, 2, -3, 3, -4, 4].map((lines) => [0, lines]),
  ...[0, -1, 1, -2, 2].flatMap((lines) => [
    [-0.7, lines],
    [0.7, lines],
  ]),
];
/** Widths and lines by which the name of a region makes way for what was found there. */
const CLOSE = 3;
const CLOSER = 16;
/** Zooms from which on regions are small ones, and from which on titles say enough. */

/** `films` holds x and y, `titles` one title a film, the best known first; `regions` have a place and a name. */
export class Chart {
  constructor(canvas, films) {
    this.canvas = canvas;
    this.films = films;
    this.camera = new Camera(films.x, films.y);
    this.colours = [];
    this.colourOf = new Int16Array(films.x.length);
    this.hits = new Set();
    this.pointed = -1;
    this.middle = false;
    this.waiting = false;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(canvas);
    this.resize();
  }

  close() {
    this.watch.disconnect();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const dense = Math.min(devicePixelRatio || 1, 2);
    [this.canvas.width, this.canvas.height] = [Math.round(width * dense), Math.round(height * dense)];
    this.dense = dense;
    this.camera.resize(width, height);
    this.draw();
  }

  /** Draw with the next frame. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const brush = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    [this.ink, this.ground] = [style.color, style.backgroundColor];
    brush.setTransform(this.dense, 0, 0, this.dense, 0, 0);
    brush.fillStyle = this.ground;
    brush.fillRect(0, 0, this.camera.width, this.camera.height);
    this.drawPoints(brush);
    brush.font = LABEL + style.fontFamily;
    const named = this.drawRegions(brush, this.pointed >= 0 ? this.labelBox(brush, this.pointed) : null);
    this.drawHits(brush, style.caretColor);
    if (this.pointed >= 0) this.drawRing(brush, this.pointed, 3, this.ink);
    this.drawLabels(brush, named);
    this.drawOutside(brush, style.caretColor);
    if (this.middle) this.drawMiddle(brush);
  }

  /** In pixels; many films make small points. */
  get radius() {
    const crowd = Math.sqrt(2600 / Math.max(this.films.x.length, 1));
    return Math.min(Math.max(2.2 * crowd, 1), 5) * Math.min(this.camera.zoom ** 0.4, 3);
  }

  drawPoints(brush) {
    const groups = this.colours.map(() => []);
    for (let film = 0; film < this.films.x.length; film += 1) {
      if (this.seen(film)) groups[this.colourOf[film]]?.push(film);
    }
    brush.globalAlpha = this.hits.size ? 0.28 : 0.82;
    groups.forEach((films, colour) => this.drawGroup(brush, films, this.colours[colour], this.radius));
    brush.globalAlpha = 1;
  }

  drawHits(brush, colour) {
    for (const hit of this.hits) {
      this.drawGroup(brush, [hit], this.colours[this.colourOf[hit]], this.radius + 2);
      this.drawRing(brush, hit, 2, colour);
    }
  }

  drawGroup(brush, films, colour, radius) {
    brush.fillStyle = colour;
    brush.beginPath();
    for (const film of films) {
      const [left, top] = this.place(film);
      if (radius < ROUND_FROM) brush.rect(left - radius, top - radius, 2 * radius, 2 * radius);
      else {
        brush.moveTo(left + radius, top);
        brush.arc(left, top, radius, 0, 2 * Math.PI);
      }
    }
    brush.fill();
  }

  drawRing(brush, film, width, colour) {
    const [left, top] = this.place(film);
    brush.strokeStyle = colour;
    brush.lineWidth = width;
    brush.beginPath();
    brush.arc(left, top, this.radius + 3.5, 0, 2 * Math.PI);
    brush.stroke();
  }

  /** What films have in common where they lie, but under the title that is pointed at; gives the boxes that it took. */
  drawRegions(brush, pointed) {
    const level = this.camera.zoom < CLOSE ? 0 : 1;
    brush.font = `italic 600 ${level ? 14 : 16}px ${getComputedStyle(this.canvas).fontFamily}`;
    brush.textBaseline = "middle";
    const taken = [];
    const shown = this.camera.zoom < CLOSER ? (this.films.regions ?? []).filter((each) => each.level === level) : [];
    const reach = 2 * this.radius + 11;
    const hits = [...this.hits].map((hit) => this.place(hit));
    const around = hits.map(([left, top]) => ({ left: left - reach / 2, top: top - reach / 2, width: reach, height: reach }));
    const names = shown.filter((region) => {
      const [middle, top] = [this.camera.left(region.x), this.camera.top(region.y)];
      const width = brush.measureText(region.name).width + 12;
      const boxes = ASIDE.map(([right, down]) => {
        return { left: middle + (right - 0.5) * width, top: top - 11 + down * LINE, width, height: 22 };
      });
      const free = (of) => (box) => this.holds(box) && !of.some((other) => overlap(box, other));
      const box = boxes.find(free([...taken, ...around])) ?? boxes.find(free(taken));
      if (!box) return false;
      taken.push(box);
      const covered = pointed && overlap(box, pointed);
      if (!covered) this.drawText(brush, region.name, box.left + 6, box.top + 11, this.hits.size ? 0.55 : 0.85);
      return true;
    });
    this.canvas.dataset.regions = names.map((region) => region.name).join(", ");
    return taken;
  }

  holds(box) {
    const { width, height } = this.camera;
    return box.left > 0 && box.top > 0 && box.left + box.width < width && box.top + box.height < height;
  }

  drawText(brush, text, left, top, strength) {
    brush.lineJoin = "round";
    brush.lineWidth = 3.5;
    brush.strokeStyle = this.ground;
    brush.strokeText(text, left, top);
    brush.globalAlpha = strength;
    brush.fillStyle = this.ink;
    brush.fillText(text, left, top);
    brush.globalAlpha = 1;
  }

  /** At the edge, where a hit lies beyond it. */
  drawOutside(brush, colour) {
    const { width, height } = this.camera;
    const outside = [...this.hits].filter((hit) => !this.seen(hit));
    brush.fillStyle = colour;
    for (const hit of outside) {
      const [x, y] = this.place(hit);
      const [left, top] = [Math.min(Math.max(x, 7), width - 7), Math.min(Math.max(y, 7), height - 7)];
      const turn = Math.atan2(y - top, x - left);
      brush.beginPath();
      for (const corner of [0, 2.5, -2.5]) brush.lineTo(left + 7 * Math.cos(turn + corner), top + 7 * Math.sin(turn + corner));
      brush.fill();
    }
    this.canvas.dataset.outside = outside.length;
  }

  /** Titles where there is room: of what is pointed at, of hits, then of the best known. */
  drawLabels(brush, regions) {
    brush.font = LABEL + getComputedStyle(this.canvas).fontFamily;
    const taken = [...regions];
    for (const film of this.toLabel()) {
      if (taken.length >= MOST_LABELS + regions.length) break;
      const box = this.labelBox(brush, film);
      if (film !== this.pointed && (!this.holds(box) || taken.some((other) => overlap(box, other)))) continue;
      taken.push(box);
      this.drawLabel(brush, film, box);
    }
  }

  *toLabel() {
    if (this.pointed >= 0) yield this.pointed;
    for (const hit of this.hits) if (hit !== this.pointed && this.seen(hit)) yield hit;
    if (this.hits.size && this.camera.zoom < 2) return;
    for (let film = 0; film < Math.min(this.films.x.length, 4000); film += 1) {
      if (!this.hits.has(film) && film !== this.pointed && this.seen(film)) yield film;
    }
  }

  labelBox(brush, film) {
    const [left, top] = this.place(film);
    const width = brush.measureText(short(this.films.title[film])).width + 8;
    const gap = this.radius + 6;
    const start = left + gap + width > this.camera.width ? left - gap - width : left + gap;
    return { left: Math.max(start, film === this.pointed ? 1 : start), top: top - 9, width, height: 18 };
  }

  drawLabel(brush, film, box) {
    const strong = film === this.pointed || this.hits.has(film);
    this.drawText(brush, short(this.films.title[film]), box.left + 4, box.top + 9.5, strong ? 1 : 0.7);
  }

  drawMiddle(brush) {
    const [left, top] = [this.camera.width / 2, this.camera.height / 2];
    brush.strokeStyle = this.ink;
    brush.lineWidth = 1;
    brush.beginPath();
    for (const [right, down] of [
      [9, 0],
      [0, 9],
    ]) {
      brush.moveTo(left - right, top - down);
      brush.lineTo(left + right, top + down);
    }
    brush.stroke();
  }

  /** Left and top of a film in pixels of the page. */
  place(film) {
    return [this.camera.left(this.films.x[film]), this.camera.top(this.films.y[film])];
  }

  seen(film) {
    const [left, top] = this.place(film);
    return left > -9 && top > -9 && left < this.camera.width + 9 && top < this.camera.height + 9;
  }

  /** The film at a pixel, a hit before others; -1 if there is none within reach. */
  at(left, top, reach = REACH) {
    let [best, nearest] = [-1, reach];
    for (let film = 0; film < this.films.x.length; film += 1) {
      const [x, y] = this.place(film);
      const far = Math.hypot(x - left, y - top) - (this.hits.has(film) ? 4 : 0);
      if (far < nearest) [best, nearest] = [film, far];
    }
    return best;
  }
}

const short = (title) => (title.length > 32 ? `${title.slice(0, 31)}…` : title);

function overlap(one, other) {
  return (
    one.left < other.left + other.width &&
    other.left < one.left + one.width &&
    one.top < other.top + other.height &&
    other.top < one.top + one.height
  );
}
