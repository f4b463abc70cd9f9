// Elements from data. Every text goes in as text: no string of anybody's is ever read as HTML (W4).

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** A new element: attributes, then children (elements, texts, or nothing). */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "style") for (const [name, what] of Object.entries(value)) node.style.setProperty(name, what);
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets a text where it changed: what did not change is not told to a screen reader again. */
export function text(node, words) {
  const target = typeof node === "string" ? $(node) : node;
  if (target.textContent !== words) target.textContent = words;
}

/** Shows or hides. */
export function show(node, visible) {
  const target = typeof node === "string" ? $(node) : node;
  if (target.hidden === visible) target.hidden = !visible;
}

/** Replaces the children where what they are drawn from changed. */
export function redraw(node, source, draw) {
  const target = typeof node === "string" ? $(node) : node;
  const key = JSON.stringify(source);
  if (target.drawnFrom === key) return;
  target.drawnFrom = key;
  target.replaceChildren(...[draw()].flat().filter(Boolean));
}

/** A part of a page's icons. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A list of pairs: what it is, and how much. */
export const pairs = (list) =>
  el("dl", { class: "pairs" }, list.filter(Boolean).map(([name, value, note]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null))));

/** A colour of the present theme. */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
