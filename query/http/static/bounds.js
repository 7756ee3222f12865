// Years from and to, and a least rating.

import { conditions, replaced } from "./conditions.js";
import { el } from "./dom.js";
import { ask, now } from "./state.js";
import { t } from "./words.js";

const YEARS = /^year(:\d*\.\.\d*|[<>]=\d+)$/;
const RATED = /^rating>=[\d.]+$/;

/** The form; with the field of ratings where films are `rated`. */
export function bounds(state, rated) {
  const stated = (pattern) => conditions(state.filter).find((each) => pattern.test(each));
  const [, first, last] = /^year:(\d*)\.\.(\d*)$/.exec(stated(YEARS) ?? "") ?? [];
  const rating = stated(RATED)?.slice("rating>=".length);
  const from = numeric("from", first, { min: 1870, max: 2100, "aria-describedby": "years-error" });
  const to = numeric("to", last, { min: 1870, max: 2100, "aria-describedby": "years-error" });
  const least = (rated || rating) && numeric("least-rating", rating, { min: 0, max: 10, step: 0.5 });
  const wrong = el("p", { id: "years-error", class: "wrong", role: "alert" }, backwards(first, last));
  const apply = (event) => {
    event.preventDefault();
    const [low, high, worth] = [from, to, least].map((label) => label && label.querySelector("input").value);
    wrong.textContent = backwards(low, high);
    if (wrong.textContent) return from.querySelector("input").focus();
    const range = low || high ? `year:${low}..${high}` : "";
    return ask({ filter: replaced(replaced(now().filter, YEARS, range), RATED, worth && `rating>=${worth}`) });
  };
  return el(
    "form",
    { class: "bounds", submit: apply },
    el("fieldset", { class: "facet" }, el("legend", {}, t("year-range")), el("div", { class: "range" }, from, to)),
    wrong,
    least,
    el("button", { type: "submit", class: "quiet" }, t("apply")),
  );
}

const backwards = (low, high) => (low && high && Number(low) > Number(high) ? t("years-backwards", { low, high }) : "");

function numeric(name, value, limits) {
  return el("label", {}, el("span", {}, t(name)), el("input", { type: "number", value: value ?? "", ...limits }));
}
