// The service. Where it wants a key, `needKey` gets one, and the question is asked again.

const KEPT = "plotseek-key";
export const TOO_LATE = 408;
let needKey = () => Promise.reject(new Error("no key"));

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** How to get a key from whoever sits there: a promise, given why the last one did not do. */
export function keyFrom(asking) {
  needKey = asking;
}

async function call(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEPT);
    const response = await sent(path, { ...options, headers: headers(options.body, key) });
    if (response.ok) return response.json();
    const problem = await problemOf(response);
    if (response.status !== 401) throw problem;
    sessionStorage.setItem(KEPT, await needKey(key ? problem : null));
  }
}

function headers(body, key) {
  return { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) };
}

async function sent(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(error.name === "TimeoutError" ? TOO_LATE : 0, error.message);
  }
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem(response.status, body.detail ?? response.statusText);
}

const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== false));

/** The question of a state as the service understands it. */
function body(state) {
  const likes = state.similar ? [state.similar] : state.recommend ? state.likes : [];
  const dislikes = state.recommend && !state.similar ? state.dislikes : [];
  return { text: state.similar ? "" : state.q, likes, dislikes, filter: state.filter, disregard: state.disregard };
}

export function search(state, { offset, limit, why = false, only = "", signal }) {
  const asked = { ...body(state), sort: state.sort, all: state.all || Boolean(only), offset, limit, why };
  if (only) asked.filter = `${asked.filter} id:"${only.replaceAll('"', '""')}"`.trim();
  return call("search", { method: "POST", body: JSON.stringify(asked), signal });
}

export function facets(state, signal) {
  return call("facets", { method: "POST", body: JSON.stringify({ ...body(state), all: state.all }), signal });
}

export const suggest = (q, signal) => call(`suggest?${query({ q, limit: 8 })}`, { signal });
export const map = (limit) => call(`map?${query({ limit })}`);

const films = new Map();

/** A film by its id; the same promise for whoever asks again. */
export function movie(id) {
  if (!films.has(id)) {
    films.set(id, call(`movies/${encodeURIComponent(id)}`));
    films.get(id).catch(() => films.delete(id));
  }
  return films.get(id);
}

/** Remember films that came with an answer. */
export function remember(found) {
  for (const film of found) films.set(film.id, Promise.resolve(film));
}
