// What the page shows stands in its address, all of it: it can be shared, reloaded, gone back to.

import { byId } from "./dom.js";

export const PAGE = 20;

const EMPTY = Object.freeze({
  q: "",
  filter: "",
  sort: "relevance",
  similar: "",
  recommend: false,
  likes: [],
  dislikes: [],
  disregard: [],
  all: false,
  shown: PAGE,
  view: "list",
  film: "",
});

/** The state that an address, "?q=...", stands for; what is wrong in it counts as not said. */
export function read(search) {
  const said = new URLSearchParams(search);
  const text = (name) => said.get(name) ?? EMPTY[name];
  return {
    q: text("q"),
    filter: text("filter"),
    sort: text("sort"),
    similar: text("similar"),
    recommend: said.get("recommend") === "1",
    likes: said.getAll("like"),
    dislikes: said.getAll("dislike"),
    disregard: said.getAll("disregard"),
    all: said.get("all") === "1",
    shown: Math.min(Math.max(Number.parseInt(said.get("shown"), 10) || PAGE, PAGE), 50 * PAGE),
    view: said.get("view") === "map" ? "map" : "list",
    film: text("film"),
  };
}

/** The address of a state; defaults are left out. */
export function address(state) {
  const said = new URLSearchParams();
  for (const name of ["q", "filter", "sort", "similar", "view", "film", "shown"]) {
    if (state[name] !== EMPTY[name]) said.set(name, state[name]);
  }
  for (const name of ["recommend", "all"]) if (state[name]) said.set(name, "1");
  for (const id of state.likes) said.append("like", id);
  for (const id of state.dislikes) said.append("dislike", id);
  for (const condition of state.disregard) said.append("disregard", condition);
  return said.size ? `?${said}` : "./";
}

let current = read(location.search);
const listeners = [];

export const now = () => current;

/** Call with the new and the old state whenever it changes, by us or by back and forward; by these with the place, too. */
export const listen = (listener) => listeners.push(listener);

/** Change something; a new entry in the history unless told to `replace` the last one. */
export function go(changes, { replace = false } = {}) {
  const next = { ...current, ...changes };
  if (address(next) === address(current)) return;
  if (!replace) history.replaceState({ place: scrollY }, ""); // a browser comes back to it before the list is as long
  history[replace ? "replaceState" : "pushState"](null, "", address(next));
  become(next);
}

/** Ask something else, or the same once more: from the first page on, no film opened, and other words from the top. */
export function ask(changes) {
  const next = { ...current, shown: PAGE, all: false, film: "", ...changes };
  if (address(next) === address(current)) again();
  else go(next);
  if ("q" in changes) showFromTop(byId("heading"));
}

/** Show all anew: what failed before may not fail now. */
export function again() {
  for (const listener of listeners) listener(current, null);
}

/** Scroll to where an answer begins, unless it can be seen. */
function showFromTop(heading) {
  const { top } = heading.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) heading.scrollIntoView();
}

function become(next, place) {
  const before = current;
  current = next;
  for (const listener of listeners) listener(next, before, place);
}

addEventListener("popstate", ({ state }) => become(read(location.search), state?.place));

/** Whether there is something to answer. */
export const asked = (state) => Boolean(state.q.trim() || state.filter.trim() || state.similar || state.recommend);

/** What the answer depends on, besides how much of it is shown. */
export function question(state) {
  const { q, filter, sort, similar, recommend, all, likes, dislikes, disregard } = state;
  return JSON.stringify([q, filter, sort, similar, recommend, all, recommend && [likes, dislikes], disregard]);
}
