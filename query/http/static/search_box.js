// The question, with titles suggested while it is typed: the combobox pattern of the ARIA authoring guide.

import { suggest } from "./api.js";
import { afterPause, byId, el, fill } from "./dom.js";
import { ask, go, now } from "./state.js";

const PAUSE = 120;

let running = new AbortController();
let chosen = -1;

export function prepareSearchBox() {
  const box = byId("q");
  byId("search").addEventListener("submit", submitted);
  box.addEventListener("input", () => {
    showClear();
    offer(box.value);
  });
  box.addEventListener("keydown", pressed);
  box.addEventListener("blur", () => setTimeout(close, 150));
  byId("clear").addEventListener("click", () => {
    box.value = "";
    showClear();
    close();
    if (now().q) ask({ q: "", disregard: [] });
    box.focus();
  });
}

/** Let the box say what is asked. */
export function showQuestion(state) {
  const box = byId("q");
  if (box.value.trim() !== state.q) box.value = state.q;
  showClear();
}

function showClear() {
  byId("clear").hidden = byId("q").value === "";
}

function submitted(event) {
  event.preventDefault();
  const option = byId("suggestions").children[chosen];
  if (option) openSuggested(option.dataset.film);
  else search(byId("q").value);
}

/** Whoever chooses a title wants that film; what was asked before stays. */
function openSuggested(film) {
  close();
  showQuestion(now());
  go({ film });
}

function search(text) {
  close();
  byId("q").value = text;
  showClear();
  ask({ q: text.trim(), similar: "", recommend: false, sort: "relevance", filter: now().filter, disregard: [] });
}

const offer = afterPause(PAUSE, async (typed) => {
  running.abort();
  running = new AbortController();
  if (typed.trim().length < 2) return close();
  try {
    const { suggestions } = await suggest(typed.slice(0, 200), running.signal);
    const typing = byId("q").value === typed && document.activeElement === byId("q");
    if (typing && typed.trim() !== now().q) open(suggestions);
  } catch {
    close(); // Suggestions are a help; the search itself will tell what is wrong.
  }
});

function open(suggestions) {
  chosen = -1;
  fill(byId("suggestions"), suggestions.map(option));
  expand(suggestions.length > 0);
}

function option(film, place) {
  const attributes = {
    id: `option-${place}`,
    role: "option",
    "aria-selected": "false",
    "data-film": film.id,
    pointerdown: (event) => {
      event.preventDefault();
      openSuggested(film.id);
    },
  };
  return el(
    "li",
    attributes,
    el("span", {}, film.title),
    film.year && el("span", { class: "year" }, String(film.year)),
  );
}

function expand(open) {
  byId("suggestions").hidden = !open;
  byId("q").setAttribute("aria-expanded", String(open));
  if (!open) byId("q").removeAttribute("aria-activedescendant");
}

function close() {
  chosen = -1;
  expand(false);
}

function pressed(event) {
  const options = byId("suggestions").children;
  if (event.key === "Escape" && !byId("suggestions").hidden) {
    event.preventDefault();
    close();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !byId("suggestions").hidden) {
    event.preventDefault();
    const places = options.length + 1;
    const from = chosen < 0 ? options.length : chosen;
    choose((from + (event.key === "ArrowDown" ? 1 : places - 1)) % places);
  }
}

/** Point at an option; one place behind the last is the text itself. */
function choose(place) {
  const options = byId("suggestions").children;
  chosen = place < options.length ? place : -1;
  for (const [each, element] of [...options].entries()) element.setAttribute("aria-selected", String(each === chosen));
  if (chosen < 0) byId("q").removeAttribute("aria-activedescendant");
  else byId("q").setAttribute("aria-activedescendant", options[chosen].id);
}
