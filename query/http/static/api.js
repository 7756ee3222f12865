// The service as the page asks it. Where it wants a key, `needKey` gets one, and the question is asked again.

import { Plotseek, Problem } from "./plotseek.js";

export { Problem };

const KEPT = "plotseek-key";
export const TOO_LATE = 408;
const service = new Plotseek("", { key: () => sessionStorage.getItem(KEPT) });
let needKey = () => Promise.reject(new Error("no key"));

/** How to get a key from whoever sits there: a promise, given why the last one did not do. */
export function keyFrom(asking) {
  needKey = asking;
}

let failed = 0;
/** When the service was last not reached, in milliseconds; 0 if it is there. */

/** Tell with an event "answered" that the service is there again: an answer to what was asked after it failed. */
async function withKey(ask) {
  for (;;) {
    const [presented, began] = [service.key(), performance.now()];
    try {
      const answer = await ask();
      if (failed && began > failed) {
        failed = 0;
        dispatchEvent(new Event("answered"));
      }
      return answer;
    } catch (problem) {
      if ([0, TOO_LATE].includes(problem.status)) failed = performance.now();
      if (problem.status !== 401) throw problem;
      if (service.key() !== presented) continue; // another question was given one meanwhile
      sessionStorage.setItem(KEPT, await needKey(presented ? problem : null));
    }
  }
}

/** The question of a state as the service understands it. */
function asked(state) {
  const likes = state.similar ? [state.similar] : state.recommend ? state.likes : [];
  const dislikes = state.recommend && !state.similar ? state.dislikes : [];
  return { text: state.similar ? "" : state.q, likes, dislikes, filter: state.filter, disregard: state.disregard };
}

export function search(state, { offset, limit, why = false, fields, signal }) {
  const { text, ...options } = asked(state);
  const page = { sort: state.sort, all: state.all, offset, limit, why, fields, signal };
  return withKey(() => service.search(text, { ...options, ...page }));
}

export const facets = (state, signal) => withKey(() => service.facets({ ...asked(state), all: state.all, signal }));
/** Titles for what is being typed; no answer that tells that the service is back: the page would be shown anew. */
export const suggest = (q, signal) => service.suggest(q, { limit: 8, signal });
export const map = (limit) => withKey(() => service.map(limit));

export const NUMBERS = ["rating", "votes", "runtime"];
let numbers = null;

/** Which of these numbers films of the catalog have, for whoever asks again, too; none while that cannot be learned. */
export function knownNumbers() {
  const asking = (name) => withKey(() => service.search("", { filter: `has:${name}`, limit: 1, fields: ["id"] }));
  const forget = () => {
    numbers = null;
    return []; // what is wrong is told by what was asked for beside them
  };
  numbers ??= Promise.all(NUMBERS.map(asking)).then(
    (found) => NUMBERS.filter((_, place) => found[place].total > 0),
    forget,
  );
  return numbers;
}

const films = new Map();

/** A film by its id; the same promise for whoever asks again. */
export function movie(id) {
  if (!films.has(id)) {
    films.set(id, withKey(() => service.movie(id)));
    films.get(id).catch(() => films.delete(id));
  }
  return films.get(id);
}

/** Remember films that came with an answer. */
export function remember(found) {
  for (const film of found) films.set(film.id, Promise.resolve(film));
}
