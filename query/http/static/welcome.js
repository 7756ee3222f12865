// What is shown before anything is asked: examples, and what there is to look around.

import { byId, el, fill } from "./dom.js";
import { ask } from "./state.js";
import { genreName, number, t } from "./words.js";

/** `counted` are the facets of the whole catalog, null if they cannot be had. */
export function showWelcome(counted) {
  const examples = t("examples").map((text) => pill(text, () => ask({ q: text })));
  const genres = values(counted, "genre").slice(0, 12);
  const decades = values(counted, "year").slice(0, 10);
  fill(
    byId("welcome"),
    row(t("try"), examples),
    genres.length > 0 &&
      row(
        t("browse"),
        genres.map((value) => facetPill(value, genreName(value.value))),
      ),
    decades.length > 0 &&
      row(
        "",
        decades.map((value) => facetPill(value, value.value)),
      ),
  );
}

const values = (counted, field) => counted?.facets.find((facet) => facet.field === field)?.values ?? [];

function row(name, pills) {
  return el(
    "div",
    { class: "welcome-row" },
    name && el("p", {}, name),
    el(
      "ul",
      {},
      pills.map((each) => el("li", {}, each)),
    ),
  );
}

function pill(text, work, count) {
  return el(
    "button",
    { type: "button", class: "pill", click: work },
    text,
    count && el("span", { class: "count" }, number(count)),
  );
}

const facetPill = (value, name) => pill(name, () => ask({ filter: value.filter }), value.count);
