// What went wrong, in the language of the page: the service itself speaks English.

import { TOO_LATE } from "./api.js";
import { el } from "./dom.js";
import { again } from "./state.js";
import { spoken, t } from "./words.js";

export const BACKWARDS = /\bthe range '(.*?)' runs backwards/;
const KNOWN = [401, 403, 404, 413, 429, 503, 504];

/** A problem for people. */
export function inWords({ status, message }) {
  if (status === 0) return t("failed-network");
  if (status === TOO_LATE) return t("failed-late");
  if (spoken() === "en") return message;
  return filterInWords(message) ?? t(KNOWN.includes(status) ? `failed-${status}` : "failed-other", { status });
}

/** It, and a way to try again; `back` is what happens by itself once anything else is answered. */
export function failure(error, retry = again, back = retry) {
  const button = el("button", { type: "button", class: "quiet", click: retry }, t("again"));
  const shown = el("div", { class: "notice wrong" }, el("p", {}, inWords(error)), button);
  addEventListener("answered", () => shown.isConnected && back(), { once: true });
  return shown;
}

/** What is wrong with a filter, null for anything else. */
export function filterInWords(message) {
  const found = /^filter: (?:column (?<n>\d+): )?(?<what>.*)$/.exec(message);
  if (!found) return null;
  if (spoken() === "en") return message.slice("filter: ".length);
  const { n = "1", what } = found.groups;
  const [unknown, backwards, meant] = [/^unknown field '(.*?)'/, BACKWARDS, /did you mean '(.*?)'\?/].map(
    (pattern) => pattern.exec(what)?.[1],
  );
  const kind = unknown ? "filter-field" : backwards ? "filter-backwards" : "filter-other";
  const said = t(kind, { column: n, name: unknown ?? backwards });
  return meant ? `${said} ${t("filter-meant", { name: meant })}` : said;
}
