// A quiet cover for a film without a poster: its genre gives the colour, its id the drawing. Its title stands beside it.

import { el, svg } from "./dom.js";

const HUES = {
  Action: 14,
  Adventure: 36,
  Animation: 190,
  Comedy: 46,
  Crime: 222,
  Documentary: 160,
  Drama: 24,
  Family: 96,
  Fantasy: 280,
  History: 32,
  Horror: 356,
  Music: 318,
  Mystery: 252,
  Romance: 338,
  "Sci-Fi": 204,
  "Science Fiction": 204,
  Thriller: 212,
  War: 76,
  Western: 28,
};

const DRAWINGS = [sun, horizon, arches, columns, orbit, hills];

/** The poster where the catalogue has one that can be had, a drawn cover otherwise. */
export function cover(film) {
  const frame = el("div", { class: "cover", "aria-hidden": "true" }, drawn(film));
  if (film.poster && /^(https?:|\/(?!\/))/i.test(film.poster)) {
    const image = el("img", {
      src: film.poster,
      alt: "",
      loading: "lazy",
      decoding: "async",
      referrerpolicy: "no-referrer",
    });
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  }
  return frame;
}

function drawn(film) {
  const chance = chances(film.id);
  const hue = HUES[film.genres?.[0]] ?? Math.floor(chance() * 360);
  const tone = (lightness, saturation = 24) => `hsl(${hue} ${saturation * 0.6}% ${lightness}%)`;
  const drawing = DRAWINGS[Math.floor(chance() * DRAWINGS.length)](tone, chance);
  const ground = svg("rect", { width: 100, height: 150, fill: tone(24) });
  const shade = svg("rect", { y: 88, width: 100, height: 62, fill: tone(18) });
  return svg("svg", { viewBox: "0 0 100 150", preserveAspectRatio: "xMidYMid slice" }, ground, drawing, shade);
}

/** Numbers from 0 to 1 that an id always gives alike. */
function chances(id) {
  let seed = 2166136261;
  for (const character of String(id)) seed = Math.imul(seed ^ character.codePointAt(0), 16777619);
  return () => {
    seed = Math.imul(seed ^ (seed >>> 15), 2246822519) + 1013904223;
    return ((seed ^ (seed >>> 13)) >>> 0) / 4294967296;
  };
}

function sun(tone, chance) {
  const radius = 14 + chance() * 16;
  return svg("circle", { cx: 26 + chance() * 48, cy: 34 + chance() * 22, r: radius, fill: tone(58, 44) });
}

function horizon(tone, chance) {
  const first = 26 + chance() * 14;
  return [0, 1, 2, 3, 4].map((each) =>
    svg("rect", { y: first + each * each * 3.2, width: 100, height: 1 + each * 0.9, fill: tone(44 + each * 4, 34) }),
  );
}

function arches(tone, chance) {
  const middle = 34 + chance() * 32;
  return [44, 33, 22, 11].map((radius, each) =>
    svg("circle", { cx: middle, cy: 88, r: radius, fill: tone(28 + each * 9, 30 + each * 4) }),
  );
}

function columns(tone, chance) {
  return [0, 1, 2, 3, 4, 5].map((each) => {
    const height = 18 + chance() * 54;
    return svg("rect", { x: 8 + each * 14.5, y: 88 - height, width: 11, height, fill: tone(32 + chance() * 22, 32) });
  });
}

function orbit(tone, chance) {
  const [x, y] = [50, 46];
  const turn = chance() * Math.PI * 2;
  const rings = [30, 20].map((radius) =>
    svg("circle", { cx: x, cy: y, r: radius, fill: "none", stroke: tone(50, 36), "stroke-width": 1.2 }),
  );
  const planet = { cx: x + 30 * Math.cos(turn), cy: y + 30 * Math.sin(turn), r: 4.5, fill: tone(66, 50) };
  return [...rings, svg("circle", { cx: x, cy: y, r: 8, fill: tone(60, 46) }), svg("circle", planet)];
}

function hills(tone, chance) {
  return [0, 1, 2].map((each) => {
    const [top, left, right] = [38 + each * 14 + chance() * 8, 20 + chance() * 20, 60 + chance() * 20];
    const path = `M0 ${top + 12} Q${left} ${top - 14} 50 ${top + 6} T100 ${top + right / 12} V92 H0 Z`;
    return svg("path", { d: path, fill: tone(48 - each * 9, 32) });
  });
}
