// Where we look: from places of the map, 0 to 65535 both ways, to pixels of the canvas and back.

const SPAN = 65535;
const MARGIN = 0.05;
const CLOSEST = 60;

export class Camera {
  constructor() {
    this.width = this.height = 1;
    this.zoom = 1;
    this.x = this.y = SPAN / 2;
  }

  resize(width, height) {
    [this.width, this.height] = [width, height];
  }

  /** Pixels a unit of the map. */
  get scale() {
    return (Math.min(this.width, this.height) * (1 - 2 * MARGIN) * this.zoom) / SPAN;
  }

  left(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  top(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  /** Move by pixels. */
  pan(right, down) {
    this.x = clamp(this.x - right / this.scale, 0, SPAN);
    this.y = clamp(this.y - down / this.scale, 0, SPAN);
  }

  /** Zoom around a pixel, which stays where it is. */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = [this.x + (left - this.width / 2) / this.scale, this.y + (top - this.height / 2) / this.scale];
    this.zoom = clamp(this.zoom * factor, 1, CLOSEST);
    this.x = clamp(x - (left - this.width / 2) / this.scale, 0, SPAN);
    this.y = clamp(y - (top - this.height / 2) / this.scale, 0, SPAN);
  }

  reset() {
    this.zoom = 1;
    this.x = this.y = SPAN / 2;
  }
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
