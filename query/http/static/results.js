// The answer: a list of films, its head, its pages, and what to say if there is none.

import { movie, remember, search } from "./api.js";
import { conditions, conditionsAmong } from "./conditions.js";
import { announce, byId, el, fill } from "./dom.js";
import { card, skeleton } from "./film.js";
import { filterProblem, showChips } from "./facets.js";
import { inWords } from "./problems.js";
import { ask, go, now, PAGE } from "./state.js";
import { showHelp } from "./welcome.js";
import { t } from "./words.js";

const MOST = 100;
/** As many films as the service gives at once. */
const SLOW = 300;
const TOO_SLOW = 20000;
/** Milliseconds until waiting is seen, and until it ends. */
const NONE_PASSES = /^no film (passes|has) /;
/** How a note begins that says which filter leaves nothing. */

let running = new AbortController();
const NOTHING = Object.freeze({ films: [], total: 0, understood: [], notes: [], more: false, ended: true });

/** `more` films may fit than `total`: not every one was ranked; `ended` where no page follows. */
let answer = NOTHING;

/** The films that are shown now. */
export const shownFilms = () => answer.films;

/** Answer the question of the state anew. */
export async function showAnswer(state, { focus = false } = {}) {
  running.abort();
  running = new AbortController();
  const settled = wait(running);
  try {
    const found = await upTo(state, state.shown, running.signal);
    filterProblem("");
    await show(found, state);
    if (focus) byId("heading").focus({ preventScroll: true });
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error, state);
  } finally {
    settled();
  }
}

/** Show that an answer is on its way; to be called when it is there, or will not come. */
function wait(asking) {
  const say = () => (byId("heading").textContent = t("loading"));
  byId("results").setAttribute("aria-busy", "true");
  if (answer.films.length === 0) {
    say();
    fill(byId("notice"));
    fill(byId("films"), Array.from({ length: 6 }, skeleton));
  }
  const slow = setTimeout(() => {
    say();
    byId("spinner").hidden = false;
  }, SLOW);
  const late = setTimeout(() => asking.abort(new DOMException("", "TimeoutError")), TOO_SLOW);
  return () => {
    clearTimeout(slow);
    clearTimeout(late);
    if (asking !== running) return; // somebody waits for another answer
    byId("spinner").hidden = true;
    byId("results").removeAttribute("aria-busy");
  };
}

/** The next page below what is there. */
export async function showMore() {
  const state = now();
  const first = answer.films.length;
  const next = await search(state, { offset: first, limit: PAGE, signal: running.signal }).catch((error) => error);
  if (next instanceof Error) {
    if (next.name !== "AbortError") fill(byId("notice"), el("p", { class: "notice wrong" }, inWords(next)));
    return;
  }
  remember(next.results);
  answer = grown(answer, next, state);
  go({ shown: answer.films.length }, { replace: true });
  byId("films").append(...cards(next.results));
  showRest();
  (byId("films").children[first]?.querySelector("a") ?? byId("rest")).focus();
}

/** Forget the answer: nothing is asked. */
export function showNothing() {
  running.abort();
  answer = NOTHING;
  byId("rest").hidden = true;
  fill(byId("films"));
  fill(byId("notice"));
  byId("more").hidden = true;
}

async function upTo(state, count, signal) {
  let found = { ...NOTHING, ended: false };
  while (found.films.length < count && !found.ended) {
    const limit = Math.min(count - found.films.length, MOST);
    found = grown(found, await search(state, { offset: found.films.length, limit, signal }), state);
  }
  return found;
}

function grown(found, { results, total, total_is_exact: exact, understood, notes }, state) {
  const films = [...found.films, ...results];
  const best = state.similar || state.recommend; // of films like some there are always more
  return { films, total, understood, notes, more: !exact && !best, ended: results.length === 0 || films.length >= total };
}

async function show(found, state) {
  answer = found;
  remember(found.films);
  showChips(state, found.understood);
  const heading = await headingOf(state, found);
  byId("heading").textContent = heading;
  announce(found.total ? heading : t("nothing"));
  fill(byId("films"), cards(found.films));
  fill(byId("notice"), meantAsFilter(state), notice(state, found));
  byId("sort-label").hidden = found.total === 0;
  if (found.total === 0) showHelp(byId("notice"), state.q);
  showRest();
}

const cards = (films) => films.map((film) => card(film));

function showRest() {
  byId("more").hidden = answer.ended;
  byId("rest").hidden = !(answer.ended && answer.more && answer.films.length);
  byId("rest").textContent = t("may-be-more");
}

async function headingOf(state, { total: n, more }) {
  if (state.similar) {
    const film = await movie(state.similar).catch(() => ({ title: state.similar }));
    return t("films-like", { n, title: film.title });
  }
  if (state.recommend) return t(state.q.trim() ? "films-chosen-for" : "films-chosen", { n, q: state.q.trim() });
  return state.q.trim() ? t("films-for", { n, more, q: state.q.trim() }) : t("films", { n, more });
}

function notice(state, { total, notes }) {
  if (total > 0) return state.all && button("only-fitting", () => go({ all: false, shown: PAGE }), t("all-shown"));
  const looked = state.q.trim() || state.similar || state.recommend;
  const filtered = state.filter && notes.some((note) => NONE_PASSES.test(note));
  if (looked && !state.all && !filtered) return nothingFits(state);
  return el("div", { class: "notice" }, el("p", { class: "strong" }, t("nothing-filter")), noFilter(state));
}

/** For whoever writes a filter where the words go. */
function meantAsFilter({ q, filter }) {
  const written = conditionsAmong(q);
  if (written.length === 0) return null;
  const words = conditions(q).filter((each) => !written.includes(each));
  const move = () => ask({ q: words.join(" "), filter: [filter, ...written].filter(Boolean).join(" ") });
  return button("as-filter", move, t("read-as-words", { name: written.join(" ") }));
}

function nothingFits(state) {
  const showAll = button("show-all", () => ask({ all: true }));
  return el(
    "div",
    { class: "notice" },
    el("p", { class: "strong" }, t("nothing")),
    el("p", {}, t("nothing-lead")),
    el("div", { class: "notice-buttons" }, showAll, noFilter(state)),
  );
}

const noFilter = (state) => state.filter && button("no-filter", () => ask({ filter: "" }));

function button(name, work, before) {
  const made = el("button", { type: "button", class: "quiet", "data-act": name, click: work }, t(name));
  return before ? el("p", { class: "aside" }, `${before} `, made) : made;
}

function showProblem(error, state) {
  showNothing();
  byId("heading").textContent = t("failed");
  const detail = inWords(error);
  announce(`${t("failed")}: ${detail}`);
  if (filterProblem(error.message)) return;
  const again = button("again", () => showAnswer(state));
  fill(byId("notice"), el("div", { class: "notice wrong" }, el("p", {}, detail), again));
}
