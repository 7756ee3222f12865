// The conditions in force, each of which can be taken away.

import { asFilter, conditions, spokenCondition, without } from "./conditions.js";
import { byId, el, fill } from "./dom.js";
import { nameOf } from "./names.js";
import { ask, now } from "./state.js";
import { t } from "./words.js";

/** Those of the filter and those `understood` of the words: their names, and what to ask without them. */
export function inForce({ filter }, understood = []) {
  const written = conditions(filter).map((condition) => {
    const said = spokenCondition(condition);
    const change = () => ({ filter: without(now().filter, condition) });
    return { name: said ? nameOf(said) : condition, change, kind: "chip" };
  });
  const read = understood.map((each) => {
    const change = () => ({ disregard: [...now().disregard, asFilter(each)] });
    return { name: nameOf(each), change, kind: each.negated ? "chip read unlike" : "chip read" };
  });
  return [...written, ...read];
}

/** The words that count beside likes: nobody sees in a list of films for somebody that they do. */
const wordsBeside = ({ q, recommend }) =>
  recommend && q.trim() ? [{ name: t("quoted", { q: q.trim() }), change: () => ({ q: "" }), kind: "chip" }] : [];

/** What to ask without any of them. */
export const withoutAny = (understood) => ({
  filter: "",
  disregard: [...now().disregard, ...understood.map(asFilter)],
});

export function showChips(state, understood) {
  const chips = [...wordsBeside(state), ...inForce(state, understood)].map(chip);
  byId("chips").hidden = chips.length === 0;
  fill(
    byId("chips"),
    chips.map((each) => el("li", {}, each)),
  );
}

function chip({ name, change, kind }) {
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
