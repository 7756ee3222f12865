// The answer: a list of films, its head, its pages, and what to say if there is none.

import { movie, remember, search } from "./api.js";
import { inForce, showChips, withoutAny } from "./chips.js";
import { conditions, conditionsAmong, spokenCondition } from "./conditions.js";
import { announce, byId, el, fill } from "./dom.js";
import { card, skeleton } from "./film.js";
import { filterProblem, forgetCounts } from "./facets.js";
import { nameOf } from "./names.js";
import { failure, filterInWords, inWords } from "./problems.js";
import { ask, go, now, PAGE, question } from "./state.js";
import { showHelp } from "./welcome.js";
import { t } from "./words.js";

const MOST = 50;
/** As many films as are asked for at once: more would be a longer list where they are like some. */
const SLOW = 300;
const TOO_SLOW = 20000;
/** Milliseconds until waiting is seen, and until it ends. */
const NONE_PASSES = /^no film (passes|has) /;
/** How a note begins that says which filter leaves nothing. */
const NONE_MEETS = /^no film meets /;
/** How one begins that says of what was understood that no film is all of it, so that `total` counts others. */

let running = new AbortController();
const NOTHING = Object.freeze({ films: [], total: 0, understood: [], notes: [], more: false, ended: true });

/** `more` films may fit than `total`: not every one was ranked; `ended` where no page follows. */
let answer = NOTHING;

/** The films that are shown now and meet what was asked. */
export const shownFilms = () => answer.films.slice(0, answer.total);

/** Whether how well they fit orders the films: where all that was asked are conditions, nothing does. */
export const isCompared = () => answer.films.length === 0 || answer.films[0].fit !== undefined;

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
  if (next.name === "AbortError") return;
  fill(byId("more-failed"), next instanceof Error && failure(next, showMore, () => fill(byId("more-failed"))));
  if (next instanceof Error) return;
  remember(next.results);
  answer = grown(answer, next, state);
  go({ shown: answer.films.length }, { replace: true });
  byId("films").append(...cards(next.results, first));
  showRest();
  (byId("films").querySelectorAll(".film")[first]?.querySelector("a") ?? byId("rest")).focus();
}

/** Forget the answer: nothing is asked. */
export function showNothing() {
  running.abort();
  answer = NOTHING;
  byId("rest").hidden = true;
  byId("sort-label").hidden = true;
  fill(byId("more-failed"));
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

function grown(found, { results, total: most, total_is_exact: exact, understood, notes }, state) {
  const films = [...found.films, ...results];
  const best = state.similar || state.recommend; // of films like some there are always more
  const total = notes.some((note) => NONE_MEETS.test(note)) ? 0 : most;
  return { films, total, understood, notes, more: !exact && !best, ended: results.length === 0 || films.length >= most };
}

async function show(found, state) {
  answer = found;
  remember(found.films);
  showChips(state, found.understood);
  const heading = await headingOf(state, found);
  byId("heading").textContent = heading;
  fill(byId("films"), cards(found.films));
  fill(byId("notice"), meantAsFilter(state), notice(state, found));
  announce(byId("notice").querySelector(".strong")?.textContent ?? heading);
  byId("sort-label").hidden = found.films.length === 0;
  if (found.total === 0) forgetCounts(state);
  if (found.films.length === 0) showHelp(byId("notice"), state.q);
  showRest();
}

/** Cards of films, so many behind the `first`; a line stands before those that do not meet what was asked. */
function cards(films, first = 0) {
  const items = films.map((film, place) => card(film, first + place));
  const meeting = answer.total - first;
  if (!answer.more && meeting >= 0 && meeting < films.length)
    items.splice(meeting, 0, el("li", { class: "nearby" }, t("nearby")));
  return items;
}

function showRest() {
  fill(byId("more-failed"));
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
  const loose = state.disregard.map(spokenCondition).filter(Boolean).map(nameOf).join(", ");
  const counted = state.q.trim() ? t("films-for", { n, more, q: state.q.trim() }) : t("films", { n, more });
  return loose ? t("whether-or-not", { counted, name: loose }) : counted;
}

function notice(state, { films, total, notes, understood }) {
  if (state.filter && state.q.trim()) leftOut(state, total);
  if (total > 0) return state.all && aside(t("all-shown"), button("only-fitting", () => go({ all: false, shown: PAGE })));
  const chosen = inForce(state, understood);
  const takeAway = chosen.map(({ name, change }) => button("take-away", () => ask(change()), { name }));
  if (chosen.length > 1) takeAway.push(button("take-all-away", () => ask(withoutAny(understood))));
  const none = state.all || films.length > 0 || notes.some((note) => NONE_PASSES.test(note));
  if (!none || chosen.length === 0) return nothingFits(state, takeAway);
  const names = chosen.map(({ name }) => name).join(", ");
  return emptied(t("none-meets", { n: chosen.length, names }), null, takeAway);
}

/** Say of a filter, which may be of an earlier question, how many films it leaves out of the answer to this one. */
async function leftOut(state, total) {
  const names = inForce(state).map(({ name }) => name).join(", ");
  const wide = { ...state, filter: "" };
  const asking = search(wide, { offset: 0, limit: 1, fields: ["id"], signal: running.signal });
  const n = Math.max((await asking.catch(() => ({ total }))).total - total, 0);
  if (question(state) !== question(now())) return;
  const off = button("take-off", () => ask({ filter: "" }));
  byId("notice").prepend(el("p", { class: "aside narrowed" }, t(n ? "left-out" : "narrowed", { n, names }), " ", off));
}

function emptied(what, lead, buttons) {
  const offered = el("div", { class: "notice-buttons" }, buttons);
  return el("div", { class: "notice" }, el("p", { class: "strong" }, what), lead && el("p", {}, lead), offered);
}

/** For whoever writes a filter where the words go. */
function meantAsFilter({ q, filter }) {
  const written = conditionsAmong(q);
  if (written.length === 0) return null;
  const words = conditions(q).filter((each) => !written.includes(each));
  const move = () => ask({ q: words.join(" "), filter: [filter, ...written].filter(Boolean).join(" ") });
  return aside(t("read-as-words", { name: written.join(" ") }), button("as-filter", move));
}

function nothingFits(state, takeAway) {
  const showAll = !state.all && button("show-all", () => ask({ all: true }));
  return emptied(t("nothing"), t("nothing-lead"), [showAll, ...takeAway]);
}

const aside = (text, button) => el("p", { class: "aside" }, `${text} `, button);

const button = (name, work, values) => el("button", { type: "button", class: "quiet", click: work }, t(name, values));

function showProblem(error, state) {
  showNothing();
  byId("heading").textContent = t("failed");
  announce(`${t("failed")}: ${inWords(error)}`);
  forgetCounts(state);
  const ofFilter = filterProblem(error.message);
  const takeAway = button("take-away", () => ask({ filter: "" }), { name: state.filter });
  fill(byId("notice"), ofFilter ? emptied(t("filter-wrong"), filterInWords(error.message), takeAway) : failure(error));
}
