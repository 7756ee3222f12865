// What is shown before anything is asked: examples, and what there is to look around.

import { suggest } from "./api.js";
import { byId, el, fill } from "./dom.js";
import { valueName } from "./names.js";
import { ask, go, now } from "./state.js";
import { number, t } from "./words.js";

/** `counted` are the facets of the whole catalog, null if they cannot be had. */
export function showWelcome(counted) {
  const genres = values(counted, "genre").slice(0, 12);
  const decades = values(counted, "year").toSorted((one, other) => other.value.localeCompare(one.value));
  fill(
    byId("welcome"),
    exampleRow(),
    genres.length > 0 &&
      row(
        t("browse"),
        genres.map((value) => facetPill("genre", value)),
      ),
    decades.length > 0 &&
      row(
        "",
        decades.map((value) => facetPill("year", value)),
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

const facetPill = (field, value) =>
  pill(valueName(field, value.value), () => ask({ q: "", filter: value.filter }), value.count);

const exampleRow = () => row(t("try"), t("examples").map((text) => pill(text, () => ask({ q: text, filter: "" }))));

/** Where nothing was found: titles that may be meant, and what else can be asked. */
export async function showHelp(place, asked) {
  place.append(exampleRow());
  if (asked.trim().length < 2) return;
  const { suggestions } = await suggest(asked.trim().slice(0, 200)).catch(() => ({ suggestions: [] }));
  if (now().q !== asked || suggestions.length === 0) return;
  const titles = suggestions.slice(0, 4).map(({ id, title }) => pill(title, () => go({ film: id })));
  place.lastChild.before(row(t("meant"), titles));
}
