// Elements. Whatever comes from a catalogue is text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes that are functions listen, `true` is an empty attribute, null and false are none. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Put these children in the place of all others. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter(Boolean));
}

/** Tell those who do not see the page. */
export function announce(text) {
  byId("live").textContent = text;
}

/** What runs once nothing has called it for a while, in milliseconds. */
export function afterPause(pause, work) {
  let waiting;
  return (...values) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work(...values), pause);
  };
}

const ICONS = {
  like: "M12 20s-7.5-4.7-7.5-10.2A4.3 4.3 0 0 1 12 7.2a4.3 4.3 0 0 1 7.5 2.6C19.5 15.3 12 20 12 20z",
  dislike: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.5 17.5l11-11",
  similar: "M9.5 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM14.5 6a6 6 0 1 1 0 12",
  why: "M12 4a5.8 5.8 0 0 0-3.2 10.6V17h6.400v-2.4A5.8 5.8 0 0 0 12 4zM10 20h4",
  theme: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M15 5v14M18 7v10",
  close: "M6 6l12 12M18 6L6 18",
};

export function icon(name) {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}
