// Which part of the archive is there: the map with its pointer, its keys, and its table.

import { $, el, redraw, text } from "./dom.js";
import { counted, grouped, safe } from "./words.js";
import { ask } from "./stream.js";
import { STATES } from "./verdict.js";
import { inOrder } from "./currencies.js";
import { cellAt, layout, paint, stateOf } from "./map.js";
import { openStory } from "./story.js";

/** While a run works, the map is read again this often at the most. */
const AGAIN_MS = 5000;
const CHAINS_KEPT = 40;

const view = { currency: null, expiries: [], plan: null, at: null, seen: "", readAt: 0, asking: false };
const chains = new Map();

/** Reads the map anew where something changed. */
export async function drawCoverage(page) {
  const names = inOrder(page).map((one) => one.currency);
  if (!names.includes(view.currency)) select(names[0] ?? null);
  tabs(names);
  const tally = page.currencies.find((one) => one.currency === view.currency);
  if (!tally) return;
  const key = JSON.stringify(tally);
  if (key === view.seen || view.asking || document.hidden || Date.now() - view.readAt < AGAIN_MS) return;
  await read(key);
}

async function read(key) {
  view.asking = true;
  view.readAt = Date.now();
  const currency = view.currency;
  try {
    const { expiries } = await ask(`/api/coverage?currency=${encodeURIComponent(currency)}`);
    if (currency !== view.currency) return;
    chains.clear();
    Object.assign(view, { expiries, seen: key });
    repaintMap();
    table();
  } catch {
    // The next news asks again.
  } finally {
    view.asking = false;
  }
}

function select(currency) {
  Object.assign(view, { currency, expiries: [], at: null, seen: "", readAt: 0 });
  chains.clear();
  text("map-words", "");
}

function tabs(names) {
  redraw("coverage-tabs", [names, view.currency], () => names.map((name) =>
    el("button", {
      type: "button", role: "tab", id: `tab-${names.indexOf(name)}`, "aria-selected": String(name === view.currency), "aria-controls": "coverage-panel",
      tabindex: name === view.currency ? "0" : "-1",
      onclick: () => choose(name, names),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        choose(names[(names.indexOf(name) + step + names.length) % names.length], names, true);
      },
    }, safe(name))));
  const at = names.indexOf(view.currency);
  if (at >= 0) $("coverage-panel").setAttribute("aria-labelledby", `tab-${at}`);
}

function choose(name, names, focus = false) {
  select(name);
  tabs(names);
  if (focus) $(`tab-${names.indexOf(name)}`).focus();
  read("");
}

/** Paints the map as it is known. */
export function repaintMap() {
  if (view.expiries.length === 0) return;
  view.plan = layout(view.expiries, $("map-scroll").clientWidth - 4);
  paint($("map-canvas"), view.expiries, view.plan, view.at);
  const counts = count(view.expiries.map((one) => one.cells).join(""));
  $("map").setAttribute("aria-label", `${safe(view.currency)}: ${counted(view.expiries.length, "expiry").replace("expirys", "expiries")}, ${STATES.map(([name, label]) => `${label.toLowerCase()} ${grouped(counts[name])}`).join(", ")}`);
  redraw("map-legend", counts, () => STATES.map(([name, label]) =>
    el("li", {}, el("span", { class: `swatch ${name}` }), `${label} `, el("b", {}, grouped(counts[name])))));
}

function count(cells) {
  const counts = { stored: 0, empty: 0, attention: 0, pending: 0 };
  for (const letter of cells) counts[stateOf(letter)] += 1;
  return counts;
}

function table() {
  redraw("coverage-rows", [view.currency, view.expiries], () => view.expiries.map((one) => {
    const counts = count(one.cells);
    const cells = [one.cells.length, counts.stored, counts.empty, counts.attention, counts.pending, one.rows];
    return el("tr", {}, el("th", { scope: "row" }, one.expiry ?? "names that do not parse"), cells.map((value) => el("td", { class: "n" }, grouped(value))));
  }));
}

/** The options of an expiry, in the order of its cells. */
async function chain(expiry) {
  const key = expiry.expiry ?? "";
  if (!chains.has(key)) {
    if (chains.size >= CHAINS_KEPT) chains.delete(chains.keys().next().value);
    chains.set(key, ask(`/api/chain?currency=${encodeURIComponent(view.currency)}&expiry=${key}`).catch((error) => {
      chains.delete(key);
      throw error;
    }));
  }
  return (await chains.get(key)).options;
}

async function option(at) {
  const expiry = view.expiries[at[0]];
  return expiry ? (await chain(expiry))[at[1]] : undefined;
}

async function tell(at) {
  const expiry = view.expiries[at[0]];
  if (!expiry) return;
  const state = stateOf(expiry.cells[at[1]]);
  const short = `${expiry.expiry ?? "names that do not parse"}: ${state}`;
  text("map-words", short);
  try {
    const one = await option(at);
    if (one && view.at && at[0] === view.at[0] && at[1] === view.at[1]) {
      const bars = one.rows > 0 ? `, ${counted(one.rows, "bar")} from ${one.first_bar} to ${one.last_bar}` : "";
      text("map-words", `${safe(one.symbol)}: ${one.state}${bars}${one.reason ? ` (${safe(one.reason)})` : ""}`);
    }
  } catch {
    // What is known is told.
  }
}

function go(at, quiet = false) {
  view.at = at;
  paint($("map-canvas"), view.expiries, view.plan, view.at);
  if (at && !quiet) {
    const left = at[0] * view.plan.column;
    const scroll = $("map-scroll");
    if (left < scroll.scrollLeft) scroll.scrollLeft = left - 20;
    else if (left > scroll.scrollLeft + scroll.clientWidth - 30) scroll.scrollLeft = left - scroll.clientWidth + 60;
  }
  if (at) tell(at);
}

async function enter(at) {
  try {
    const one = await option(at);
    if (one) await openStory(one.symbol);
  } catch (error) {
    text("map-words", safe(error.message));
  }
}

const map = $("map");
const under = (event) => {
  const box = $("map-canvas").getBoundingClientRect();
  return view.plan && cellAt(view.expiries, view.plan, event.clientX - box.left, event.clientY - box.top);
};
map.addEventListener("pointermove", (event) => {
  const at = under(event);
  map.classList.toggle("over", Boolean(at));
  if (at && !(view.at && at[0] === view.at[0] && at[1] === view.at[1])) go(at, true);
});
map.addEventListener("click", (event) => {
  const at = under(event);
  if (!at) return;
  go(at, true);
  enter(at);
});
map.addEventListener("focus", () => {
  if (!view.at && view.expiries.length > 0) go([0, 0]);
});
map.addEventListener("keydown", (event) => {
  if (!view.plan || view.expiries.length === 0) return;
  const [x, y] = view.at ?? [0, 0];
  const end = view.expiries.length - 1;
  const to = {
    ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y + 1], ArrowDown: [x, y - 1], PageUp: [x + 10, y], PageDown: [x - 10, y], Home: [0, y], End: [end, y],
  }[event.key];
  if (to) {
    event.preventDefault();
    const column = Math.min(end, Math.max(0, to[0]));
    go([column, Math.min(view.expiries[column].cells.length - 1, Math.max(0, to[1]))]);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (view.at) enter(view.at);
  }
});

new ResizeObserver(repaintMap).observe($("map-scroll"));
