// Likes and dislikes: the buttons at every film, and the tray that turns them into a recommendation.

import { movie } from "./api.js";
import { byId, el, fill, icon } from "./dom.js";
import { ask, go, now } from "./state.js";
import { t } from "./words.js";

/** What can be done with a film. */
export function actions(film) {
  const state = now();
  return [
    choice(film, "like", state.likes.includes(film.id)),
    choice(film, "dislike", state.dislikes.includes(film.id)),
    el(
      "button",
      { type: "button", class: "act", "aria-label": t("similar-film", film), click: () => similar(film) },
      icon("similar"),
      el("span", {}, t("similar")),
    ),
  ];
}

function choice(film, kind, pressed) {
  const attributes = {
    type: "button",
    class: `act ${kind}`,
    "data-film": film.id,
    "data-choice": kind,
    "aria-pressed": String(pressed),
    "aria-label": t(`${kind}-film`, film),
    click: () => choose(film.id, kind),
  };
  return el("button", attributes, icon(kind), el("span", {}, t(kind)));
}

function similar(film) {
  ask({ q: "", similar: film.id, recommend: false, sort: "relevance", view: now().view });
}

const without = (ids, id) => ids.filter((each) => each !== id);

/** Like or dislike a film, or take that back. */
function choose(id, kind) {
  const { likes, dislikes } = now();
  const [chosen, other] = kind === "like" ? ["likes", "dislikes"] : ["dislikes", "likes"];
  const had = now()[chosen].includes(id);
  const next = { likes: without(likes, id), dislikes: without(dislikes, id) };
  if (!had) next[chosen] = [...next[chosen], id];
  next[other] = without(now()[other], id);
  go({ ...next, recommend: now().recommend && next.likes.length > 0 }, { replace: true });
}

/** Let the buttons of all films that are shown say what was chosen. */
export function showChoices() {
  const state = now();
  for (const button of document.querySelectorAll("[data-choice]")) {
    const chosen = button.dataset.choice === "like" ? state.likes : state.dislikes;
    button.setAttribute("aria-pressed", String(chosen.includes(button.dataset.film)));
  }
}

/** The tray with what was chosen so far; hidden while that is nothing. */
export async function showTray() {
  const { likes, dislikes } = now();
  const tray = byId("tray");
  tray.hidden = likes.length + dislikes.length === 0;
  document.body.classList.toggle("has-tray", !tray.hidden);
  const films = await Promise.all([...likes, ...dislikes].map((id) => movie(id).catch(() => ({ id, title: id }))));
  if (now().likes !== likes || now().dislikes !== dislikes) return;
  const kinds = films.map((film) => el("li", {}, chosenFilm(film, likes.includes(film.id) ? "like" : "dislike")));
  fill(tray, el("ul", { class: "chips" }, kinds), trayButtons(films, likes.length > 0));
}

function chosenFilm(film, kind) {
  const attributes = {
    type: "button",
    class: `chip ${kind}`,
    "aria-label": `${t("take-out", film)} (${t(`${kind}d`)})`,
    click: () => {
      choose(film.id, kind);
      byId("heading").focus({ preventScroll: true });
    },
  };
  return el("button", attributes, icon(kind), el("span", {}, film.title), el("span", { class: "times" }, "×"));
}

/** What was typed counts on, unless it is the title of a chosen film: the choice says more than its name. */
function wordsBeside(films) {
  const typed = byId("q").value.trim();
  return films.some(({ title }) => title.toLowerCase() === typed.toLowerCase()) ? "" : typed;
}

function trayButtons(films, ready) {
  const recommend = () => ask({ recommend: true, similar: "", q: wordsBeside(films), sort: "relevance" });
  const clear = () => {
    go({ likes: [], dislikes: [], recommend: false });
    byId("q").focus();
  };
  return el(
    "div",
    { class: "tray-buttons" },
    ready
      ? el("button", { type: "button", class: "go", id: "recommend", click: recommend }, t("recommend"))
      : el("p", { class: "hint" }, t("tray-hint")),
    el("button", { type: "button", class: "quiet", click: clear }, t("tray-empty")),
  );
}
