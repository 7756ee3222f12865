// @ts-check
// A client of the service: one file without dependencies, typed by JSDoc. Copy it, or import it from a service:
//   import { Plotseek } from "http://127.0.0.1:8080/static/plotseek.js";
//   const films = new Plotseek("http://127.0.0.1:8080");
//   const { results } = await films.search("a man relives the same day", { limit: 3, fields: ["id", "title", "fit"] });

/**
 * @typedef {object} Film What the catalogue knows; what it does not is left out.
 * @property {string} id
 * @property {string} title
 * @property {string} plot
 * @property {string} [original_title]
 * @property {string} [plot_de]
 * @property {number} [year]
 * @property {number} [runtime] Minutes.
 * @property {number} [rating] 0 to 10.
 * @property {number} [votes]
 * @property {string[]} [genres]
 * @property {string[]} [keywords]
 * @property {string[]} [directors]
 * @property {string[]} [actors]
 * @property {string[]} [languages]
 * @property {string[]} [countries]
 * @property {string} [poster]
 * @property {Record<string, string>} [external_ids] Site, "tmdb", and the id there.
 * @property {Record<string, unknown>} [extra] Other columns.
 *
 * @typedef {object} Why
 * @property {Record<string, number>} ranks Place by meaning ("dense"), by words ("lexical"), by "title".
 * @property {string[]} words
 * @property {string} [sentence]
 * @property {Record<string, string>} [sentences] Of "plot" and "plot_de" the nearest.
 * @property {string} [nearest_like]
 * @property {string} [nearest_title]
 *
 * @typedef {object} Found What an answer adds to a film.
 * @property {number} [fit] 0 to 100; falls with the rank.
 * @property {number} [score] Cosine similarity, -1 to 1.
 * @property {number} [confidence] 0 to 1.
 * @property {Why} [why]
 * @property {Record<string, [number, number][]>} [highlights] Field and spans of it, in code points: for `marked`.
 * @typedef {Film & Found} Hit
 *
 * @typedef {object} Constraint
 * @property {string} field
 * @property {string} operator
 * @property {string[]} values
 * @property {boolean} negated
 * @property {[number, number]} words Where the question says so, in code points.
 *
 * @typedef {object} Facet
 * @property {string} field
 * @property {{value: string, count: number, filter: string}[]} values
 * @property {number} total
 *
 * @typedef {object} Answer
 * @property {string | Record<string, unknown>} query
 * @property {string} model
 * @property {Hit[]} results
 * @property {number} total
 * @property {boolean} total_is_exact
 * @property {number} generation
 * @property {string[]} notes
 * @property {Constraint[]} understood
 * @property {Facet[]} [facets]
 * @property {boolean} [partial] whether a shard of the vector index could not be asked
 * @property {number} [took_ms]
 *
 * @typedef {object} Options
 * @property {string} [filter] "year>=1980 genre:Horror"
 * @property {string} [sort]
 * @property {number} [limit]
 * @property {number} [offset]
 * @property {number} [diversity] 0 to 1: more of different kinds.
 * @property {number} [franchise] The most films of one series.
 * @property {number} [popularity] How much votes count; 1 is usual, below 0 the unknown come first.
 * @property {number} [min_confidence] 0 to 1: what is less sure is left out.
 * @property {string[]} [exclude]
 * @property {string[]} [seen]
 * @property {string[]} [fields]
 * @property {string[]} [disregard]
 * @property {boolean} [all]
 * @property {boolean} [why]
 * @property {boolean} [facets]
 * @property {boolean} [highlight]
 * @property {boolean} [plain]
 * @property {boolean} [literal]
 * @property {"story" | "taste"} [by]
 * @property {AbortSignal} [signal] Gives the question up.
 *
 * @typedef {object} Likes
 * @property {string[]} [likes] Ids, "tmdb:348", titles or words.
 * @property {string[]} [dislikes]
 * @property {string} [text]
 * @property {Record<string, number>} [ratings]
 */

/** What the service says is wrong; `status` is 0 where it cannot be reached, 408 for the end of an AbortSignal.timeout. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   * @param {string} [type]
   */
  constructor(status, detail, type = "") {
    super(detail);
    this.name = "Problem";
    this.status = status;
    /** "urn:plotseek:movie-not-found" */
    this.type = type;
  }
}

/**
 * A text in parts, in the order in which they stand: those that `highlights` name are marked.
 * They count code points, of which an emoji is one; JavaScript's own positions count it as two.
 * @param {string} text
 * @param {[number, number][]} [spans]
 * @returns {{text: string, marked: boolean}[]}
 */
