// The page: when its address changes, whatever depends on what changed is shown anew.

import { keyFrom, knownNumbers, NUMBERS } from "./api.js";
import { announce, byId, el, fill, icon } from "./dom.js";
import { showFacets } from "./facets.js";
import { openFilm } from "./film.js";
import { askForKey } from "./key.js";
import { hideMap, lightUp, showMap } from "./map.js";
import { isCompared, shownFilms, showAnswer, showMore, showNothing } from "./results.js";
import { prepareSearchBox, showQuestion } from "./search_box.js";
import { asked, go, listen, now, question } from "./state.js";
import { showChoices, showTray } from "./taste.js";
import { showWelcome } from "./welcome.js";
import { sayAll, spoken, switchLanguage, t } from "./words.js";

const SORTS = ["-year", "year", "-rating", "-votes", "title", "runtime"];
const WIDE = matchMedia("(min-width: 60rem)");
const MOUSE = matchMedia("(hover: hover)");

async function show(state, before, place) {
  document.body.classList.toggle("start", !asked(state) && state.view === "list");
  document.body.classList.toggle("on-map", state.view === "map");
  const starts = document.body.classList.contains("start");
  if (starts && (!before || asked(before)) && !state.film && MOUSE.matches) byId("q").focus();
  showQuestion(state);
  showView(state);
  await Promise.all([
    (!before || question(state) !== question(before)) && showQuestionAnew(state, before),
    (!before || state.view !== before.view) && showMapOf(state),
  ]);
  if (place !== undefined && state === now()) scrollTo(0, place);
  showSort();
  lightUp(shownFilms());
  if (!before || state.likes !== before.likes || state.dislikes !== before.dislikes) {
    showChoices();
    showTray();
  }
  await showFilm(now());
  showTitle(now());
}

/** Name the window by the film that is opened, or else by what the page is headed. */
function showTitle(state) {
  const heading = byId("film").open ? byId("film-title") : byId("heading");
  const named = asked(state) || state.view === "map" || byId("film").open;
  document.title = named ? `${heading.textContent} · plotseek` : "plotseek";
}

async function showQuestionAnew(state, before) {
  const counted = showFacets(state);
  if (asked(state)) {
    await showAnswer(state, {
      focus: Boolean(before) && (state.similar !== before.similar || state.recommend !== before.recommend),
    });
  } else {
    showNothing();
    byId("heading").textContent = t("map");
    counted.then(showWelcome);
  }
}

async function showMapOf(state) {
  byId("films").hidden = false;
  if (state.view !== "map") return hideMap();
  return showMap();
}

function showFilm(state) {
  const sheet = byId("film");
  if (state.film) return openFilm(state.film);
  if (sheet.open) sheet.close();
  return null;
}

/** Offer what sorts films differently: by numbers that some have. */
async function showSort() {
  const numbers = await knownNumbers();
  const first = isCompared() ? "relevance" : byKnown(numbers);
  const known = (name) => !NUMBERS.includes(name) || numbers.includes(name);
  const others = SORTS.filter((each) => each === now().sort || (each !== first && known(each.replace("-", ""))));
  const option = (sort, name) => el("option", { value: sort, selected: sort === now().sort }, t(name));
  fill(byId("sort"), option("relevance", first), ...others.map((each) => option(each, each)));
}

/** What orders films that nothing is compared with: votes, without any rating, or else the year. */
const byKnown = (numbers) => (numbers.includes("votes") ? "known-first" : numbers.includes("rating") ? "-rating" : "-year");

function showView(state) {
  byId("view-list").setAttribute("aria-pressed", String(state.view === "list"));
  byId("view-map").setAttribute("aria-pressed", String(state.view === "map"));
}

function showSwitches() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  byId("language").textContent = t("language");
  byId("language").setAttribute("lang", spoken() === "de" ? "en" : "de");
  byId("language").setAttribute("aria-label", t("language-label"));
  fill(byId("theme"), icon("theme"), el("span", {}, t(`theme-${theme}`)));
  byId("theme").setAttribute("aria-label", t("theme-label", { name: t(`theme-${theme}`) }));
}

/** Copy the address, which says all that is shown; a browser lets no page do so that came without encryption. */
async function share() {
  await navigator.clipboard.writeText(location.href);
  byId("share").textContent = t("shared");
  announce(t("shared"));
  setTimeout(() => (byId("share").textContent = t("share")), 2000);
}

/** Auto, light, dark, auto ... */
function switchTheme() {
  const root = document.documentElement;
  const next = { light: "dark", dark: undefined }[root.dataset.theme] ?? (root.dataset.theme ? undefined : "light");
  if (next) {
    root.dataset.theme = next;
    localStorage.setItem("theme", next);
  } else {
    delete root.dataset.theme;
    localStorage.removeItem("theme");
  }
  showSwitches();
  dispatchEvent(new Event("themechange"));
}

function speakAnew() {
  switchLanguage();
  sayAll();
  showSwitches();
  hideMap();
  show(now(), null);
}

function prepare() {
  keyFrom(askForKey);
  prepareSearchBox();
  byId("brand").addEventListener("click", (event) => {
    event.preventDefault();
    go({
      q: "",
      filter: "",
      similar: "",
      recommend: false,
      all: false,
      film: "",
      view: "list",
      sort: "relevance",
      disregard: [],
      likes: now().likes,
    });
  });
  byId("view-list").addEventListener("click", () => go({ view: "list" }));
  byId("view-map").addEventListener("click", () => go({ view: "map" }));
  byId("language").addEventListener("click", speakAnew);
  byId("theme").addEventListener("click", switchTheme);
  byId("sort").addEventListener("change", (event) => go({ sort: event.target.value }));
  byId("share").hidden = !navigator.clipboard;
  byId("share").addEventListener("click", share);
  byId("more").addEventListener("click", showMore);
  byId("film").addEventListener("close", () => go({ film: "" }));
  byId("film").addEventListener("click", (event) => event.target === byId("film") && byId("film").close());
  byId("facets-fold").open = WIDE.matches;
  WIDE.addEventListener("change", () => (byId("facets-fold").open = WIDE.matches));
  sayAll();
  showSwitches();
  listen(show);
  show(now(), null);
}

prepare();
