// Where we look: from places of the map to pixels of the canvas.

const MARGIN = 0.05;
const CLOSEST = 60;

export class Camera {
  /** Of a map with films at these places. */
  constructor(xs, ys) {
    this.width = this.height = 1;
    [this.low, this.high] = [
      [least(xs), least(ys)],
      [most(xs), most(ys)],
    ];
    this.reset();
  }

  resize(width, height) {
    [this.width, this.height] = [width, height];
  }

  /** Pixels a unit of the map. */
  get scale() {
    const [across, down] = [0, 1].map((axis) => Math.max(this.high[axis] - this.low[axis], 1));
    return Math.min(this.width / across, this.height / down) * (1 - 2 * MARGIN) * this.zoom;
  }

  left(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  top(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  /** Move by pixels. */
  pan(right, down) {
    this.lookAt(this.x - right / this.scale, this.y - down / this.scale);
  }

  /** Zoom around a pixel, which stays where it is. */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = [this.x + (left - this.width / 2) / this.scale, this.y + (top - this.height / 2) / this.scale];
    this.zoom = clamp(this.zoom * factor, 1, CLOSEST);
    this.lookAt(x - (left - this.width / 2) / this.scale, y - (top - this.height / 2) / this.scale);
  }

  reset() {
    this.zoom = 1;
    this.lookAt((this.low[0] + this.high[0]) / 2, (this.low[1] + this.high[1]) / 2);
  }

  /** Look at all of these places, [x, y] each. */
  fit(places) {
    const [xs, ys] = [0, 1].map((axis) => places.map((place) => place[axis]));
    this.zoom = 1;
    const [across, down] = [most(xs) - least(xs), most(ys) - least(ys)].map((length) => Math.max(length * this.scale, 1));
    this.zoom = clamp(0.8 * Math.min(this.width / across, this.height / down), 1, CLOSEST / 4);
    this.lookAt((least(xs) + most(xs)) / 2, (least(ys) + most(ys)) / 2);
  }

  lookAt(x, y) {
    this.x = clamp(x, this.low[0], this.high[0]);
    this.y = clamp(y, this.low[1], this.high[1]);
  }
}

// Not Math.min(...values): a hundred thousand arguments are too many.
const least = (values) => values.reduce((one, other) => Math.min(one, other), Infinity);
const most = (values) => values.reduce((one, other) => Math.max(one, other), -Infinity);

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
