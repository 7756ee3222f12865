// A film: as a card of an answer, and opened with all that is known of it.

import { remember, movie } from "./api.js";
import { cover } from "./covers.js";
import { byId, el, fill, icon } from "./dom.js";
import { valueNames } from "./names.js";
import { address, ask, go, now } from "./state.js";
import { failure } from "./problems.js";
import { actions } from "./taste.js";
import { whyButton } from "./why.js";
import { genreName, number, spoken, t } from "./words.js";

/** The plot in the language of the page, where the catalogue has it. */
export const plot = (film) => (spoken() === "de" && film.plot_de) || film.plot;

/** A card of the film in this place of the answer, with how well it fits where a question was asked. */
export function card(film, place) {
  const text = el("p", { class: "plot", lang: plotLanguage(film) }, plot(film));
  const why = el("div", { class: "why", id: `why-${film.id}`, hidden: true });
  const buttons = el("div", { class: "actions" }, actions(film), whyButton({ film, place }, why, text));
  return el(
    "li",
    { class: "film", "data-id": film.id, click: openAnywhere },
    cover(film),
    el("div", { class: "about" }, el("h3", {}, link(film)), facts(film), text, why, buttons),
  );
}

const plotLanguage = (film) => (plot(film) === film.plot ? null : "de");

/** In the place of a card, until there is one. */
export function skeleton() {
  const lines = ["name", "line", "line"].map((kind) => el("div", { class: kind }));
  return el("li", { class: "skeleton", "aria-hidden": "true" }, el("div", { class: "cover" }), el("div", {}, lines));
}

/** A click anywhere on a card opens the film, but on what does something else, and at the end of marking words. */
function openAnywhere(event) {
  if (event.target.closest("a, button, .why") || getSelection().toString()) return;
  const title = event.currentTarget.querySelector("h3 a");
  title.focus({ preventScroll: true }); // where one comes back to
  title.click();
}

/** Its title, which opens it; the address can be copied or opened elsewhere. */
function link(film) {
  const open = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go({ film: film.id });
  };
  return el("a", { href: address({ ...now(), film: film.id }), click: open }, film.title);
}

function facts(film) {
  const parts = [film.year, (film.genres ?? []).slice(0, 3).map(genreName).join(", "), rating(film)].filter(Boolean);
  const fits = film.fit !== undefined && !now().all && el("span", { class: "fits" }, t("fits", { n: film.fit }));
  return el(
    "p",
    { class: "facts" },
    parts.map((part) => el("span", {}, String(part))),
    fits,
  );
}

const rating = (film) => film.rating && `★\u00a0${number(film.rating)}`;

/** Open the film of the address in the dialog, or say why it cannot be. */
export async function openFilm(id) {
  const sheet = byId("film");
  const said = await movie(id).then(opened, missing);
  if (now().film !== id) return;
  fill(sheet, closeButton(sheet), said);
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  byId("film-title").focus();
}

function closeButton(sheet) {
  const attributes = { type: "button", class: "close", "aria-label": t("close"), click: () => sheet.close() };
  return el("button", attributes, icon("close"));
}

function missing(error) {
  const title = (text) => el("h2", { id: "film-title", tabindex: "-1" }, text);
  if (error.status === 404) return [title(t("failed-404")), el("p", {}, t("film-gone"))];
  return [title(t("failed")), failure(error)];
}

function opened(film) {
  remember([film]);
  return el(
    "div",
    { class: "opened" },
    cover(film),
    el(
      "div",
      { class: "about" },
      headOf(film),
      el("p", { class: "plot", lang: plotLanguage(film) }, plot(film)),
      el("div", { class: "actions" }, actions(film)),
      known(film),
    ),
  );
}

function headOf(film) {
  const runtime = film.runtime && t("minutes", { n: film.runtime });
  const votes = film.votes && t("votes", { n: film.votes });
  const genres = (film.genres ?? []).map(genreName).join(", ");
  const parts = [film.year, genres, runtime, rating(film), votes].filter(Boolean);
  const directors = film.directors?.length && el("p", { class: "by" }, t("by"), " ", apart(film.directors.map(byDirector)));
  return [
    el("h2", { id: "film-title", tabindex: "-1" }, film.title),
    el(
      "p",
      { class: "facts" },
      parts.map((part) => el("span", {}, String(part))),
    ),
    directors,
  ];
}

const apart = (parts) => parts.flatMap((part, place) => (place ? [", ", part] : [part]));

/** A name that asks for all films of a director. */
function byDirector(name) {
  const filter = `director:"${name.replaceAll('"', '""')}"`;
  return el("button", { type: "button", class: "link", click: () => ask({ ...NOTHING_ASKED, filter }) }, name);
}

const NOTHING_ASKED = { q: "", similar: "", recommend: false, sort: "relevance", disregard: [] };

/** Where else the film is described, and where its source shows it: a media server, for one. */
function elsewhere({ external_ids: ids = {}, link = "" }) {
  const host = /^https?:/i.test(link) && URL.canParse(link) && new URL(link).host;
  const sites = [
    ["IMDb", /^tt\d+$/.test(ids.imdb) && `https://www.imdb.com/title/${ids.imdb}/`],
    ["TMDB", /^\d+$/.test(ids.tmdb) && `https://www.themoviedb.org/movie/${ids.tmdb}`],
    [host, host && link],
  ].filter(([, href]) => href);
  return sites.length > 0 && apart(sites.map(([name, href]) => el("a", { href, rel: "noreferrer", target: "_blank" }, name)));
}

/** What else is known, as pairs. */
function known(film) {
  const pairs = [
    [t("original-title"), film.original_title],
    [t("field-actor"), film.actors?.slice(0, 8).join(", ")],
    [t("countries"), valueNames("country", film.countries)],
    [t("languages"), valueNames("language", film.languages)],
    [t("keywords"), film.keywords?.slice(0, 12).join(", ")],
    [t("elsewhere"), elsewhere(film)],
  ].filter(([, value]) => value);
  return (
    pairs.length > 0 &&
    el(
      "dl",
      {},
      pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    )
  );
}
