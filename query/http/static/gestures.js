// Mouse, fingers and keys on the map's canvas.

const STEP = 60;
const STILL = 6;

/**
 * `chart` is moved; `point` hears which film is under the pointer, `choose` which was chosen, `moved` of keys, `passed`
 * of a wheel that scrolls the page: it zooms with Ctrl, as two fingers on a touchpad say it, or once one clicked here.
 */
export function listenTo(chart, { point, choose, moved, passed }) {
  const { canvas, camera } = chart;
  const fingers = new Map();
  let [travelled, spread] = [0, 0];

  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return passed();
      event.preventDefault();
      camera.zoomAt(Math.exp(-event.deltaY * 0.0016), event.offsetX, event.offsetY);
      return chart.draw();
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (fingers.size === 1) travelled = 0;
    spread = distance(fingers);
    chart.middle = false;
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return point(chart.at(event.offsetX, event.offsetY));
    const [right, down] = [event.offsetX - before[0], event.offsetY - before[1]];
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    travelled += Math.hypot(right, down);
    camera.pan(right / fingers.size, down / fingers.size);
    if (fingers.size === 2) {
      const next = distance(fingers);
      if (spread > 0) camera.zoomAt(next / spread, ...centre(fingers));
      spread = next;
    }
    return chart.draw();
  });

  const lift = (event) => {
    const alone = fingers.size === 1 && travelled < STILL;
    fingers.delete(event.pointerId);
    if (event.type !== "pointerup" || !alone) return;
    const film = chart.at(event.offsetX, event.offsetY, event.pointerType === "touch" ? 24 : undefined);
    point(film);
    if (film >= 0) choose(film);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => point(-1));

  const keys = {
    ArrowLeft: () => camera.pan(STEP, 0),
    ArrowRight: () => camera.pan(-STEP, 0),
    ArrowUp: () => camera.pan(0, STEP),
    ArrowDown: () => camera.pan(0, -STEP),
    "+": () => camera.zoomAt(1.5),
    "=": () => camera.zoomAt(1.5),
    "-": () => camera.zoomAt(1 / 1.5),
    0: () => camera.reset(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = () => chart.at(camera.width / 2, camera.height / 2, Infinity);
    if (event.key === "Enter" && middle() >= 0) choose(middle());
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
    chart.middle = true;
    chart.draw();
    moved(middle());
  });
  canvas.addEventListener("blur", () => {
    chart.middle = false;
    chart.draw();
  });
}

function distance(fingers) {
  const [one, other] = [...fingers.values()];
  return other ? Math.hypot(one[0] - other[0], one[1] - other[1]) : 0;
}

function centre(fingers) {
  const [one, other] = [...fingers.values()];
  return [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
}
