// The catalog as a picture: films of like plots lie together, the hits of the question are lit up.

import { map, search } from "./api.js";
import { Chart } from "./chart.js";
import { afterPause, announce, byId, el, fill } from "./dom.js";
import { listenTo } from "./gestures.js";
import { asked, go, now, question } from "./state.js";
import { failure } from "./problems.js";
import { genreName, t } from "./words.js";

const MOST = 30000;
const MOST_HITS = 100;
const MOST_ALIKE = 50; // as many as the list has
const TOUCH = matchMedia("(hover: none)");
const GENRE_COLOURS = [
  "#c8553d",
  "#3d7fb8",
  "#d39a2d",
  "#5f9e6e",
  "#8d6cb5",
  "#c76b98",
  "#4aa3a2",
  "#a0713d",
  "#7a8c2f",
  "#e07a5f",
  "#5b6fc7",
];
const DECADE_COLOURS = [
  "#5a3d8a",
  "#4a56a6",
  "#3d75b0",
  "#3f93a8",
  "#4fa98a",
  "#7cb368",
  "#aab050",
  "#d0a444",
  "#dd8540",
  "#d7613f",
  "#c73e46",
];
const OTHER = "#8f8a80";

let chart = null;
let films = null;
let colouring = "genre";
let lit = "";

/** Show the map; it is fetched once. */
export async function showMap() {
  const place = byId("map");
  place.hidden = false;
  if (chart) return;
  if (!films) fill(place, el("p", { class: "notice" }, t("map-loading")));
  try {
    films ??= await map(MOST);
  } catch (error) {
    fill(place, failure(error));
    return;
  }
  if (now().view === "map" && !chart) build(place);
}

export function hideMap() {
  chart?.close();
  chart = null;
  lit = "";
  byId("map").hidden = true;
  fill(byId("map"));
}

function build(place) {
  const n = films.id.length;
  const canvas = el("canvas", {
    tabindex: "0",
    role: "application",
    "aria-label": t("map-label", { n }),
    "aria-describedby": "map-help",
    id: "chart",
  });
  const head = el("div", { class: "map-head" }, colourChoice(), el("p", { id: "map-lit" }), buttons());
  fill(
    place,
    head,
    el("div", { class: "map-frame" }, canvas, el("p", { id: "map-wheel", class: "map-wheel", hidden: true }, t("map-wheel"))),
    el("ul", { class: "legend", id: "legend" }),
    el(
      "p",
      { class: "hint", id: "map-help" },
      t(TOUCH.matches ? "map-help-touch" : "map-help"),
      n < films.total && ` ${t("map-first", { n, all: films.total })}.`,
    ),
  );
  const regions = films.regions?.map((region) => ({ ...region, name: genreName(region.name) }));
  chart = new Chart(canvas, { ...films, regions });
  listenTo(chart, { point, choose: (film) => go({ film: films.id[film] }), moved: tell, passed });
  colour();
}

function colourChoice() {
  const options = ["genre", "decade"].map((each) =>
    el("option", { value: each, selected: each === colouring }, t(`map-${each}`)),
  );
  const change = (event) => {
    colouring = event.target.value;
    colour();
  };
  return el("label", {}, el("span", {}, t("map-colour")), " ", el("select", { id: "colouring", change }, options));
}

function buttons() {
  const act = (work) => () => {
    work(chart.camera);
    chart.draw();
  };
  const button = (sign, name, work) =>
    el("button", { type: "button", class: "quiet", "aria-label": t(name), title: t(name), click: act(work) }, sign);
  return el(
    "div",
    { class: "map-buttons" },
    button("+", "map-in", (camera) => camera.zoomAt(1.6)),
    button("−", "map-out", (camera) => camera.zoomAt(1 / 1.6)),
    button("⤢", "map-all", (camera) => camera.reset()),
    button("◎", "map-to-hits", (camera) => chart.hits.size && camera.fit([...chart.hits].map(lies))),
  );
}

const lies = (film) => [films.x[film], films.y[film]];

/** Colour by genre or decade, and say what each colour means. */
function colour() {
  const names = colouring === "genre" ? byGenre() : byDecade();
  chart.draw();
  fill(
    byId("legend"),
    el("li", {}, el("span", { class: "swatch found", "aria-hidden": "true" }), t("map-found")),
    names.map((name, each) => el("li", {}, swatch(chart.colours[each]), name)),
  );
}

function swatch(colour) {
  const mark = el("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.backgroundColor = colour;
  return mark;
}

function byGenre() {
  const shown = films.genres.slice(0, GENRE_COLOURS.length);
  chart.colours = [...GENRE_COLOURS.slice(0, shown.length), OTHER];
  films.genre.forEach(
    (genre, film) => (chart.colourOf[film] = genre >= 0 && genre < shown.length ? genre : shown.length),
  );
  return [...shown.map(genreName), t("other")];
}

function byDecade() {
  const known = [...new Set(films.year.filter(Boolean).map(decade))].sort((one, other) => one - other);
  const recent = known.slice(-DECADE_COLOURS.length);
  chart.colours = [...DECADE_COLOURS.slice(-recent.length), OTHER];
  films.year.forEach((year, film) => (chart.colourOf[film] = place(recent, year)));
  return [...recent.map((each) => `${each}s`), t("other")];
}

const decade = (year) => Math.floor(year / 10) * 10;
const place = (decades, year) =>
  !year || decades.indexOf(decade(year)) < 0 ? decades.length : decades.indexOf(decade(year));

function point(film) {
  if (film === chart.pointed) return;
  chart.pointed = film;
  chart.canvas.style.cursor = film >= 0 ? "pointer" : "";
  chart.canvas.dataset.pointed = film >= 0 ? films.title[film] : "";
  chart.draw();
}

/** Say for a moment how the wheel zooms. */
function passed() {
  byId("map-wheel").hidden = false;
  forgetWheel();
}

const forgetWheel = afterPause(1500, () => byId("map-wheel")?.setAttribute("hidden", ""));

const tell = afterPause(400, (film) => film >= 0 && announce(t("map-middle", { title: films.title[film] })));

/** Light up what answers the question; asks for more hits than the list shows. */
export async function lightUp(shown) {
  if (!chart) return;
  const state = now();
  const wanted = asked(state) ? question(state) : "";
  if (wanted === lit) return;
  lit = shown.length > 0 ? wanted : "";
  light(shown);
  if (!lit) return;
  const best = { ...state, sort: "relevance" };
  try {
    const { results, total } = await search(best, { offset: 0, limit: best.similar || best.recommend ? MOST_ALIKE : MOST_HITS });
    if (lit === wanted) light(results.slice(0, total));
  } catch {
    lit = ""; // those of the list are lit up, and the next question asks again
  }
}

function light(hits) {
  if (!chart) return;
  const places = new Map(films.id.map((id, film) => [id, film]));
  chart.hits = new Set(hits.map((hit) => places.get(hit.id)).filter((film) => film !== undefined));
  chart.canvas.dataset.hits = chart.hits.size;
  byId("map-lit").textContent = chart.hits.size ? t("map-hits", { n: chart.hits.size }) : "";
  chart.draw();
}

addEventListener("themechange", () => chart?.draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart?.draw());
