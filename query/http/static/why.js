// What brought a film, asked for when somebody wants to know.

import { search } from "./api.js";
import { inForce } from "./chips.js";
import { el, fill, icon } from "./dom.js";
import { now, question } from "./state.js";
import { inWords } from "./problems.js";
import { t } from "./words.js";

const LETTER = /^\p{Script=Latin}$/u;
const RETRIEVERS = { dense: "dense", lexical: "lexical", title: "title-retriever" };

export function whyButton(film, panel, plot) {
  const button = el(
    "button",
    {
      type: "button",
      class: "act why-button",
      "aria-expanded": "false",
      "aria-controls": panel.id,
      "aria-label": t("why-film", film),
      click: () => toggle(button, film, panel, plot),
    },
    icon("why"),
    el("span", {}, t("why")),
  );
  return button;
}

async function toggle(button, film, panel, plot) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  panel.hidden = !open;
  plot.classList.toggle("whole", open);
  if (!open || panel.dataset.of === question(now())) return;
  panel.dataset.of = question(now());
  try {
    const answer = await search(now(), { offset: 0, limit: 1, why: true, only: film.id });
    explain(answer, panel, plot);
  } catch (error) {
    delete panel.dataset.of;
    fill(panel, el("p", {}, `${t("failed")}: ${inWords(error)}`));
  }
}

function explain({ results: [film], understood }, panel, plot) {
  const why = film?.why;
  const reasons = why ? reasonsOf(why, plot) : [];
  const met = inForce(now(), understood).map(({ name }) => name);
  if (reasons.length === 0 && !why?.sentence && met.length > 0) reasons.push([t("why-meets"), met.join(", ")]);
  const pairs = reasons.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  fill(panel, pairs.length > 0 && el("dl", {}, pairs));
}

/** Names and values of what brought a film. */
function reasonsOf(why, plot) {
  const ranks = Object.entries(why.ranks).map(([by, n]) => t("rank", { by: t(RETRIEVERS[by] ?? by), n }));
  return [
    [t("why-ranks"), ranks.join(" · ")],
    [t("why-words"), why.words.filter((word) => !LETTER.test(word)).join(", ")],
    [t("why-sentence"), why.sentence && !highlight(plot, why.sentence) && why.sentence],
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
