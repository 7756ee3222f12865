// What the films of an answer have in common, to narrow it down; and the filter as text, for those who know it.

import { facets } from "./api.js";
import { asFilter, conditions, holds, replaced, spokenCondition, toggled, without } from "./conditions.js";
import { byId, el, fill } from "./dom.js";
import { ask, now } from "./state.js";
import { nameOf, valueName } from "./names.js";
import { filterInWords } from "./problems.js";
import { number, t } from "./words.js";

const ORDER = ["genre", "year", "rating", "language", "country", "keyword", "director", "actor"];
const FEW = 6;
const YEARS = /^year(:\d*\.\.\d*|[<>]=\d+)$/;
const RATED = /^rating>=[\d.]+$/;

let running = new AbortController();
const unfolded = new Set();

/** Count anew for the question of the state; an error is told where the films would stand. */
export async function showFacets(state) {
  running.abort();
  running = new AbortController();
  showChips(state);
  try {
    const counted = await facets(state, running.signal);
    draw(counted.facets, state);
    return counted;
  } catch (error) {
    if (error.name === "AbortError") return null;
    draw([], state);
    return null;
  }
}

function draw(counted, state) {
  const focused = document.activeElement?.closest("#facets [data-key]")?.dataset.key;
  const typing = document.activeElement === byId("filter");
  const place = (facet) => ORDER.indexOf(facet.field);
  const shown = counted.filter((facet) => facet.values.length > 0).sort((one, other) => place(one) - place(other));
  const groups = shown.map((facet) => group(facet, state));
  byId("facets-fold").hidden = groups.length === 0 && !problem; // forms alone narrow nothing down
  fill(byId("facets"), groups, bounds(state), line(state));
  const count = conditions(state.filter).length;
  byId("facets-count").textContent = count ? `(${number(count)})` : "";
  tellProblem();
  if (typing) pointAtProblem();
  if (focused)
    byId("facets")
      .querySelector(`[data-key="${CSS.escape(focused)}"]`)
      ?.focus();
}

function group(facet, state) {
  const open = unfolded.has(facet.field);
  const shown = open ? facet.values : facet.values.slice(0, FEW);
  const rest = facet.values.length - FEW;
  const fold = () => {
    if (!unfolded.delete(facet.field)) unfolded.add(facet.field);
    const fresh = group(facet, now());
    section.replaceWith(fresh);
    fresh.querySelector(".fold").focus();
  };
  const section = el(
    "fieldset",
    { class: "facet" },
    el("legend", {}, t(`field-${facet.field}`)),
    el(
      "ul",
      {},
      shown.map((value) => el("li", {}, choice(facet.field, value, state))),
    ),
    rest > 0 &&
      el(
        "button",
        { type: "button", class: "fold", "aria-expanded": String(open), click: fold },
        open ? t("fewer-values") : t("more-values", { n: rest }),
      ),
  );
  return section;
}

function choice(field, value, state) {
  const chosen = holds(state.filter, value.filter);
  const attributes = {
    type: "button",
    "aria-pressed": String(chosen),
    "data-key": value.filter,
    click: () => ask({ filter: toggled(now().filter, value.filter), all: now().all }),
  };
  return el(
    "button",
    attributes,
    el("span", { class: "name" }, valueName(field, value.value)),
    el("span", { class: "count" }, number(value.count)),
  );
}

/** Years from and to, and a least rating. */
function bounds(state) {
  const years = /^year:(\d*)\.\.(\d*)$/.exec(conditions(state.filter).find((each) => YEARS.test(each)) ?? "");
  const rated = conditions(state.filter).find((each) => RATED.test(each));
  const from = numeric("from", years?.[1], { min: 1870, max: 2100 });
  const to = numeric("to", years?.[2], { min: 1870, max: 2100 });
  const least = numeric("least-rating", rated?.slice("rating>=".length), { min: 0, max: 10, step: 0.5 });
  const apply = (event) => {
    event.preventDefault();
    const [low, high, rating] = [from, to, least].map((label) => label.querySelector("input").value);
    const range = low || high ? `year:${low}..${high}` : "";
    ask({ filter: replaced(replaced(now().filter, YEARS, range), RATED, rating && `rating>=${rating}`) });
  };
  return el(
    "form",
    { class: "bounds", submit: apply },
    el("fieldset", { class: "facet" }, el("legend", {}, t("year-range")), el("div", { class: "range" }, from, to)),
    least,
    el("button", { type: "submit", class: "quiet" }, t("apply")),
  );
}

function numeric(name, value, limits) {
  return el("label", {}, el("span", {}, t(name)), el("input", { type: "number", value: value ?? "", ...limits }));
}

function line(state) {
  const input = el("input", {
    id: "filter",
    type: "text",
    value: state.filter,
    placeholder: t("filter-hint"),
    maxlength: 1000,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    "aria-describedby": "filter-error",
  });
  const apply = (event) => {
    event.preventDefault();
    ask({ filter: input.value.trim() });
  };
  return el(
    "form",
    { class: "line", submit: apply },
    el("label", { for: "filter" }, t("filter-line")),
    input,
    el("p", { id: "filter-error", class: "wrong", role: "alert" }),
    el("button", { type: "submit", class: "quiet" }, t("apply")),
  );
}

let problem = "";

/** Show what is wrong with the filter at its place, "" for nothing; false if it is about something else. */
export function filterProblem(detail) {
  problem = detail.startsWith("filter: ") ? detail : "";
  if (problem) byId("facets-fold").hidden = false;
  tellProblem();
  if (!problem || !byId("filter")) return Boolean(problem);
  pointAtProblem();
  return true;
}

/** Mark what is wrong in the line, or go on typing at its end. */
function pointAtProblem() {
  const input = byId("filter");
  byId("facets-fold").open = true;
  input.focus();
  if (!problem) return input.setSelectionRange(input.value.length, input.value.length);
  const start = Number(/column (\d+)/.exec(problem)?.[1] ?? 1) - 1;
  const end = input.value.indexOf(" ", start);
  return input.setSelectionRange(start, end < 0 ? input.value.length : end);
}

function tellProblem() {
  const [error, input] = [byId("filter-error"), byId("filter")];
  if (!error) return;
  error.textContent = problem && `${t("filter-wrong")}: ${filterInWords(problem)}`;
  input.setAttribute("aria-invalid", String(Boolean(problem)));
}

/** The conditions in force, each of which can be taken out: those of the filter, and what was `understood`. */
export function showChips(state, understood = []) {
  const written = conditions(state.filter).map((condition) => {
    const said = spokenCondition(condition);
    return chip(said ? nameOf(said) : condition, () => ({ filter: without(now().filter, condition) }));
  });
  const read = understood.map((each) =>
    chip(nameOf(each), () => ({ disregard: [...now().disregard, asFilter(each)] }), "chip read"),
  );
  byId("chips").hidden = written.length + read.length === 0;
  fill(
    byId("chips"),
    [...written, ...read].map((each) => el("li", {}, each)),
  );
}

function chip(name, change, kind = "chip") {
  const remove = () => {
    ask(change());
    byId("heading").focus({ preventScroll: true });
  };
  return el(
    "button",
    { type: "button", class: kind, "aria-label": t("take-out", { title: name }), click: remove },
    el("span", {}, name),
    el("span", { class: "times" }, "×"),
  );
}