export function marked(text, spans = []) {
  const points = Array.from(text);
  const parts = [];
  let done = 0;
  for (const [start, end] of [...spans, [points.length, points.length]]) {
    parts.push({ text: points.slice(done, start).join(""), marked: false });
    parts.push({ text: points.slice(start, end).join(""), marked: true });
    done = end;
  }
  return parts.filter((part) => part.text);
}

/** One service. Every method rejects with a Problem, or with the AbortError of its signal. */
export class Plotseek {
  /**
   * @param {string} [url] Where the service is; "" is where the page came from.
   * @param {{key?: string | (() => string | null)}} [options] An API key, or what says it.
   */
  constructor(url = "", { key } = {}) {
    this.url = url && `${url.replace(/\/+$/, "")}/`;
    this.key = typeof key === "function" ? key : () => key ?? null;
  }

  /**
   * Films by what happens in them.
   * @param {string | (Options & Likes & {text?: string})} text The words, or all that is asked.
   * @param {Options & Likes} [options]
   * @returns {Promise<Answer>}
   */
  search(text, options = {}) {
    return this.#post("search", { ...(typeof text === "object" ? text : { text }), ...options });
  }

  /**
   * Films like one.
   * @param {string} film An id, "tmdb:348", or a title.
   * @param {Options} [options]
   * @returns {Promise<Answer>}
   */
  similar(film, options = {}) {
    const { signal, ...asked } = options;
    return this.#get(`movies/${encodeURIComponent(film)}/similar`, asked, signal);
  }

  /**
   * Films for somebody who likes and dislikes these.
   * @param {Likes} taste
   * @param {Options} [options]
   * @returns {Promise<Answer>}
   */
  recommend(taste, options = {}) {
    return this.#post("recommend", { ...taste, ...options });
  }

  /**
   * What all films that fit have in common; of all films without a question.
   * @param {Options & Likes} [options]
   * @returns {Promise<{facets: Facet[], total: number, generation: number}>}
   */
  facets(options = {}) {
    return this.#post("facets", options);
  }

  /**
   * One film.
   * @param {string} film An id, "tmdb:348", or a title.
   * @param {{fields?: string[], signal?: AbortSignal}} [options]
   * @returns {Promise<Film>}
   */
  movie(film, { fields, signal } = {}) {
    return this.#get(`movies/${encodeURIComponent(film)}`, { fields }, signal);
  }

  /**
   * Titles as somebody types them.
   * @param {string} typed
   * @param {{limit?: number, signal?: AbortSignal}} [options]
   * @returns {Promise<{suggestions: {id: string, title: string, year?: number}[]}>}
   */
  suggest(typed, { limit = 8, signal } = {}) {
    return this.#get("suggest", { q: typed, limit }, signal);
  }

  /**
   * Where the best known films lie on the map: a list for each of id, title, year (0: not known), genre, x, y.
   * @param {number} limit
   * @returns {Promise<any>}
   */
  map(limit) {
    return this.#get("map", { limit });
  }

  /**
   * @param {string} path
   * @param {Record<string, unknown>} values
   * @param {AbortSignal} [signal]
   */
  #get(path, values = {}, signal) {
    const said = new URLSearchParams();
    for (const [name, value] of Object.entries(values))
      for (const each of Array.isArray(value) ? value : [value])
        if (each !== undefined && each !== "" && each !== false) said.append(name, String(each));
    return this.#call(said.size ? `${path}?${said}` : path, { signal });
  }

  /**
   * @param {string} path
   * @param {Record<string, unknown> & {signal?: AbortSignal}} values
   */
  #post(path, { signal, ...values }) {
    const headers = { "Content-Type": "application/json" };
    return this.#call(path, { method: "POST", body: JSON.stringify(values), headers, signal });
  }

  /**
   * @param {string} path
   * @param {RequestInit & {headers?: Record<string, string>}} options
   */
  async #call(path, options) {
    const key = this.key();
    const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await fetch(this.url + path, { ...options, headers }).catch((error) => {
      if (error.name === "AbortError") throw error;
      const where = this.url || globalThis.location?.origin;
      throw new Problem(error.name === "TimeoutError" ? 408 : 0, `${where} does not answer: ${error.message}`);
    });
    if (response.ok) return response.json();
    const body = await response.json().catch(() => ({}));
    throw new Problem(response.status, body.detail ?? response.statusText, body.type);
  }
}
