// What the films of an answer have in common, to narrow it down; and the filter as text, for those who know it.

import { facets, knownNumbers } from "./api.js";
import { bounds } from "./bounds.js";
import { showChips } from "./chips.js";
import { conditions, holds, toggled } from "./conditions.js";
import { byId, el, fill } from "./dom.js";
import { ask, now } from "./state.js";
import { valueName } from "./names.js";
import { BACKWARDS, filterInWords } from "./problems.js";
import { number, t } from "./words.js";

const ORDER = ["genre", "year", "rating", "language", "country", "keyword", "director", "actor"];
const FEW = 6;

let running = new AbortController();
const unfolded = new Set();

/** Count anew for the question of the state; an error is told where the films would stand. */
export async function showFacets(state) {
  running.abort();
  running = new AbortController();
  showChips(state);
  try {
    const [counted, numbers] = await Promise.all([facets(state, running.signal), knownNumbers()]);
    draw(counted.facets, state, numbers.includes("rating"));
    return counted;
  } catch (error) {
    if (error.name !== "AbortError") draw([], state);
    return null;
  }
}

/** Count nothing: there is no answer. */
export function forgetCounts(state) {
  running.abort();
  draw([], state);
}

function draw(counted, state, rated = false) {
  const focused = document.activeElement?.closest("#facets [data-key]")?.dataset.key;
  const typing = document.activeElement === byId("filter");
  const place = (facet) => ORDER.indexOf(facet.field);
  const shown = counted.filter((facet) => facet.values.length > 0).sort((one, other) => place(one) - place(other));
  const groups = shown.map((facet) => group(facet, state));
  byId("facets-fold").hidden = groups.length === 0 && !problem; // forms alone narrow nothing down
  fill(byId("facets"), groups, bounds(state, rated), line(state));
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

function line(state) {
  const input = el("input", {
    id: "filter",
    type: "text",
    value: state.filter,
    maxlength: 1000,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    "aria-describedby": "filter-error filter-hint",
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
    el("p", { id: "filter-hint", class: "hint" }, t("filter-hint")),
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
  (atYears() ? byId("years-error").closest("form").querySelector("input") : input).focus();
  if (!problem) return input.setSelectionRange(input.value.length, input.value.length);
  const start = Number(/column (\d+)/.exec(problem)?.[1] ?? 1) - 1;
  const end = input.value.indexOf(" ", start);
  return input.setSelectionRange(start, end < 0 ? input.value.length : end);
}

function tellProblem() {
  const [error, input] = [byId("filter-error"), byId("filter")];
  if (!error) return;
  const here = problem && !atYears();
  error.textContent = here ? `${t("filter-wrong")}: ${filterInWords(problem)}` : "";
  input.setAttribute("aria-invalid", String(Boolean(here)));
}

/** Whether what is wrong is told at the years. */
const atYears = () => byId("years-error")?.textContent && BACKWARDS.test(problem);
