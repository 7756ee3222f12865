// What went wrong, in the language of the page: the service itself speaks English.

import { TOO_LATE } from "./api.js";
import { spoken, t } from "./words.js";

const KNOWN = [401, 403, 404, 413, 429, 503, 504];

/** A problem for people. */
export function inWords({ status, message }) {
  if (status === 0) return t("failed-network");
  if (status === TOO_LATE) return t("failed-late");
  if (spoken() === "en") return message;
  return filterInWords(message) ?? t(KNOWN.includes(status) ? `failed-${status}` : "failed-other", { status });
}

/** What is wrong with a filter, null for anything else. */
export function filterInWords(message) {
  const found = /^filter: (?:column (?<n>\d+): )?(?<what>.*)$/.exec(message);
  if (!found) return null;
  if (spoken() === "en") return message.slice("filter: ".length);
  const { n = "1", what } = found.groups;
  const name = /^unknown field '(.*?)'/.exec(what)?.[1];
  const meant = /did you mean '(.*?)'\?/.exec(what)?.[1];
  const said = t(name ? "filter-field" : "filter-other", { column: n, name });
  return meant ? `${said} ${t("filter-meant", { name: meant })}` : said;
}
