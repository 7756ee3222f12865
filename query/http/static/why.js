// What brought a film, asked for when somebody wants to know.

import { search } from "./api.js";
import { inForce } from "./chips.js";
import { el, fill, icon } from "./dom.js";
import { now, question } from "./state.js";
import { failure } from "./problems.js";
import { ordinal, t } from "./words.js";

const LETTER = /^\p{Script=Latin}$/u;
const RETRIEVERS = { dense: "by-meaning", lexical: "by-words", title: "by-title" };

/** For the film in this place of the answer: what brought it is told of all that were found with it. */
export function whyButton({ film, place }, panel, plot) {
  const button = el(
    "button",
    {
      type: "button",
      class: "act why-button",
      "aria-expanded": "false",
      "aria-controls": panel.id,
      "aria-label": t("why-film", film),
      click: () => toggle(button, { film, place }, panel, plot),
    },
    icon("why"),
    el("span", {}, t("why")),
  );
  return button;
}

async function toggle(button, { film, place }, panel, plot) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  panel.hidden = !open;
  plot.classList.toggle("whole", open);
  if (!open || panel.dataset.of === question(now())) return;
  panel.dataset.of = question(now());
  try {
    const { results, understood } = await search(now(), { offset: place, limit: 1, why: true });
    if (results[0]?.id === film.id) explain(results[0].why, understood, panel, plot);
    else fill(panel, el("p", {}, t("why-changed"))); // another film is there by now
  } catch (error) {
    delete panel.dataset.of;
    const retry = () => {
      button.setAttribute("aria-expanded", "false");
      return toggle(button, { film, place }, panel, plot);
    };
    fill(panel, failure(error, retry));
  }
}

function explain(why, understood, panel, plot) {
  const reasons = why ? reasonsOf(why, plot) : [];
  const met = inForce(now(), understood).map(({ name }) => name);
  if (reasons.length === 0 && !why?.sentence && met.length > 0) reasons.push([t("why-meets"), met.join(", ")]);
  const pairs = reasons.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  fill(panel, pairs.length > 0 && el("dl", {}, pairs));
}

/** Names and values of what brought a film. */
function reasonsOf(why, plot) {
  const ranks = Object.entries(why.ranks).map(([by, n]) => t(RETRIEVERS[by] ?? by, { n: ordinal(n) }));
  const sentence = why.sentences?.[plot.lang === "de" ? "plot_de" : "plot"];
  return [
    [t("why-ranks"), ranks.join(", ")],
    [t("why-words"), why.words.filter((word) => !LETTER.test(word)).join(", ")],
    [t("why-sentence"), sentence && !highlight(plot, sentence) && sentence],
    told(why),
    [t(now().similar ? "why-similar" : "why-like"), why.nearest_title],
  ].filter(([, value]) => value);
}

/** The passage that fits, and how far into the story it stands, unless it is of the German plot. */
function told({ passage, into_story: place }) {
  if (typeof place !== "number") return [t("why-german"), passage];
  return [t("why-passage"), `${t("into-story", { n: Math.round(place * 100) })}: ${passage}`];
}

/** Mark a sentence of the plot; false if it is not there: the plot may be shown in another language. */
function highlight(plot, sentence) {
  const text = plot.textContent;
  const start = text.indexOf(sentence);
  if (start < 0) return false;
  fill(plot, text.slice(0, start), el("mark", {}, sentence), text.slice(start + sentence.length));
  return true;
}
